"""Faults: how many the practice half survives, and how long until everything is right again.

The harness and its stand-ins belong to the tests, so this runs from a checkout.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np

from projects.kit.errors import BadInput
from scripts.bench.databases import a_database
from scripts.bench.figures import Figure, Report, at_least, at_most
from scripts.bench.practice import studios as real

if TYPE_CHECKING:
    from tests.faults.campaign import Outcome
    from tests.faults.processes import Zygote
    from tests.faults.world import Studio

KILLS_OF_A_WORLD = 12
"""Then a new one begins: first steps, such as making projects, are killed at again."""
TWO_PROCESSES = 2
REAL_SETTINGS = {"in_flight_seconds": 10.0, "reconcile_seconds": 3.0}
"""With a real Label Studio, which goes on for seconds with a request whose sender was killed."""
REAL_PAUSE_SECONDS = 1.0
STUDIO_SECONDS = 60.0


@dataclass(frozen=True)
class Plan:
    """How much is done to how many processes, on which database."""

    kills: int = 200
    seed: int = 0
    database: str = ""
    processes: int = 1
    is_real: bool = False
    """On two real Label Studio servers; else on the stand-ins of the tests."""


@dataclass
class _Ground:
    """What every world of a run stands on."""

    plan: Plan
    folder: Path
    zygote: Zygote
    clock: Path
    studios: tuple[Studio, Studio] | None
    say: Callable[[str], None]
    found: list[Outcome] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return sum(one.kills for one in self.found)


def run(plan: Plan, *, say: Callable[[str], None]) -> Report:
    """Kills, with other troubles between them, until there were enough."""
    try:
        from tests.faults.processes import a_zygote
    except ImportError as error:
        raise BadInput("the faults belong to the tests: run this in a checkout", "bench") from error
    report = Report()
    with tempfile.TemporaryDirectory(prefix="understudy-faults-") as name:
        folder = Path(name)
        clock = folder / "clock"
        clock.write_bytes(bytes(8))
        with a_zygote(clock=clock) as zygote, _studios(plan, folder, say) as studios:
            ground = _Ground(plan, folder, zygote, clock, studios, say)
            world = 0
            while ground.kills < plan.kills:
                ground.found += _one_world(ground, world)
                world += 1
    report.add(_figures(ground.found), "faults", _details(ground.found, plan))
    return report


@contextmanager
def _studios(
    plan: Plan, folder: Path, say: Callable[[str], None]
) -> Iterator[tuple[Studio, Studio] | None]:
    """Two real servers with their people, where the plan wants them."""
    if not plan.is_real:
        yield None
        return
    from tests.faults.world import TRAINEES, Studio

    with real.started(folder / "label-studio", say=say) as pair:
        tokens = {email: pair.sandbox.sign_up(email) for email in TRAINEES}
        with httpx.Client(timeout=STUDIO_SECONDS, trust_env=False) as http:
            yield (
                Studio(pair.production.url, pair.production.token, http),
                Studio(pair.sandbox.url, pair.sandbox.token, http, tokens=tokens),
            )


def _one_world(ground: _Ground, number: int) -> list[Outcome]:
    from tests.faults import world as worlds
    from tests.faults.campaign import Campaign, random_troubles
    from tests.faults.people import People

    plan = ground.plan
    chance = random.Random(f"{plan.seed}/{number}")
    done = ground.kills
    most = min(KILLS_OF_A_WORLD, plan.kills - done)
    with a_database(plan.database) as url:
        made = worlds.Plan(
            database_url=url,
            processes=plan.processes,
            settings=REAL_SETTINGS if plan.is_real else {},
            environment={"TEST_CLOCK_FILE": str(ground.clock)},
        )
        folder = ground.folder / f"world-{number}"
        with worlds.a_world(folder, ground.zygote, made, studios=ground.studios) as world:
            under = Campaign(world, People(world, chance), chance)
            if plan.is_real:
                under.pause = REAL_PAUSE_SECONDS
            under.people.publish()
            for trouble in random_troubles(world, chance, kills=most, others=True):
                last = under.endure(trouble, acts=chance.randint(4, 12))
                ground.say(_so_far(ground, under.outcomes, done + len(world.kills())))
                if last.violations:
                    break  # what follows would only repeat it
        _clear(ground.studios)
        return under.outcomes


def _so_far(ground: _Ground, here: list[Outcome], kills: int) -> str:
    wrong = sum(len(one.violations) for one in [*ground.found, *here])
    last = here[-1]
    then = last.violations[0] if last.violations else f"quiet after {last.seconds:.1f} s"
    return (
        f"faults: {kills} of {ground.plan.kills} kills, "
        f"{len(ground.found) + len(here)} troubles, {wrong} violations; last {last.trouble}, {then}"
    )


def _clear(studios: tuple[Studio, Studio] | None) -> None:
    """Take the projects of a world away: the next one begins without them."""
    for studio in studios or ():
        writer = studio.writer()
        for project in writer.projects():
            writer.request("DELETE", f"/api/projects/{project.id}/")


def _figures(found: list[Outcome]) -> list[Figure]:
    after_kill = [one.seconds for one in found if one.kills and not one.violations]
    return [
        at_least(
            "kills_survived",
            float(sum(one.kills for one in found if not one.violations)),
            200,
            "kill -9 of our processes after which every invariant held again",
        ),
        at_most(
            "invariant_violations",
            float(sum(len(one.violations) for one in found)),
            0,
            "what was not as it should be once everything was quiet, over all faults",
        ),
        at_most(
            "seconds_to_quiet_after_a_kill_p50",
            float(np.median(after_kill)) if after_kill else None,
            10,
            "from the end of the trouble until every invariant held, median",
            p99=float(np.percentile(after_kill, 99)) if after_kill else None,
        ),
    ]


def _details(found: list[Outcome], plan: Plan) -> dict[str, Any]:
    by_name: dict[str, list[Outcome]] = {}
    for one in found:
        by_name.setdefault(one.trouble, []).append(one)
    return {
        "database": "postgresql" if plan.database else "sqlite",
        "processes": plan.processes,
        "label_studio": "real" if plan.is_real else "stand-ins",
        "seed": plan.seed,
        "troubles": len(found),
        "kills": sum(one.kills for one in found),
        "by_trouble": {
            name: {
                "times": len(ones),
                "survived": sum(not one.violations for one in ones),
                "kills": sum(one.kills for one in ones),
                "median_seconds_to_quiet": round(float(np.median([o.seconds for o in ones])), 2),
                "slowest": round(max(one.seconds for one in ones), 2),
            }
            for name, ones in sorted(by_name.items())
        },
        "violations": [
            {"trouble": one.trouble, "what": list(one.violations)[:20]}
            for one in found
            if one.violations
        ],
    }
