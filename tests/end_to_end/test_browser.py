"""The main job as people see it, in a real browser."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from projects.kinds import registry
from projects.kit.label_studio import LabelStudioWriter
from projects.vocabulary import Json, Mark, Task, as_answer
from scripts.demo import TRAINEES, true_answers
from scripts.label_studio import invite_link, sign_up
from scripts.people import ErrorModel, Person, join
from scripts.programs import House
from tests.end_to_end.conftest import FEEDBACK_PICTURE

pytestmark = [pytest.mark.live, pytest.mark.browser]

INTENT = registry.load("intent")
DETAILS = registry.load("details")
ANNOTATOR = "maya@demo.example"
PASSWORD = "a-long-password-1"
TRAINEE = next(iter(TRAINEES))
WORD = """(word) => {
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node; (node = walk.nextNode()); ) {
        const at = node.data.indexOf(word);
        if (at < 0) continue;
        const range = document.createRange();
        range.setStart(node, at);
        range.setEnd(node, at + word.length);
        const box = range.getBoundingClientRect();
        return [box.x + box.width / 2, box.y + box.height / 2];
    }
}"""
"""Where on the page a word stands."""


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def annotator(house: House) -> str:
    """The token of somebody new in production."""
    invite = invite_link(house.production.url, house.production.token)
    return sign_up(invite, email=ANNOTATOR, password=PASSWORD)


def sign_in(page: Page, address: str, email: str, password: str) -> None:
    page.goto(address)
    page.fill("input[name=email]", email)
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")
    page.wait_for_load_state("networkidle")


def open_next_task(page: Page, house: House, project: int) -> Json:
    """Press "Label All Tasks"; returns the task that then stands on the page."""
    page.goto(f"{house.production.url}/projects/{project}/data")
    with page.expect_response(lambda answer: "id=next_task" in answer.url) as answered:
        page.locator("button", has_text="Label All Tasks").first.click()
    expect(page.locator("button", has_text="Submit").first).to_be_visible()
    if page.get_by_text("Labeling Instructions").count():
        page.keyboard.press("Escape")
        expect(page.get_by_text("Labeling Instructions")).to_have_count(0)
    return dict(answered.value.json())


def submit(page: Page) -> None:
    with page.expect_response(lambda answer: "/annotations" in answer.url and answer.ok):
        page.locator("button", has_text="Submit").first.click()


@pytest.mark.timeout(600)
def test_an_annotator_corrects_and_a_trainee_sees_the_difference(
    house: House, summary: dict[str, Any], production: LabelStudioWriter, annotator: str, page: Page
) -> None:
    assert summary["clones_exact"]
    assert annotator
    project = next(p for p in production.projects() if p.title == INTENT.title)
    sign_in(page, f"{house.production.url}/user/login/", ANNOTATOR, PASSWORD)
    task = open_next_task(page, house, project.id)
    suggested = [mark.label for mark in INTENT.read(task["predictions"][0]["result"], task["data"])]
    practised = practice_answer(house, task["data"]["message_id"])
    others = [label for label in INTENT.labels if label not in (*suggested, practised)]
    corrected, wrong = others[0], (suggested or others[1:])[0]

    expect(page.get_by_role("checkbox", checked=True)).to_have_count(len(suggested))
    for label in suggested:  # none where the model is not sure enough to say anything
        expect(page.get_by_role("checkbox", name=label).first).to_be_checked()
    page.screenshot(path=str(house.state.folder / "annotating.png"))
    page.get_by_role("checkbox", name=corrected).first.check()
    submit(page)
    committed = production.annotations(task["id"])
    assert INTENT.read(committed[-1].regions, task["data"])[0].label == corrected

    answered = practise(house, task["data"]["message_id"], wrong=wrong)
    copy = practice_task(house, task["data"]["message_id"])
    assert copy is not None
    sign_in(page, f"{house.sync_url}/", TRAINEE, house.secrets.people_password)
    find_feedback(page, house, copy.data["text"])
    content = page.locator("main")
    if copy.data["text"] == task["data"]["text"]:  # in one of ten gold stands in its place
        expect(content).to_contain_text(corrected)
    expect(content).to_contain_text(answered)
    page.screenshot(path=str(house.state.folder / FEEDBACK_PICTURE), full_page=True)


def practice_answer(house: House, message_id: str) -> str | None:
    """What the trainee has already answered to this message, if anything."""
    found = practice_task(house, message_id)
    if found is None or not found.annotations:
        return None
    return INTENT.read(found.annotations[0].regions, found.data)[0].label


def practice_task(house: House, message_id: str) -> Task | None:
    sandbox = LabelStudioWriter(house.sandbox.url, house.sandbox.token)
    try:
        project = next(
            p for p in sandbox.projects() if p.title.startswith(INTENT.title) and TRAINEE in p.title
        )
        tasks = sandbox.tasks(project.id)
        return next((t for t in tasks if t.data["message_id"] == message_id), None)
    finally:
        sandbox.close()


def practise(house: House, message_id: str, *, wrong: str) -> str:
    """Let the trainee work through the queue, wrong on this message, until it is answered."""
    person = trainee(house, message_id, wrong)
    deadline = time.monotonic() + 180
    try:
        while time.monotonic() < deadline:
            done = practice_answer(house, message_id)
            if done is not None:
                return done
            if not person.work_one(own_project(person), INTENT):
                time.sleep(0.5)
    finally:
        person.close()
    raise AssertionError("the copy of the task never came")


def own_project(person: Person) -> int:
    return next(
        number
        for title, number in person.projects().items()
        if title.startswith(INTENT.title) and TRAINEE in title
    )


def trainee(house: House, message_id: str, wrong: str) -> Person:
    """Somebody of the demo, who is right about everything but this message."""
    known = true_answers()
    known[INTENT.name][message_id] = as_answer([Mark(INTENT.control, wrong)])
    return join(
        house.sandbox.url,
        house.sandbox.token,
        email=TRAINEE,
        password=house.secrets.people_password,
        errors=ErrorModel(),
        truth=known,
        seed=1,
    )


def find_feedback(page: Page, house: House, text: str) -> None:
    """Open the comparison of this message from the trainee's own list."""
    start = " ".join(text.split())[:30]
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        page.goto(f"{house.sync_url}/")
        row = page.get_by_role("link").filter(has_text=start)
        if row.count():
            row.first.click()
            page.wait_for_load_state("networkidle")
            return
        time.sleep(0.5)
    raise AssertionError(f"no feedback on the list: {page.locator('main').inner_text()[:500]}")


