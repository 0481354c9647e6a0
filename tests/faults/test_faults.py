"""The short form of the faults: every kind once, kills at steps and at random; seeded.

The long form is ``understudy bench faults``.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import troubles
from tests.faults.campaign import Campaign, Outcome
from tests.faults.people import People
from tests.faults.processes import Zygote, a_zygote
from tests.faults.troubles import STEPS, Step, killed_at
from tests.faults.world import Plan, World, a_world

QUICK = (
    troubles.nothing,
    troubles.webhooks_lost,
    troubles.webhooks_repeated,
    troubles.webhooks_late_and_in_another_order,
    troubles.label_studio_down,
    troubles.label_studio_says_429,
    troubles.answers_lost_after_the_effect,
    troubles.slack_answers_lost,
    troubles.database_locked,
    troubles.files_cannot_grow,
    troubles.kills_at_random,
)
EARLY = ("makes a practice project", "makes copies")
LATE = ("shows a reference", "reads a production task", "takes a webhook", "posts a message")


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with a_zygote() as started:
        yield started


def campaign(world: World, *, seed: int) -> Campaign:
    chance = random.Random(seed)
    return Campaign(world, People(world, chance), chance)


def check(outcomes: list[Outcome]) -> None:
    assert [(one.trouble, one.violations) for one in outcomes if one.violations] == []


def step(name: str) -> Step:
    return next(one for one in STEPS if one.name == name)


def test_nothing_is_lost_or_doubled_by_any_fault(zygote: Zygote, tmp_path: Path) -> None:
    with a_world(tmp_path, zygote, Plan()) as world:
        under = campaign(world, seed=7)
        for _ in range(3):
            under.people.publish()
        for trouble in QUICK:
            under.endure(trouble)
    check(under.outcomes)
    assert len(world.slack.posted) > 5, "so little happened that nothing was tested"


def test_nothing_is_lost_or_doubled_by_a_kill_at_any_step(zygote: Zygote, tmp_path: Path) -> None:
    with a_world(tmp_path, zygote, Plan()) as world:
        under = campaign(world, seed=8)
        under.people.publish()
        for number, name in enumerate(EARLY + LATE):
            when = troubles.WHENS[number % len(troubles.WHENS)]
            under.endure(
                lambda world, _, name=name, when=when: killed_at(world, step(name), when),  # type: ignore[misc]
                name=f"killed: {name}, {when}",
                acts=12,
            )
    check(under.outcomes)
    assert sum(one.kills for one in under.outcomes) >= 4


@pytest.mark.postgres
def test_two_processes_on_postgresql(zygote: Zygote, tmp_path: Path, postgres_url: str) -> None:
    plan = Plan(database_url=postgres_url, processes=2)
    with a_world(tmp_path, zygote, plan) as world:
        under = campaign(world, seed=9)
        for _ in range(3):
            under.people.publish()
        for trouble in (
            troubles.nothing,
            troubles.kills_at_random,
            troubles.connections_ended_by_the_database,
            troubles.database_locked,
        ):
            under.endure(trouble, acts=12)
    check(under.outcomes)
