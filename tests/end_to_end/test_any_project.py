"""Practice on a project that nobody made a kind for: added, worked on, compared, shown, removed."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
from playwright.sync_api import Browser, Page, expect

from projects.kit.label_studio import LabelStudioWriter
from projects.vocabulary import Json, Project
from scripts.label_studio import invite_link, sign_up
from scripts.programs import House
from tests.end_to_end.conftest import understudy

pytestmark = [pytest.mark.live, pytest.mark.browser]

CONFIG = """<View>
  <Text name="report" value="$report"/><Image name="photo" value="$photo"/>
  <RectangleLabels name="damage" toName="photo">
    <Label value="Dent"/><Label value="Scratch"/>
  </RectangleLabels>
  <Choices name="cause" toName="photo" perRegion="true">
    <Choice value="Hail"/><Choice value="Crash"/>
  </Choices>
  <BrushLabels name="mask" toName="photo"><Label value="Glass"/></BrushLabels>
  <Choices name="blame" toName="report"><Choice value="Driver"/><Choice value="Nobody"/></Choices>
  <TextArea name="note" toName="report"/>
</View>"""
TRAINEE = "noor@example.com"
PASSWORD = "a-long-password-1"
WAIT_SECONDS = 120
Found = TypeVar("Found")


def answer(
    width: float, height: float, *, label: str, cause: str, blame: str, note: str
) -> list[Json]:
    place = {"x": 10, "y": 10, "width": width, "height": height, "rotation": 0}
    drawn = {"to_name": "photo", "original_width": 800, "original_height": 600}
    far = {"x": 70, "y": 70, "width": 20, "height": 10, "rotation": 0}
    return [
        {
            **drawn,
            "id": "a",
            "from_name": "damage",
            "type": "rectanglelabels",
            "value": place | {"rectanglelabels": ["Dent"]},
        },
        {
            **drawn,
            "id": "b",
            "from_name": "damage",
            "type": "rectanglelabels",
            "value": far | {"rectanglelabels": ["Scratch"]},
        },
        {
            **drawn,
            "id": "b",
            "from_name": "cause",
            "type": "choices",
            "value": far | {"choices": [cause]},
        },
        {
            "id": "c",
            "from_name": "blame",
            "to_name": "report",
            "type": "choices",
            "value": {"choices": [blame]},
        },
        {
            "id": "d",
            "from_name": "note",
            "to_name": "report",
            "type": "textarea",
            "value": {"text": [note]},
        },
    ]


@pytest.fixture
def project(production: LabelStudioWriter) -> Project:
    made = production.create_project("Damage", label_config=CONFIG)
    rows = [
        {"data": {"report": f"Car number {n} was hit.", "photo": "s3://bucket/car.png"}}
        for n in range(3)
    ]
    production.import_tasks(made.id, rows)
    return made


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1300, "height": 900})
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return understudy(*arguments, timeout=180)


def patiently(look: Callable[[], Found | None]) -> Found:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(1)
    raise AssertionError("it did not come")


def test_a_sandbox_behind_a_project_without_a_kind(
    house: House, production: LabelStudioWriter, project: Project, page: Page
) -> None:
    state = ("--state", str(house.state.folder))
    refused = command("sandbox", "add", str(project.id), *state)
    assert refused.returncode == 1
    assert "mask: <BrushLabels> cannot be compared" in refused.stderr
    wanted = ("--ignore", "mask", "--weight", "damage=2")
    dry = command("sandbox", "add", str(project.id), *wanted, "--dry-run", *state)
    assert dry.returncode == 0, dry.stderr
    assert "shapes" in dry.stdout
    assert "Trainees will not see them" in dry.stdout
    added = command("sandbox", "add", str(project.id), *wanted, *state)
    assert added.returncode == 0, added.stderr
    assert "Damage" in command("sandbox", "list", *state).stdout

    token = sign_up(
        invite_link(house.sandbox.url, house.sandbox.token), email=TRAINEE, password=PASSWORD
    )
    trainee = LabelStudioWriter(house.sandbox.url, token)
    title = f"Damage #{project.id}"
    own = patiently(
        lambda: next(
            (p for p in trainee.projects() if p.title.startswith(title) and TRAINEE in p.title),
            None,
        )
    )
    copies = patiently(lambda: found if len(found := list(trainee.tasks(own.id))) == 3 else None)
    first = copies[0]
    (origin,) = [t for t in production.tasks(project.id) if t.data == first.data]
    trainee.create_annotation(
        first.id,
        answer(
            40, 15, label="Scratch", cause="Hail", blame="Nobody", note="small dent in the door"
        ),
    )
    production.create_annotation(
        origin.id,
        answer(
            40, 30, label="Scratch", cause="Crash", blame="Driver", note="large dent in the door"
        ),
    )
    trainee.close()

    page.goto(f"{house.sync_url}/")
    page.fill("input[name=email]", TRAINEE)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_load_state("networkidle")

    def find() -> bool | None:
        page.goto(f"{house.sync_url}/")
        row = page.get_by_role("link").filter(has_text="Car number")
        if not row.count():
            return None
        row.first.click()
        page.wait_for_load_state("networkidle")
        return True

    patiently(find)
    page.screenshot(path=str(house.state.folder / "any-project.png"), full_page=True)
    main = page.locator("main")
    expect(main).to_contain_text("You marked Dent at the top left, 6% of the picture; production")
    expect(main).to_contain_text("larger")
    expect(main).to_contain_text("you said cause Hail, production said cause Crash")
    expect(main).to_contain_text("blame: You chose Nobody, production chose Driver.")
    expect(main).to_contain_text("You wrote “small dent in the door”")
    expect(main).to_contain_text("Not compared: mask")
    expect(page.locator("svg.picture polygon")).to_have_count(4)
    # Boxes 2 * (0.5 + 1) / 4, counted twice; cause and blame nothing; of the 22 characters of
    # the note 5 are to be changed. (1.5 + 0 + 0 + 17 / 22) / 5 = 0.4545.
    expect(page.locator(".badge")).to_contain_text("45%")

    gone = command("sandbox", "remove", str(project.id), *state)
    assert gone.returncode == 0, gone.stderr
    assert "ends within a minute" in gone.stdout
