"""Faults: how many the practice half survives, and how long until everything is right again.

The harness and its stand-ins belong to the tests, so this runs from a checkout.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.kit.errors import BadInput
from scripts.bench.databases import a_database
from scripts.bench.figures import Figure, Report, at_least, at_most

if TYPE_CHECKING:
    from tests.faults.campaign import Outcome
    from tests.faults.processes import Zygote

KILLS_OF_A_WORLD = 12
"""Then a new one begins: first steps, such as making projects, are killed at again."""
TWO_PROCESSES = 2


@dataclass(frozen=True)
class Plan:
    """How much is done to how many processes, on which database."""

    kills: int = 200
    seed: int = 0
    database: str = ""
    processes: int = 1


def run(plan: Plan, *, say: Callable[[str], None]) -> Report:
    """Kills, with other troubles between them, until there were enough."""
    try:
        from tests.faults.processes import a_zygote
    except ImportError as error:
        raise BadInput("the faults belong to the tests: run this in a checkout", "bench") from error
    found: list[Outcome] = []
    report = Report()
    with tempfile.TemporaryDirectory(prefix="understudy-faults-") as folder:
        clock = Path(folder) / "clock"
        clock.write_bytes(bytes(8))
        with a_zygote(clock=clock) as zygote:
            world = 0
            while sum(one.kills for one in found) < plan.kills:
                part = Path(folder) / f"world-{world}"
                found += _one_world(plan, world, part, zygote, clock, found, say)
                world += 1
    report.add(_figures(found), "faults", _details(found, plan))
    return report


def _one_world(
    plan: Plan, number: int, folder: Path, zygote: Zygote, clock: Path,
    before: list[Outcome], say: Callable[[str], None],
) -> list[Outcome]:  # fmt: skip
    from tests.faults import world as worlds
    from tests.faults.campaign import Campaign, random_troubles
    from tests.faults.people import People

    chance = random.Random(f"{plan.seed}/{number}")
    done = sum(one.kills for one in before)
    most = min(KILLS_OF_A_WORLD, plan.kills - done)
    with a_database(plan.database) as url:
        made = worlds.Plan(
            database_url=url,
            processes=plan.processes,
            environment={"TEST_CLOCK_FILE": str(clock)},
        )
        with worlds.a_world(folder, zygote, made) as world:
            under = Campaign(world, People(world, chance), chance)
            under.people.publish()
            for trouble in random_troubles(world, chance, kills=most, others=True):
                last = under.endure(trouble, acts=chance.randint(4, 12))
                kills = done + len(world.kills())
                wrong = sum(len(one.violations) for one in [*before, *under.outcomes])
                say(
                    f"faults: {kills} of {plan.kills} kills, "
                    f"{len(before) + len(under.outcomes)} troubles, {wrong} violations; "
                    f"last {last.trouble}, quiet after {last.seconds:.1f} s"
                )
                if last.violations:
                    break  # what follows would only repeat it
            return under.outcomes


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
