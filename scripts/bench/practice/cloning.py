"""How many clones a second: a queue being filled, beside Label Studio's own bulk import."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sqlalchemy as sa

from projects.kit import database as databases
from projects.kit.http import client
from projects.vocabulary import Json
from sandbox_sync import app
from sandbox_sync.cloning import KEY, SHOWN_VERSION
from sandbox_sync.db.tables import LaneRow, Trainee
from sandbox_sync.workflows import practice, production, tend_lane
from sandbox_sync.workflows.room import Room
from scripts.bench.figures import Figure, at_least, ratio_interval
from scripts.bench.practice.place import Place, row_of

GOAL = 0.7
TIMEOUT_SECONDS = 300.0


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    sizes: tuple[int, ...] = (30, 300)
    """Items that come at once, in this order: the default depth of a queue, and many."""
    rounds: int = 8

    @property
    def trainees(self) -> int:
        """So many are needed: one a round, and one to warm up."""
        return self.rounds + 1


QUICK = Effort(sizes=(5,), rounds=2)


@dataclass
class Rates:
    """Items a second, round by round."""

    ours: list[float] = field(default_factory=list)
    raw: list[float] = field(default_factory=list)
    """An import of the same tasks with the same suggestions in it."""
    bare: list[float] = field(default_factory=list)
    """An import of the same tasks without suggestions."""


def measure(
    place: Place, effort: Effort, *, database: str, say: Callable[[str], None]
) -> tuple[list[Figure], dict[str, Any]]:
    """Figures and details; of the place nothing but the gateway may run."""
    say(f"clones on {database}: preparing")
    tasks = place.publish(sum(effort.sizes))
    databases.migrate(place.settings.database, app.MIGRATIONS)
    found = {size: Rates() for size in effort.sizes}
    with app.opened(place.settings) as room:
        production.look_at_projects(room)
        practice.find_trainees(room)
        lanes = _lanes(room, place)
        peer = Peer(place, sorted(tasks.values()))
        for number, lane_id in enumerate(lanes):
            say(f"clones on {database}: round {number} of {effort.rounds}")
            tend_lane.bring_project(room, lane_id)
            peer.begin()
            depth = 0
            for size in effort.sizes:
                depth += size
                room.settings = room.settings.model_copy(update={"queue_depth": depth})
                _round(room, lane_id, peer, size, found[size] if number else Rates(), number)
        doubled, missing = _checked(place, lanes, expected=sum(effort.sizes))
    figures = [
        one for size, rates in found.items() for one in figures_of(size, rates, database=database)
    ]
    details = {f"{size}_items": _medians(rates) for size, rates in found.items()}
    return figures, {**details, "doubled": doubled, "missing": missing}


@dataclass
class Peer:
    """Label Studio's own import into projects like those of trainees."""

    place: Place
    texts: Sequence[str]
    number: int = 0
    project_id: int = 0
    sent: int = 0

    def begin(self) -> None:
        """A new project."""
        self.number += 1
        self.sent = 0
        with self.place.studios.sandbox.admin() as admin:
            config = self.place.kind.label_config
            self.project_id = admin.create_project(
                f"Imported {self.number}", label_config=config
            ).id

    def seconds(self, size: int, *, suggests: bool) -> float:
        """How long an import of so many rows takes."""
        body = [self._row(n, suggests=suggests) for n in range(size)]
        studio = self.place.studios.sandbox
        url = f"{studio.url}/api/projects/{self.project_id}/import"
        headers = {"Authorization": f"Token {studio.token}"}
        with client(studio.url, timeout_seconds=TIMEOUT_SECONDS) as http:
            begun = time.perf_counter()
            answer = http.post(url, json=body, headers=headers)
            taken = time.perf_counter() - begun
        answer.raise_for_status()
        if answer.json()["task_count"] != size:
            raise ValueError(f"of {size} rows {answer.json()['task_count']} were imported")
        return taken

    def _row(self, number: int, *, suggests: bool) -> Json:
        row = row_of(self.texts[number % len(self.texts)])
        self.sent += 1
        row["meta"] = {KEY: f"{self.project_id:016x}{self.sent:016x}"}
        if suggests:
            regions = self.place.regions(0, row["data"])
            row["predictions"] = [{"model_version": SHOWN_VERSION, "score": 0.5, "result": regions}]
        return row


def _round(room: Room, lane_id: int, peer: Peer, size: int, rates: Rates, number: int) -> None:
    """The three in turn, another one first each time."""

    def ours() -> None:
        begun = time.perf_counter()
        tend_lane.bring_queue(room, lane_id)
        rates.ours.append(size / (time.perf_counter() - begun))

    ways: list[Callable[[], None]] = [
        ours,
        lambda: rates.raw.append(size / peer.seconds(size, suggests=True)),
        lambda: rates.bare.append(size / peer.seconds(size, suggests=False)),
    ]
    for step in range(len(ways)):
        ways[(number + step) % len(ways)]()


def _lanes(room: Room, place: Place) -> list[int]:
    with room.reading() as session:
        query = (
            sa.select(LaneRow.id)
            .join(Trainee, Trainee.id == LaneRow.trainee_id)
            .where(Trainee.email.in_(list(place.trainees)))
            .order_by(LaneRow.id)
        )
        return list(session.scalars(query))


def _checked(place: Place, lanes: Sequence[int], *, expected: int) -> tuple[int, int]:
    """Copies too many and copies too few, over all trainees; only complete ones count."""
    doubled = missing = 0
    with place.studios.sandbox.admin() as admin:
        own = [p for p in admin.projects() if any(email in p.title for email in place.trainees)]
        for project in own:
            complete = [task for task in admin.tasks(project.id) if len(task.predictions) == 1]
            texts = Counter(str(task.data["text"]) for task in complete)
            doubled += sum(count - 1 for count in texts.values())
            missing += expected - len(texts)
    return doubled, missing + expected * (len(lanes) - len(own))


def figures_of(size: int, rates: Rates, *, database: str) -> Iterator[Figure]:
    """Our rate over that of the import, round by round."""
    yield at_least(
        f"clones_per_second_ratio_{size}_items_{database}",
        goal=GOAL,
        meaning=f"a queue being filled with {size} items, over Label Studio's bulk import of"
        " the same tasks and suggestions",
        **ratio_interval(rates.ours, rates.raw),
        **_medians(rates),
        over_tasks_alone=ratio_interval(rates.ours, rates.bare),
    )


def _medians(rates: Rates) -> dict[str, float]:
    return {
        "ours": round(float(np.median(rates.ours)), 1),
        "raw_import": round(float(np.median(rates.raw)), 1),
        "raw_import_of_tasks_alone": round(float(np.median(rates.bare)), 1),
    }
