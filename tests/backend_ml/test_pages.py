"""The engineer's page: who may see it, what it says, and that nothing in a label can run."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser

from backend_ml import charts, pages
from backend_ml.app import create_app
from backend_ml.tables import ProjectRow
from projects.kit import database
from projects.kit.database import Sessions
from projects.kit.intervals import Estimate
from projects.vocabulary import Mark
from tests.backend_ml import paper
from tests.backend_ml.conftest import make_settings
from tests.support.kinds import kind_of
from tests.support.web import serving

XSS = "<script>document.title='taken'</script>"
PATHS = ("/engineer", "/engineer.json", "/engineer/plotly.js", "/engineer/engineer.css")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Any]:
    settings = make_settings(tmp_path, f"sqlite:///{tmp_path / 'x.db'}", projects={1: "intent"})
    made = create_app(settings)
    yield made
    made.state.close()


@pytest.fixture
def sessions(app: Any) -> Iterator[Sessions]:
    engine = database.make_engine(app.state.settings.database_url)
    yield database.sessions(engine)
    engine.dispose()


@pytest.fixture
def client(app: Any) -> Iterator[TestClient]:
    with TestClient(app) as made:
        made.auth = ("user", "password")
        yield made


@pytest.mark.parametrize("path", PATHS)
def test_nobody_sees_it_without_the_credential(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 200
    for auth in (("user", "wrong"), ("", "")):
        refused = client.get(path, auth=auth)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Basic ")  # a browser asks for it


def test_a_request_without_any_credential_is_refused(app: Any) -> None:
    with TestClient(app) as client:
        assert [client.get(path).status_code for path in PATHS] == [401, 401, 401, 401]


def test_a_project_without_labels_shows_dashes(client: TestClient) -> None:
    text = client.get("/engineer").text
    assert text.count(f'<p class="big">{pages.DASH}</p>') >= 5
    assert "data-chart" not in text
    assert "Nothing has been trained yet." in text
    found = client.get("/engineer.json").json()
    assert found["predict"] is None
    assert found["projects"][0]["live"] == {"random": None, "active": None, "all": None}


def test_no_project_at_all_is_said(tmp_path: Path) -> None:
    made = create_app(make_settings(tmp_path, f"sqlite:///{tmp_path / 'x.db'}"))
    with TestClient(made) as client:
        client.auth = ("user", "password")
        assert "BACKEND_ML_PROJECTS is empty" in client.get("/engineer").text
    made.state.close()


def test_the_page_and_the_json_say_the_same(client: TestClient, sessions: Sessions) -> None:
    with database.transaction(sessions) as session:
        paper.busy_project(session, kind_of("choice"), labels=300, open_tasks=20)
    text, found = client.get("/engineer").text, client.get("/engineer.json").json()
    project = found["projects"][0]
    active = project["live"]["active"]
    assert f'<p class="big">{active["value"]:.2f}</p>' in text
    assert f"[{active['low']:.2f}, {active['high']:.2f}] n = {active['n']}" in text
    assert project["labels"]["total"] == 300
    assert project["serving"]["version"] in text
    drawn = [json.loads(one) for one in re.findall(r'application/json">(.*?)</script>', text)]
    assert len(drawn) == 4
    assert all(one["data"] for one in drawn)


def test_no_text_of_a_task_is_on_the_page(client: TestClient, sessions: Sessions) -> None:
    with database.transaction(sessions) as session:
        paper.task(session, 1, "the secret of the harbour")
        paper.label(session, 1, (Mark("intent", "Cancel"),))
    for path in ("/engineer", "/engineer.json"):
        assert "harbour" not in client.get(path).text


def hostile(sessions: Sessions) -> None:
    """Names of labels, versions and problems that would run if they could."""
    answer = (Mark("intent", XSS),)
    with database.transaction(sessions) as session:
        for number in range(1, 40):
            paper.task(session, number, XSS)
            paper.label(session, number, answer, suggested=answer, confidence=0.9)
        paper.version(session, 1, name=XSS, learner=XSS, reason=XSS, state="champion",
                      held_out=0.5, held_out_low=0.4, held_out_high=0.6, held_out_n=9)  # fmt: skip
        session.add(ProjectRow(project_id=1, config="", config_problem=XSS))


def test_a_label_called_script_cannot_run(client: TestClient, sessions: Sessions) -> None:
    hostile(sessions)
    answer = client.get("/engineer")
    assert "&lt;script&gt;document.title" in answer.text
    assert "<script>document" not in answer.text
    assert "script-src 'self';" in answer.headers["content-security-policy"]


@pytest.mark.browser
def test_a_browser_draws_the_charts_and_runs_nothing_else(
    app: Any, sessions: Sessions, chromium: Browser
) -> None:
    hostile(sessions)
    with serving(app) as url:
        credential = {"username": "user", "password": "password"}
        context = chromium.new_context(http_credentials=credential)  # type: ignore[arg-type]
        page = context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text))
        page.goto(f"{url}/engineer")
        page.wait_for_selector("body[data-drawn]")
        assert page.locator("[data-chart] svg.main-svg").count() >= 4
        assert page.title() == "For engineers · Understudy"
        assert problems == []
        context.close()


def test_the_page_is_fast_with_5000_labels(client: TestClient, sessions: Sessions) -> None:
    with database.transaction(sessions) as session:
        paper.busy_project(session, kind_of("choice"), labels=5000, open_tasks=500)
    begun = time.monotonic()
    assert client.get("/engineer").status_code == 200
    first = time.monotonic() - begun
    assert first < 8  # about one second on a quiet machine
    begun = time.monotonic()
    for _ in range(3):
        client.get("/engineer.json")
    assert time.monotonic() - begun < 2  # the report is kept for a few seconds


def test_javascript_and_style_come_from_here(client: TestClient) -> None:
    page = client.get("/engineer").text
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert [one for one in sources if "//" in one] == []
    assert len(client.get("/engineer/plotly.js").content) > 1_000_000
    assert client.get("/engineer/settings.py").status_code == 404
    assert client.get("/engineer/..%2Fsettings.py").status_code == 404


def test_json_in_a_page_cannot_leave_its_element() -> None:
    text = charts.as_json({"a": "</script><b>&'"})
    assert not set("<>&'") & set(text)
    assert json.loads(text) == {"a": "</script><b>&'"}


def test_a_standalone_page_needs_no_other_file() -> None:
    figure = charts.figure([], x="x", y="y")
    page = charts.standalone(XSS, "lead", [("one", figure)])
    assert "&lt;script&gt;document.title" in page
    assert "plotly.js v" in page
    assert not re.search(r'<(?:script|link|img)[^>]+(?:src|href)="', page.split("<body>")[1])


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(None, "\u2013"), (0.00332, "3.32 ms"), (12.34, "12.3 s"), (90, "1.5 min"), (5400, "1.5 h"),
     (172800, "2.0 d")],
)  # fmt: skip
def test_durations_are_said_as_people_say_them(seconds: float | None, expected: str) -> None:
    assert pages.duration(seconds) == expected


def test_estimates_and_moments_in_words() -> None:
    estimate = Estimate(0.875, 0.5, 1.0, 8)
    assert pages.value(estimate) == "0.88"
    assert pages.interval(estimate) == "[0.50, 1.00] n = 8"
    assert (pages.value(None), pages.interval(None)) == ("\u2013", "")
    assert (
        pages.moment(datetime(2026, 3, 1, 9, 5, 59, tzinfo=UTC).isoformat()) == "2026-03-01 09:05"
    )
    assert pages.pairs({"a": 1, "b": 7, "c": 0}) == "7 b, 1 a"


def test_stretches_of_time_have_names() -> None:
    assert [charts.stretch(n) for n in (60, 600, 3600, 21600, 604800, 2419200)] == [
        "minute", "10 minutes", "hour", "6 hours", "week", "4 weeks",
    ]  # fmt: skip


def test_a_gap_in_a_line_stays_a_gap() -> None:
    one = {"value": 0.5, "low": 0.25, "high": 0.625, "n": 4}
    drawn = charts.line("a<b", [1, 2], [one, None])
    assert drawn["y"] == [0.5, None]
    assert drawn["error_y"]["array"] == [0.125, None]
    assert drawn["error_y"]["arrayminus"] == [0.25, None]
    assert drawn["name"] == "a&lt;b"


def test_old_versions_are_in_the_json_only(app: Any, sessions: Sessions) -> None:
    with database.transaction(sessions) as session:
        for number in range(1, 36):
            paper.version(session, number)
    it = app.state.reports.newest().projects[0]
    assert (len(it.versions), len(pages.view(it).versions), pages.view(it).more) == (35, 30, 5)
