"""Which open tasks to publish next. Decisions only, on what is handed in.

Work is published in *epochs* of one batch each. An epoch begins with its random
part, drawn uniformly from all open tasks before anything else is chosen; those
tasks stay published until somebody answers them. The rest of the batch is chosen
by the strategy, and chosen anew with each new model.

Label Studio serves the lowest confidence first, so random tasks that the model
is sure of come last. If new tasks were added for ever, those would never be
answered, and the random part would show the hard tasks only. So an epoch begins
only when the random part of the epoch before the last one is answered; until
then the queue runs down to it, or to what the people at work have on their screens.

A new version does not take the suggestion away from what somebody has open: the
front of the last batch, which Label Studio hands out first, is published under it
too. Those tasks count as part of the batch. The random part is drawn before, from
all open tasks and without a look at the front, so its chances stay equal.

With several annotations a task, only tasks that nobody has touched are drawn or
chosen: one label teaches what two do. Those that are begun get a prediction of the
new version besides; Label Studio hands them out before all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from backend_ml.pool import Pool, Positions
from backend_ml.strategies.base import Strategy

RANDOM = "random"
ACTIVE = "active"
STUCK = 2
"""So few open tasks may be locked by somebody who left: they do not hold up the next epoch."""
ON_SCREENS = 2
"""What a person has open, and what they get next."""


@dataclass(frozen=True)
class Assignment:
    """In which arm and epoch a task was drawn."""

    arm: str
    epoch: int


@dataclass(frozen=True)
class Board:
    """What there is to choose from."""

    open_ids: tuple[int, ...]
    """Tasks that nobody has touched."""
    assigned: Mapping[int, Assignment]
    """Of the tasks of the newest epoch, and of all that were ever drawn at random."""
    published: frozenset[int]
    """Untouched tasks that already have a prediction of the version to publish."""
    front: tuple[int, ...] = ()
    """Untouched tasks of the last version's batch that somebody may have before them."""
    begun: tuple[int, ...] = ()
    """Tasks that somebody has answered and others are to answer too, unpublished ones."""

    @property
    def epoch(self) -> int:
        return max((a.epoch for a in self.assigned.values()), default=0)

    def waiting(self) -> list[int]:
        """Random tasks nobody has answered yet, in the order of ids."""
        return [i for i in self.open_ids if i in self.assigned and self.assigned[i].arm == RANDOM]


@dataclass(frozen=True)
class Sizes:
    """How much to publish."""

    batch: int
    random_share: float
    low_water: int
    people: int = 0
    """How many people are at work."""

    @property
    def random(self) -> int:
        return round(self.batch * self.random_share)

    @property
    def active(self) -> int:
        return self.batch - self.random


@dataclass(frozen=True)
class View:
    """The open tasks that were looked at, as the model sees them."""

    pool: Pool
    positions: Positions
    """Which of the open tasks its rows are, ascending."""


@dataclass(frozen=True)
class Draw:
    """The tasks that should have a prediction of the version to publish."""

    epoch: int
    random: tuple[int, ...]
    """Random tasks, those of earlier draws included."""
    active: tuple[int, ...]
    begun: tuple[int, ...] = ()
    """Tasks that keep the arm they have."""

    @property
    def task_ids(self) -> tuple[int, ...]:
        return self.random + self.active + self.begun


def active_left(board: Board, sizes: Sizes) -> int:
    """How many actively chosen tasks of this epoch are still to be answered."""
    still_open = set(board.open_ids)
    done = sum(
        1
        for task_id, drawn in board.assigned.items()
        if drawn.arm == ACTIVE and drawn.epoch == board.epoch and task_id not in still_open
    )
    return max(0, sizes.active - done)


def begins_epoch(board: Board, sizes: Sizes) -> bool:
    """Whether the queue is low and no random task of an earlier epoch holds it up."""
    if board.epoch == 0:
        return True
    waiting = board.waiting()
    queue = len(waiting) + active_left(board, sizes)
    if queue >= sizes.low_water:
        return False
    on_screens = max(STUCK, ON_SCREENS * sizes.people)
    return queue <= on_screens or all(board.assigned[i].epoch == board.epoch for i in waiting)


def wants_draw(board: Board, sizes: Sizes) -> bool:
    """Whether a draw now would publish anything; cheap, it needs no model."""
    if len(board.published) >= len(board.open_ids):
        return False
    if begins_epoch(board, sizes):
        return True
    waiting = frozenset(board.waiting())
    chosen = len(board.published - waiting)
    return bool(waiting - board.published) or chosen < active_left(board, sizes)


def draw(
    board: Board, view: View, strategy: Strategy, sizes: Sizes, *, rng: np.random.Generator
) -> Draw:
    """Choose what to publish; the positions of ``view`` are places in ``board.open_ids``."""
    if len(view.pool) != len(view.positions):
        raise ValueError(f"a pool of {len(view.pool)} for {len(view.positions)} open tasks")
    waiting = board.waiting()
    epoch, quota = board.epoch, active_left(board, sizes)
    fresh: list[int] = []
    if begins_epoch(board, sizes):
        epoch, quota = epoch + 1, sizes.active
        held = frozenset(waiting)
        free = [i for i in board.open_ids if i not in held]
        fresh = [free[p] for p in rng.permutation(len(free))[: sizes.random]]
    random_part = (*waiting, *sorted(fresh))
    active = _active(board, view, strategy, quota, taken=frozenset(random_part), rng=rng)
    return Draw(epoch, random_part, tuple(active), board.begun)


def _active(
    board: Board,
    view: View,
    strategy: Strategy,
    quota: int,
    *,
    taken: frozenset[int],
    rng: np.random.Generator,
) -> list[int]:
    """What this version has published and the front stay; the strategy fills up the quota."""
    stays = (board.published | frozenset(board.front)) - taken
    kept = [i for i in board.open_ids if i in stays]
    looked_at = [board.open_ids[place] for place in view.positions]
    rows = [
        row
        for row, task_id in enumerate(looked_at)
        if task_id not in taken and task_id not in stays
    ]
    part = view.pool.take(np.asarray(rows, dtype=np.int64))
    chosen = strategy.select(part, max(0, quota - len(kept)), rng=rng)
    return kept + [looked_at[rows[position]] for position in chosen]
