"""Practice on projects that nobody made a kind for: added, worked on, compared, shown, removed.

One shows a picture that was uploaded to production, the other a recording.
"""

from __future__ import annotations

import io
import struct
import time
import wave
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from projects.kit.label_studio import LabelStudioWriter
from projects.vocabulary import Json, Task
from scripts.label_studio import invite_link, sign_up
from scripts.programs import House
from tests.end_to_end.conftest import understudy

pytestmark = [pytest.mark.live, pytest.mark.browser]

CARS = """<View>
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
SOUNDS = """<View>
  <Audio name="sound" value="$sound"/>
  <Labels name="heard" toName="sound"><Label value="Cough"/><Label value="Speech"/></Labels>
</View>"""
WIDTH, HEIGHT = 80, 60
TRAINEE = "noor@example.com"
PASSWORD = "a-long-password-1"
WAIT_SECONDS = 120
IS_SHOWN = "image => image.complete && image.naturalWidth"
Found = TypeVar("Found")


def png() -> bytes:
    """A small grey picture."""

    def chunk(name: bytes, content: bytes) -> bytes:
        checked = name + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 0, 0, 0, 0)
    rows = (b"\0" + bytes(min(100 + 2 * y + x, 255) for x in range(WIDTH)) for y in range(HEIGHT))
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(b"".join(rows))))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def wav(seconds: int) -> bytes:
    """Silence."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(2 * 8000 * seconds))
    return stream.getvalue()


def car(height: float, *, cause: str, blame: str, note: str) -> list[Json]:
    """A dent of this height, a scratch with its cause, and what the report is taken for."""
    drawn = {"to_name": "photo", "original_width": WIDTH, "original_height": HEIGHT}
    dent = {"x": 10, "y": 10, "width": 40, "height": height, "rotation": 0}
    scratch = {"x": 70, "y": 70, "width": 20, "height": 10, "rotation": 0}
    boxes = {"from_name": "damage", "type": "rectanglelabels"}
    said = {"to_name": "report"}
    return [
        drawn | boxes | {"id": "a", "value": dent | {"rectanglelabels": ["Dent"]}},
        drawn | boxes | {"id": "b", "value": scratch | {"rectanglelabels": ["Scratch"]}},
        drawn
        | {"id": "b", "from_name": "cause", "type": "choices"}
        | {"value": scratch | {"choices": [cause]}},
        said
        | {"id": "c", "from_name": "blame", "type": "choices"}
        | {"value": {"choices": [blame]}},
        said | {"id": "d", "from_name": "note", "type": "textarea", "value": {"text": [note]}},
    ]


def sound(*heard: tuple[str, float, float]) -> list[Json]:
    """Stretches of a recording."""
    common = {"from_name": "heard", "to_name": "sound", "type": "labels", "original_length": 20}
    return [
        common | {"id": f"s{n}", "value": {"start": start, "end": end, "labels": [label]}}
        for n, (label, start, end) in enumerate(heard)
    ]


@dataclass(frozen=True)
class World:
    """Two projects that were added, and one trainee."""

    state: tuple[str, str]
    cars: int
    sounds: int
    production: LabelStudioWriter
    trainee: LabelStudioWriter

    def copies(self, title: str, number: int) -> list[Task]:
        """The trainee's copies, as soon as there are as many."""

        def look() -> list[Task] | None:
            projects = [p for p in self.trainee.projects() if p.title.startswith(title)]
            own = [p for p in projects if TRAINEE in p.title]
            found = list(self.trainee.tasks(own[0].id)) if own else []
            return found if len(found) == number else None

        return patiently(look)


@pytest.fixture(scope="module")
def world(house: House) -> Iterator[World]:
    state = ("--state", str(house.state.folder))
    production = LabelStudioWriter(house.production.url, house.production.token)
    files = production.create_project("Files", label_config=SOUNDS).id
    photo = uploaded(house, files, "car.png", png(), "image/png")
    recording = uploaded(house, files, "visit.wav", wav(20), "audio/x-wav")
    cars = production.create_project("Damage", label_config=CARS).id
    rows = [{"data": {"report": f"Car number {n} was hit.", "photo": photo}} for n in range(2)]
    production.import_tasks(cars, rows)
    sounds = production.create_project("Clinic", label_config=SOUNDS).id
    production.import_tasks(sounds, [{"data": {"sound": recording}}])

    refused = understudy("sandbox", "add", str(cars), *state)
    assert refused.returncode == 1
    assert "mask: <BrushLabels> cannot be compared" in refused.stderr
    added = understudy(
        *("sandbox", "add", str(cars), "--ignore", "mask", "--weight", "damage=2", *state)
    )
    assert added.returncode == 0, added.stderr
    assert "shapes" in added.stdout
    again = understudy("sandbox", "add", str(sounds), "--try-again", *state)
    assert again.returncode == 0, again.stderr
    listed = understudy("sandbox", "list", *state).stdout
    assert "latest, try again" in listed
    assert "Damage" in listed

    invite = invite_link(house.sandbox.url, house.sandbox.token)
    token = sign_up(invite, email=TRAINEE, password=PASSWORD)
    trainee = LabelStudioWriter(house.sandbox.url, token)
    yield World(state, cars, sounds, production, trainee)
    trainee.close()
    production.close()


