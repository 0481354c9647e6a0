"""The servers that other tests stand on come up, serve, and end."""

from __future__ import annotations

import signal
import subprocess
import sys

import psycopg
import pytest
from playwright.sync_api import Browser

from projects.kit.label_studio import LabelStudioWriter
from tests.support import live, processes, sharing


@pytest.mark.postgres
def test_postgres_url_is_a_database_over_tcp(postgres_url: str) -> None:
    assert "@127.0.0.1:" in postgres_url
    with psycopg.connect(postgres_url) as connection:
        row = connection.execute("SELECT inet_server_addr() IS NOT NULL").fetchone()
    assert row == (True,)


@pytest.mark.browser
def test_chromium_shows_a_page(chromium: Browser) -> None:
    with chromium.new_context() as context:
        page = context.new_page()
        page.set_content("<h1>Hello</h1>")
        assert page.inner_text("h1") == "Hello"


@pytest.mark.live
def test_production_and_sandbox_are_two_servers(
    live_production: LabelStudioWriter, live_sandbox: LabelStudioWriter
) -> None:
    assert live_production.url != live_sandbox.url
    assert live_production.is_healthy()
    assert live_sandbox.is_healthy()


@pytest.mark.live
def test_a_person_who_signs_up_has_a_token(live_production: LabelStudioWriter) -> None:
    token = live.sign_up(live_production, "someone@example.com")
    theirs = LabelStudioWriter(live_production.url, token)
    assert theirs.request("GET", "/api/current-user/whoami")["email"] == "someone@example.com"
    theirs.close()


def test_stop_ends_a_process_that_ignores_being_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "TERM_SECONDS", 0.3)
    code = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True)"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{code}; time.sleep(60)"],
        start_new_session=True,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    with process.stdout as output:
        output.readline()
    processes.stop(process)
    assert process.returncode == -signal.SIGKILL


def test_tests_that_share_servers_are_one_group_and_the_longest_begin_first() -> None:
    product = ["end_to_end/test_up.py", "end_to_end/test_browser.py"]
    servers = ["contracts/test_label_studio_events.py", "abuse/test_forms_live.py"]
    assert {sharing.group(path) for path in product} == {"the whole product"}
    assert {sharing.group(path) for path in servers} == {"real servers"}
    alone = ["sealed/test_curious_live.py", "projects/kit/test_web.py"]
    assert [sharing.group(path) for path in alone] == alone
    places = [sharing.place(path) for path in (product[0], servers[0], *alone)]
    assert places == sorted(set(places))
