"""How long an answer takes must not tell of a reference: the same work is done with and without.

Deterministic; how long it takes is measured by ``python -m tests.sealed.timing``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.sandbox_sync.house import ADA, BEN
from tests.sealed.house import Sealed, sealed_house
from tests.sealed.work import Work, questions, watching
from tests.sealed.world import GOLDEN, TEXTS

Pair = tuple[Sealed, Sealed]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The same world before and after production's answers, with gold in both."""
    with ExitStack() as stack:
        made = []
        for name in ("without", "with"):
            sealed = stack.enter_context(sealed_house(tmp_path_factory.mktemp(name)))
            sealed.practise(BEN, GOLDEN)
            made.append(sealed)
        made[1].commit()
        for sealed in made:
            sealed.house.reconcile(passes=2)
        yield made[0], made[1]


def both(pair: Pair) -> str:
    """An ordinary item that the trainee has open in both worlds."""
    return min(set.intersection(*(set(sealed.copies(ADA)) for sealed in pair)) & set(TEXTS))


@pytest.mark.parametrize(
    "name",
    [
        "own list",
        "own settings",
        "a guessed comparison",
        "a guessed appeal",
        "health",
        "a removal",
        "an answer",
    ],
)
def test_a_question_costs_the_same_with_and_without_a_reference(pair: Pair, name: str) -> None:
    costs: list[tuple[int, str, Work]] = []
    for sealed in pair:
        sealed.sign_in(ADA)
        ask = questions(sealed, both(pair))[name]
        ask()  # what is only done the first time
        sealed.house.drain()
        with watching(sealed) as work:
            answer = ask()
            sealed.house.drain()  # and what an event has us do afterwards
        costs.append((answer.status_code, str(len(answer.content)), work))
    assert costs[0][2], name
    assert costs[0] == costs[1]


def test_after_the_submission_there_is_more_work(pair: Pair) -> None:
    """The measure can fail."""
    costs = []
    for sealed in pair:
        with watching(sealed) as work:
            sealed.practise(ADA, both(pair))
        costs.append(work)
    assert len(costs[1]) > len(costs[0])
    assert any("INSERT INTO comparison" in line for line in costs[1])