def uploaded(house: House, project: int, name: str, content: bytes, kind: str) -> str:
    """The address of a file that was uploaded to production, as a person does on its page."""
    with httpx.Client(
        base_url=house.production.url,
        headers={"Authorization": f"Token {house.production.token}"},
        timeout=60,
        trust_env=False,
    ) as http:
        answer = http.post(
            f"/api/projects/{project}/import",
            params={"commit_to_project": "false"},
            files={"file": (name, content, kind)},
        )
        (number,) = answer.raise_for_status().json()["file_upload_ids"]
        stored = http.get(f"/api/import/file-upload/{number}").raise_for_status().json()
    return f"/data/{stored['file']}"


@pytest.fixture
def page(chromium: Browser, house: House, world: World) -> Iterator[Page]:
    """A browser in which the trainee has signed in to the practice pages."""
    context = chromium.new_context(viewport={"width": 1300, "height": 900})
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.goto(f"{house.sync_url}/")
    page.fill("input[name=email]", TRAINEE)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_load_state("networkidle")
    yield page
    context.close()


def patiently(look: Callable[[], Found | None]) -> Found:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(1)
    raise AssertionError("it did not come")


def open_feedback(page: Page, house: House, kind: str) -> None:
    """The newest comparison of this project, as soon as it is on the trainee's list."""

    def look() -> bool | None:
        page.goto(f"{house.sync_url}/")
        row = page.locator("tr").filter(has_text=kind).get_by_role("link")
        if not row.count():
            return None
        row.first.click()
        page.wait_for_load_state("networkidle")
        return True

    patiently(look)


def test_shapes_are_compared_and_shown_on_the_picture(
    house: House, world: World, page: Page
) -> None:
    first = world.copies(f"Damage #{world.cars}", 2)[0]
    assert first.data["photo"].startswith(f"{house.sync_url}/media/")
    tasks = world.production.tasks(world.cars)
    (origin,) = [t for t in tasks if t.data["report"] == first.data["report"]]
    world.trainee.create_annotation(
        first.id, car(15, cause="Hail", blame="Nobody", note="small dent in the door")
    )
    world.production.create_annotation(
        origin.id, car(30, cause="Crash", blame="Driver", note="large dent in the door")
    )
    open_feedback(page, house, f"Damage #{world.cars}")
    page.screenshot(path=str(house.state.folder / "picture.png"), full_page=True)
    main = page.locator("main")
    expect(main).to_contain_text(
        "You marked Dent at the top left, 6% of the picture; the reference has it larger"
    )
    expect(main).to_contain_text("you said cause Hail; the reference says cause Crash")
    expect(main).to_contain_text("blame: You chose Nobody; the reference answer is Driver.")
    expect(main).to_contain_text("You wrote “small dent in the door”")
    expect(main).to_contain_text("Not compared: mask")
    expect(page.locator(".picture polygon:not(.halo)")).to_have_count(4)
    photos = page.locator(".picture img").all()
    assert [photo.evaluate(IS_SHOWN) for photo in photos] == [WIDTH, WIDTH]
    # Boxes 2 * (0.5 + 1) / 4, counted twice; cause and blame nothing; of the 22 characters of
    # the note 5 are to be changed. (1.5 + 0 + 0 + 17 / 22) / 5 = 0.4545.
    expect(page.locator(".badge")).to_contain_text("45%")


def test_stretches_of_a_recording_may_be_tried_again(
    house: House, world: World, page: Page
) -> None:
    (copy,) = world.copies(f"Clinic #{world.sounds}", 1)
    (origin,) = world.production.tasks(world.sounds)
    right = sound(("Cough", 2, 7), ("Speech", 10, 20))
    # Half of the cough, and the wrong label: 2 * 0.5 / 4.
    given = world.trainee.create_annotation(copy.id, sound(("Cough", 2, 4.5), ("Cough", 10, 20)))
    world.production.create_annotation(origin.id, right)
    open_feedback(page, house, f"Clinic #{world.sounds}")
    page.screenshot(path=str(house.state.folder / "recording.png"), full_page=True)
    main = page.locator("main")
    expect(main).to_contain_text(
        "You marked Cough 0:02 to 0:04.5; the reference marks 0:02 to 0:07: 50% overlap."
    )
    expect(main).to_contain_text("the reference marks it Speech 0:10 to 0:20")
    expect(page.locator(".timeline rect:not(.rail)")).to_have_count(4)
    expect(page.locator(".badge")).to_contain_text("25%")
    player = page.locator("audio")
    page.wait_for_function("document.querySelector('audio').duration > 0")
    assert player.evaluate("audio => audio.duration") == pytest.approx(20, abs=0.1)

    world.trainee.request("PATCH", f"/api/annotations/{given.id}/", json_body={"result": right})

    def look() -> bool | None:
        page.reload()
        return True if "100%" in page.locator(".badge").inner_text() else None

    patiently(look)
    expect(main).to_contain_text("corrected since the first feedback")


def test_practice_on_it_ends_by_command(world: World) -> None:
    gone = understudy("sandbox", "remove", str(world.cars), *world.state)
    assert gone.returncode == 0, gone.stderr
    assert "ends within a minute" in gone.stdout
