"""Production changes, and real Label Studio servers follow: configs, generations, calendars."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from projects.kinds import registry
from projects.kit.label_studio import LabelStudioWriter
from projects.vocabulary import Json, Prediction, Project
from sandbox_sync.app import Parts, create_app
from sandbox_sync.db import config_changes, queries
from tests.sandbox_sync.house import choice, make_settings
from tests.sandbox_sync.test_freezing import CALENDAR
from tests.support.live import TOKEN, sign_up

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

INTENT = registry.load("intent")
ONE, TWO = INTENT.labels[:2]
WITHIN = 30.0


@dataclass
class World:
    """Two real servers and the practice half between them, without webhooks."""

    production: LabelStudioWriter
    sandbox: LabelStudioWriter
    project: Project
    trainee: LabelStudioWriter
    email: str
    client: TestClient
    calendars: Path

    def add(self, text: str, **more: Any) -> int:
        row: Json = {
            "text": text,
            "heading": "A meeting",
            "byline": "",
            "context": "<section>nothing</section>",
            "sent_at": "2026-05-04T12:00:00+00:00",
            "calendar": [],
            "thread": [],
            "preferences": {},
        }
        (number,) = self.production.import_tasks(self.project.id, [{"data": row | more}])
        return number

    def publish(self, task_ids: list[int]) -> None:
        regions = tuple(INTENT.write(choice(ONE), {"text": "x"}))
        self.production.push_predictions(
            self.project.id, [Prediction(number, "v1", 0.5, regions) for number in task_ids]
        )
        self.production.update_project(self.project.id, model_version="v1")

    def lanes(self) -> list[Project]:
        found = [p for p in self.sandbox.projects() if self.email[:8] in p.title]
        return sorted(found, key=lambda project: project.id)

    def copies(self, project: Project) -> dict[str, Json]:
        return {task.data["text"]: task.data for task in self.sandbox.tasks(project.id)}


def eventually(what: Callable[[], Any], *, seconds: float = WITHIN) -> float:
    """How long it took to come true."""
    begun = time.monotonic()
    while not what():
        assert time.monotonic() - begun < seconds, "it did not come true"
        time.sleep(0.3)
    return time.monotonic() - begun


@pytest.fixture
def world(
    tmp_path: Path, live_production: LabelStudioWriter, live_sandbox: LabelStudioWriter
) -> Iterator[World]:
    email = f"{uuid4().hex[:8]}@example.com"
    token = sign_up(live_sandbox, email)
    project = live_production.create_project(
        f"Same software {email}", label_config=INTENT.label_config, expert_instruction="Read."
    )
    calendars = tmp_path / "calendars"
    calendars.mkdir()
    everybody = set(live_sandbox.emails().values()) - {email}
    settings = make_settings(
        tmp_path,
        {project.id: "intent"},
        production_url=live_production.url,
        production_key=TOKEN,
        sandbox_url=live_sandbox.url,
        sandbox_token=TOKEN,
        trainers=sorted(everybody),
        reconcile_seconds=1,
        context_fields=["calendar"],
        calendar_dir=str(calendars),
    )
    trainee = LabelStudioWriter(live_sandbox.url, token)
    with TestClient(create_app(settings, parts=Parts())) as client:
        yield World(live_production, live_sandbox, project, trainee, email, client, calendars)
    trainee.close()


def test_a_config_that_is_refused_begins_a_new_project(world: World) -> None:
    first, second = world.add("First"), world.add("Second")
    world.publish([first, second])
    eventually(lambda: world.lanes() and len(world.copies(world.lanes()[0])) == 2)
    (lane,) = world.lanes()
    (mine,) = [t for t in world.sandbox.tasks(lane.id) if t.data["text"] == "First"]
    world.trainee.create_annotation(mine.id, INTENT.write(choice(TWO), mine.data))
    renamed = INTENT.label_config.replace('name="intent"', 'name="purpose"')
    world.production.update_project(world.project.id, label_config=renamed)
    took = eventually(lambda: len(world.lanes()) == 2 and len(world.copies(world.lanes()[1])) == 1)
    print(f"a refused config: new project with its open item after {took:.1f} s")
    old, new = world.lanes()
    assert set(world.copies(old)) == {"First"}
    assert set(world.copies(new)) == {"Second"}
    assert 'name="purpose"' in new.label_config
    assert 'name="intent"' in old.label_config
    with world.client.app.state.room.reading() as session:  # type: ignore[attr-defined]
        noted = config_changes.newest(session)[0]
        assert queries.summary(session)["submissions"] == 1
    assert noted.report["done"]["projects_renewed"] == 1
    assert noted.report["done"]["items_moved"] == 1
    # the old answer is still looked at: production answers what it was about
    world.production.update_project(world.project.id, label_config=INTENT.label_config)
    task = world.production.task(first)
    world.production.create_annotation(first, INTENT.write(choice(ONE), task.data))

    def compared() -> bool:
        with world.client.app.state.room.reading() as session:  # type: ignore[attr-defined]
            return bool(queries.summary(session)["comparisons"] == 1)

    eventually(compared)


def test_guidelines_settings_and_labels_follow_within_a_minute(world: World) -> None:
    world.publish([world.add("First")])
    eventually(lambda: world.lanes() and len(world.copies(world.lanes()[0])) == 1)
    config = INTENT.label_config.replace(TWO, "Put off")
    world.production.update_project(
        world.project.id,
        label_config=config,
        expert_instruction="Read twice.",
        show_skip_button=False,
        enable_empty_annotation=False,
        sampling="Uncertainty sampling",
    )

    def followed() -> bool:
        (lane,) = world.lanes()
        return (
            "Put off" in lane.label_config
            and lane.guidelines == "Read twice."
            and lane.extra["show_skip_button"] is False
            and lane.extra["enable_empty_annotation"] is False
            and lane.sampling == "Uncertainty sampling"
        )

    took = eventually(followed)
    print(f"config, guidelines, sampling and settings followed after {took:.1f} s")
    assert took < 60


def test_a_calendar_that_changes_does_not_change_the_copy(world: World) -> None:
    path = world.calendars / "ana.ics"
    path.write_text(CALENDAR.format(title="Dentist"))
    task = world.add("Can we meet?", calendar="ics:ana")
    room = world.client.app.state.room  # type: ignore[attr-defined]

    def frozen() -> bool:
        from sandbox_sync.db import frozen as rows

        with room.reading() as session:
            return task in rows.of_tasks(session, [task])

    eventually(frozen)
    path.write_text(CALENDAR.format(title="Holiday"))
    world.publish([task])
    eventually(lambda: world.lanes() and world.copies(world.lanes()[0]))
    copy = world.copies(world.lanes()[0])["Can we meet?"]
    assert [entry["title"] for entry in copy["calendar"]] == ["Dentist"]
    assert "Dentist" in copy["context"]
    assert "Holiday" not in str(copy)
