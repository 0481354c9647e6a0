"""The pages as people meet them: on a narrow screen, with the keyboard, with a screen reader."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

from tests.sandbox_sync.house import ADA, ADMIN, INTENT, House, choice, running_house
from tests.sandbox_sync.test_gold_and_appeals import CONTACT, comparison, contest, digest
from tests.sandbox_sync.test_order import worker_answers
from tests.sandbox_sync.test_pages import HTML, PASSWORD, LoginForm, compared, sign_in
from tests.support.processes import free_port

pytestmark = pytest.mark.browser

NARROW, WIDE = 390, 1300
TOO_WIDE = "document.documentElement.scrollWidth - window.innerWidth"
NAMELESS = """() => [...document.querySelectorAll('a, button, input, select, textarea')]
    .filter(e => e.type !== 'hidden' && !e.labels?.length
        && !(e.getAttribute('aria-label') || e.innerText || '').trim())
    .map(e => e.outerHTML)"""
"""Everything one can use whose purpose only shows to those who see where it stands."""
UNNAMED_CELLS = """() => [...document.querySelectorAll('table.stacked tbody td')]
    .filter(cell => !cell.dataset.name && cell.innerText.trim() && !cell.querySelector('form'))
    .map(cell => cell.outerHTML)"""
"""On a narrow screen the head of a table is gone."""
LEVELS = "() => [...document.querySelectorAll('h1, h2, h3, h4')].map(h => +h.tagName[1])"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[str]]]:
    """The address of a house in which much has happened, and every page of a trainer."""
    login = LoginForm()
    with running_house(
        tmp_path_factory.mktemp("pages"),
        sign_in=httpx.MockTransport(login),
        production_contacts=[CONTACT],
    ) as house:
        login.ids.update({u.email: u.id for u in house.sandbox.store.users.values()})
        with served(house) as address:
            yield address, pages(house)


def pages(house: House) -> list[str]:
    """Comparisons, a key, an appeal and a changed config, and where they are shown."""
    compared(house)
    (task,) = house.publish("intent", ["Twice"])
    house.reconcile()
    house.answer("intent", task, choice(INTENT.labels[0]))
    worker_answers(house, "w2@example.com", task, INTENT.labels[1])
    house.practise(ADA, "intent", task, choice(INTENT.labels[2]))
    house.reconcile()
    number = comparison(house, ADA)
    assert contest(house, number) == 303
    sign_in(house, ADMIN)
    key = f"/trainer/snapshots/{digest(house)}"
    house.client.post(f"{key}/key", data={"answer": "label-1", "in_queue": "yes"}, headers=HTML)
    config = INTENT.label_config.replace('value="Cancel"', 'value="Call off"')
    house.production.writer().update_project(house.projects["intent"], label_config=config)
    house.reconcile()
    trainee = f"/trainer/trainee/{house.sandbox.user_id(ADA)}"
    parts = ("", "/gold", "/appeals", "/appeals/1", "/changes", "/hours")
    return [*(f"/trainer{part}" for part in parts), trainee, key, f"/feedback/{number}"]


@contextmanager
def served(house: House) -> Iterator[str]:
    """The app of a house on a port, as long as the block lasts."""
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(house.client.app, port=port, lifespan="off", log_level="warning")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def opened(chromium: Browser, address: str, email: str, width: int) -> Page:
    page = chromium.new_context(viewport={"width": width, "height": 800}).new_page()
    page.goto(f"{address}/sign-in")
    page.fill("[name=email]", email)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url(f"{address}/*")
    return page


@pytest.fixture
def trainee_page(chromium: Browser, world: tuple[str, list[str]]) -> Iterator[Page]:
    """A trainer's page about ADA."""
    address, trainers = world
    page = opened(chromium, address, ADMIN, WIDE)
    page.goto(f"{address}{trainers[6]}")
    yield page
    page.context.close()


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_every_page_fits_and_says_what_everything_is(
    chromium: Browser, world: tuple[str, list[str]], width: int
) -> None:
    address, trainers = world
    for email, paths in ((ADMIN, trainers), (ADA, ["/", "/settings", trainers[-1]])):
        page = opened(chromium, address, email, width)
        for path in paths:
            answer = page.goto(f"{address}{path}")
            assert answer is not None
            assert answer.status == 200, path
            assert page.evaluate(TOO_WIDE) <= 0, path
            assert page.evaluate(NAMELESS) == [], path
            assert page.evaluate(UNNAMED_CELLS) == [], path
            levels = page.evaluate(LEVELS)
            assert levels.count(levels[0]) == levels.count(1) == 1, path
            steps = [after - before for before, after in pairwise(levels)]
            assert max(steps, default=0) <= 1, path
        page.context.close()


def test_a_trainer_pauses_with_the_keyboard_alone(trainee_page: Page) -> None:
    page = trainee_page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Skip to the content"
    page.keyboard.press("Enter")
    for words in ("Pause all kinds", "Resume all kinds"):
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.innerText") == words:
                break
        page.keyboard.press("Enter")
        page.wait_for_load_state()
        done = "Paused" if words.startswith("Pause") else "Active"
        page.get_by_text(done, exact=True).first.wait_for()


def test_a_trainer_ends_practice_and_takes_the_trainee_back(trainee_page: Page) -> None:
    page = trainee_page
    page.get_by_role("button", name="End practice").click()
    expect(page.get_by_text(f"Ended by {ADMIN}")).to_be_visible()
    expect(page.get_by_role("button", name="Pause all kinds")).to_have_count(0)
    page.get_by_role("button", name="Take back into practice").click()
    expect(page.get_by_text("The queues are kept full.")).to_be_visible()
    expect(page.get_by_role("button", name="End practice")).to_be_visible()
