"""One trouble after the other, and after each of them: is everything as it should be?"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.faults import invariants, troubles
from tests.faults.people import People
from tests.faults.troubles import Trouble
from tests.faults.world import World
from tests.support.processes import NotReady

QUIET_SECONDS = 120.0


@dataclass(frozen=True)
class Outcome:
    """What one trouble led to."""

    trouble: str
    kills: int
    seconds: float
    """From the end of the trouble until every invariant held."""
    violations: tuple[str, ...]


@dataclass
class Campaign:
    """Troubles in one world, and what became of them."""

    world: World
    people: People
    chance: random.Random
    outcomes: list[Outcome] = field(default_factory=list)
    patience: float = QUIET_SECONDS
    pause: float = 0.1
    """Between two looks at whether it is quiet; each reads everything."""

    def endure(self, trouble: Trouble, *, name: str = "", acts: int = 8) -> Outcome:
        """People work while it goes on; then everything is repaired, and becomes quiet."""
        before = len(self.world.kills())
        with trouble(self.world, self.chance):
            self.people.act(acts)
        self.world.repair()
        begun = time.monotonic()
        left = self.until_quiet()
        outcome = Outcome(
            trouble=name or trouble.__name__,
            kills=len(self.world.kills()) - before,
            seconds=time.monotonic() - begun,
            violations=tuple(left),
        )
        self.outcomes.append(outcome)
        return outcome

    def until_quiet(self) -> list[str]:
        """What still does not hold when patience ends."""
        deadline = time.monotonic() + self.patience
        try:
            self.world.wait()
        except NotReady as error:
            return [f"a process is gone: {str(error)[:2000]}"]
        while left := invariants.violations(self.world, self.people):
            if time.monotonic() > deadline:
                return left
            time.sleep(self.pause)
        return []


def random_troubles(
    world: World, chance: random.Random, *, kills: int, others: bool
) -> Iterator[Trouble]:
    """Kills until there are so many, with other troubles in between."""
    is_sqlite = world.database_url.startswith("sqlite")
    rest = troubles.ANYWHERE + (troubles.SQLITE if is_sqlite else troubles.POSTGRES)
    if "TEST_CLOCK_FILE" not in world.syncs[0].environment:
        rest = tuple(one for one in rest if one is not troubles.clock_jumps)
    while len(world.kills()) < kills:
        at_step = chance.random() < 0.6
        yield troubles.kill_at_step(chance) if at_step else troubles.kills_at_random
        if others and chance.random() < 0.5:
            yield chance.choice(rest)
