"""What a trainee's queue gets next, gold mixed in unseen, and under which key. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from projects.vocabulary import Json, Task, prediction_to_json
from sandbox_sync.cloning import KEY, is_answered, shown_suggestion

LATEST = datetime.max.replace(tzinfo=UTC)
BITS = 64
NAME_OF_AN_ID = re.compile("(^|_)id$")

Shape = tuple[tuple[tuple[str, str], ...], bool, bool]
"""What can be told of an item without reading it; see :func:`shape_of`."""


@dataclass(frozen=True)
class Draw:
    """Decisions that look random to everybody who lacks the secret, the same whenever asked."""

    secret: bytes

    def digest(self, *names: object) -> bytes:
        text = "/".join(str(name) for name in names)
        return hmac.new(self.secret, f"understudy queue/{text}".encode(), hashlib.sha256).digest()

    def uniform(self, *names: object) -> float:
        """A number in [0, 1)."""
        return int.from_bytes(self.digest(*names)[: BITS // 8]) / (1 << BITS)


@dataclass(frozen=True)
class Candidate:
    """A snapshot that a trainee could practise on."""

    digest: str
    production_task_id: int
    answered: bool
    eligible_at: datetime
    shown: bool = False
    """Its reference stands in the sandbox, beside somebody's answer."""
    shape: Shape | None = None
    is_current: bool = False
    """It has the config that the project of the queue shows, and every field that needs."""


@dataclass(frozen=True)
class Gold:
    """A gold item that a trainee has not had."""

    id: int
    digest: str
    production_task_id: int
    shape: Shape


@dataclass(frozen=True)
class Planned:
    """An item to make; ``gold_id`` when it is there because it is gold."""

    digest: str
    production_task_id: int
    gold_id: int | None = None
    instead_of: int | None = None
    """The production task whose place gold took."""
    is_current: bool = False
    """As in :class:`Candidate`."""


def shape_of(data: Mapping[str, Any], suggestion: Mapping[str, Any] | None) -> Shape:
    """Fields with what they hold, whether something is suggested, and with which confidence."""

    def form(value: Any) -> str:
        return "" if value in ("", None, [], {}) else type(value).__name__

    fields = tuple(sorted((name, form(value)) for name, value in data.items()))
    suggested = suggestion is not None
    return fields, suggested, suggested and (suggestion or {}).get("confidence") is None


def in_order(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Those that production has answered, whose feedback can follow at once; then the oldest.

    Last of all those whose reference somebody could have looked up.
    """

    def rank(c: Candidate) -> tuple[bool, bool, datetime, int]:
        return c.shown, not c.answered, c.eligible_at, c.production_task_id

    return sorted(candidates, key=rank)


def gold_places(draw: Draw, lane_id: int, *, first: int, count: int, share: float) -> list[bool]:
    """Which of the next places of a queue are for gold.

    Every place is drawn by itself. A fixed pattern, such as one in every ten,
    would tell whoever has met the gold of one block that the rest of it is none.
    """
    return [draw.uniform("place", lane_id, first + n) < share for n in range(count)]


def plan(
    ordinary: Sequence[Candidate],
    gold: Iterable[Gold],
    places: Sequence[bool],
    *,
    draw: Draw,
    trainee_id: int,
) -> list[Planned]:
    """The items to make now, as many as ``ordinary`` has, in an order that says nothing.

    Gold only takes the place of an ordinary item that would be made at this
    moment, and only if the two look alike; the trainee does not get that one. So
    neither the number nor the time of new items depends on gold. ``ordinary`` are
    the next ones in order, ``places`` one for each.
    """
    found = {item.digest: item for item in gold}
    left = sorted(found.values(), key=lambda g: draw.digest("gold", trainee_id, g.digest))
    planned = []
    for is_gold, instead_of in zip(places, ordinary, strict=True):
        match = next((g for g in left if g.shape == instead_of.shape), None) if is_gold else None
        if match is None:
            planned.append(
                Planned(
                    instead_of.digest,
                    instead_of.production_task_id,
                    is_current=instead_of.is_current,
                )
            )
        else:
            left.remove(match)
            place = instead_of.production_task_id
            planned.append(Planned(match.digest, match.production_task_id, match.id, place))
    return sorted(planned, key=lambda p: draw.digest("order", trainee_id, p.digest))


def practice_key(draw: Draw, snapshot_digest: str, user_id: int) -> str:
    """The one name of one trainee's copy of one snapshot.

    Without the secret nobody can tell from it which snapshot it is a copy of.
    """
    return draw.digest("key", snapshot_digest, user_id).hex()[:32]


def clone_row(data: Json, suggestion: Mapping[str, Any] | None, key: str) -> Json:
    """One row of Label Studio's import: the task, our key, its suggestion, and no answer."""
    row: Json = {"data": data, "meta": {KEY: key}}
    if suggestion is not None:
        shown = prediction_to_json(shown_suggestion(suggestion, 0))
        row["predictions"] = [{name: shown[name] for name in shown if name != "task"}]
    return row


def disguised(data: Json, like: Mapping[str, Any]) -> Json:
    """The same task with the ids of the one whose place it takes.

    The ids of a gold file would be known by their form, and by their order among
    the others.
    """
    ids = {name: like[name] for name in data if NAME_OF_AN_ID.search(name) and name in like}
    return data | ids


def copy_to_keep(copies: Sequence[Task], recorded: int) -> Task:
    """Of several copies of one item, the one that stays.

    The recorded one, unless only another was answered: then the first that was.
    """

    def rank(task: Task) -> tuple[datetime, bool, int]:
        answered = (a.created_at for a in task.annotations if not a.was_cancelled)
        return (min(answered, default=LATEST), task.id != recorded, task.id)

    mine = next((task for task in copies if task.id == recorded), None)
    if mine is not None and is_answered(mine):
        return mine
    return min(copies, key=rank)
