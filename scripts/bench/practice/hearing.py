"""How soon a trainee hears of the differences after the later of the two answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from projects.kit import database as databases
from projects.kit import intervals
from projects.kit.errors import PlatformError
from sandbox_sync.db.tables import Comparison, Event
from scripts.bench.figures import Figure, at_most
from scripts.bench.practice.place import DidNotCome, Place, wait_until
from scripts.bench.practice.studios import Editor

GOALS_SECONDS = {50: 0.5, 99: 1.0}
TRAINEE_LAST, PRODUCTION_LAST = "trainee_last", "production_last"
ORDERS = (TRAINEE_LAST, PRODUCTION_LAST)
LOST_SECONDS = 60.0


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    batches: int = 6
    tasks: int = 40
    """Of one batch, half of them in each order."""
    pause_seconds: float = 0.3


QUICK = Effort(batches=1, tasks=4, pause_seconds=0.1)


class NotOnce(PlatformError):
    """Somebody was told twice of one thing; whose time was measured is unknown."""

    def __init__(self, messages: int, tasks: int) -> None:
        super().__init__(messages, tasks)
        self.messages = messages
        self.tasks = tasks

    def __str__(self) -> str:
        return f"There were {self.messages} messages about {self.tasks} tasks."


class Arrivals(list[dict[str, Any]]):
    """What the stand-in of Slack was given, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.moments: list[float] = []
        self._changed = threading.Condition()

    def append(self, message: dict[str, Any]) -> None:
        """One more message, at this moment."""
        with self._changed:
            super().append(message)
            self.moments.append(time.time())
            self._changed.notify_all()

    def wait(self, count: int) -> float:
        """The moment at which the message of this number came.

        Raises
        ------
        DidNotCome
            When it does not.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self) >= count, LOST_SECONDS):
                raise DidNotCome("a message to a trainee", LOST_SECONDS)
            return self.moments[count - 1]


@contextmanager
def slack(people: Sequence[str]) -> Iterator[tuple[str, Arrivals]]:
    """The stand-in of Slack that knows these people: its address, and what comes there."""
    from tests.fakes.slack import running_slack

    with running_slack() as server:
        server.people = {email: f"U{number}" for number, email in enumerate(people)}
        server.posted = arrivals = Arrivals()
        yield server.url, arrivals


@dataclass(frozen=True)
class Heard:
    """One task on which both had answered; moments in seconds after the later submit began."""

    order: str
    recorded: float | None
    """Label Studio's call about it, as it reached us."""
    submitted: float
    """Label Studio's answer to the submit."""
    compared: float | None
    told: float
    """The message at Slack."""


def measure(
    place: Place,
    arrivals: Arrivals,
    effort: Effort,
    *,
    database: str,
    say: Callable[[str], None],
) -> tuple[list[Figure], dict[str, Any]]:
    """Figures and details; the place has to run, with its production project hooked."""
    email, trainee = next(iter(place.trainees.items()))
    heard: list[Heard] = []
    for batch in range(effort.batches):
        say(f"feedback on {database}: batch {batch + 1} of {effort.batches}")
        tasks = place.publish(effort.tasks)
        copies = _copies(place, email, set(tasks.values()))
        for number, (task_id, text) in enumerate(tasks.items()):
            order = ORDERS[number % 2]
            heard.append(_one(place, arrivals, trainee, order, task_id, copies[text]))
            time.sleep(effort.pause_seconds)
            if len(arrivals) != len(heard):
                raise NotOnce(len(arrivals), len(heard))
    place.wait_until_quiet()
    details = {order: _details(heard, order) for order in ORDERS}
    return list(figures(heard, database=database)), {
        **details,
        "messages": len(arrivals),
        "tasks": len(heard),
        "each": [asdict(one) for one in heard],
    }


def _copies(place: Place, email: str, texts: set[str]) -> dict[str, int]:
    found: dict[str, int] = {}

    def are_there() -> bool:
        found.update(place.copies(email))
        return texts <= set(found)

    wait_until(are_there, what="the copies of a batch", seconds=180, pause=1.0)
    place.wait_until_quiet()
    return found


def _one(
    place: Place,
    arrivals: Arrivals,
    trainee: Editor,
    order: str,
    task_id: int,
    copy_id: int,
) -> Heard:
    """Both answer, differently, one after the other; what came of the first is done before."""
    task, copy = place.editor.open(task_id), trainee.open(copy_id)
    acts = [
        lambda: place.editor.submit(task, place.regions(1, task["data"])),
        lambda: trainee.submit(copy, place.regions(2, copy["data"])),
    ]
    if order == PRODUCTION_LAST:
        acts.reverse()
    acts[0]()
    place.wait_until_quiet()
    due = len(arrivals) + 1
    begun = time.time()
    acts[1]()
    submitted = time.time() - begun
    told = arrivals.wait(due) - begun
    recorded, compared = _between(place, begun)
    return Heard(order, recorded, submitted, compared, told)


def _between(place: Place, begun: float) -> tuple[float | None, float | None]:
    """When the newest event was recorded and the newest comparison made, by the database."""
    engine = databases.make_engine(place.settings.database, immediate=False)
    try:
        with databases.sessions(engine)() as session:
            moments = [
                session.scalar(sa.select(sa.func.max(column)))
                for column in (Event.received_at, Comparison.compared_at)
            ]
    finally:
        engine.dispose()
    recorded, compared = (None if m is None else m.timestamp() - begun for m in moments)
    return recorded, compared


def figures(heard: Sequence[Heard], *, database: str) -> Iterator[Figure]:
    """Two percentiles of each order."""
    for order in ORDERS:
        seconds = [one.told for one in heard if one.order == order]
        within = intervals.proportion(sum(s <= GOALS_SECONDS[99] for s in seconds), len(seconds))
        for share, goal in GOALS_SECONDS.items():
            yield at_most(
                f"feedback_p{share}_seconds_{order}_{database}",
                float(np.percentile(seconds, share)) if seconds else None,
                goal,
                f"from the beginning of the later submit to the message, percentile {share}",
                n=len(seconds),
                within_a_second=within and asdict(within),
                worst=max(seconds, default=None),
            )


def _details(heard: Sequence[Heard], order: str) -> dict[str, Any]:
    """Where the time goes: medians of each moment."""
    ones = [one for one in heard if one.order == order]
    columns = {
        name: [value for one in ones if (value := getattr(one, name)) is not None]
        for name in ("recorded", "submitted", "compared", "told")
    }
    return {
        name: {
            "p50": round(float(np.percentile(found, 50)), 4),
            "p90": round(float(np.percentile(found, 90)), 4),
            "p99": round(float(np.percentile(found, 99)), 4),
        }
        for name, found in columns.items()
        if found
    }