def test_a_trainer_sees_everybodys_agreement_with_its_interval(
    house: House, summary: dict[str, Any], page: Page
) -> None:
    assert summary["practice"]["scores"]
    sandbox = house.sandbox
    sign_in(page, f"{house.sync_url}/trainer", sandbox.email, sandbox.password)
    page.goto(f"{house.sync_url}/trainer")
    for row in summary["practice"]["scores"]:
        expect(page.locator("main")).to_contain_text(row["email"])
    page.screenshot(path=str(house.state.folder / "trainer.png"), full_page=True)


def test_a_trainee_cannot_open_the_trainers_page(house: House, page: Page) -> None:
    sign_in(page, f"{house.sync_url}/", TRAINEE, house.secrets.people_password)
    answer = page.goto(f"{house.sync_url}/trainer")
    assert answer is not None
    assert answer.status in (403, 404)


def test_a_word_marked_after_emoji_is_read_back_exactly(
    house: House, production: LabelStudioWriter, annotator: str, page: Page
) -> None:
    assert annotator
    text = "😀😀 Meet Maria on Friday"
    config = DETAILS.label_config
    project = production.create_project("Emoji in the editor", label_config=config)
    (task_id,) = production.import_tasks(
        project.id, [{"data": {"message_id": "emoji", "text": text, "heading": "", "context": ""}}]
    )
    sign_in(page, f"{house.production.url}/user/login/", ANNOTATOR, PASSWORD)
    open_next_task(page, house, project.id)
    page.keyboard.press("1")
    x, y = page.evaluate(WORD, "Maria")
    page.mouse.dblclick(x, y)
    submit(page)
    (annotation,) = production.annotations(task_id)
    (mark,) = DETAILS.read(annotation.regions, {"text": text})
    assert (mark.label, text[mark.start : mark.end]) == ("Person", "Maria")
