"""Agreement of choices: numbers worked by hand."""

from __future__ import annotations

import pytest

from projects.agreement.base import Difference
from projects.agreement.choices import agreement, differences
from projects.vocabulary import Mark

MOVE, CANCEL, ASK = (Mark("intent", label) for label in ("move", "cancel", "ask"))


@pytest.mark.parametrize(
    ("reference", "candidate", "expected"),
    [
        ((MOVE,), (MOVE,), 1.0),
        ((MOVE,), (CANCEL,), 0.0),
        # one of three marks has no partner: 2 * 1 / (1 + 2)
        ((MOVE,), (MOVE, ASK), 2 / 3),
        # two equal pairs of five marks: 2 * 2 / (3 + 2)
        ((MOVE, CANCEL, ASK), (MOVE, ASK), 0.8),
        # the repetition has no partner: 2 * 1 / (1 + 2)
        ((MOVE,), (MOVE, MOVE), 2 / 3),
    ],
)
def test_agreement_is_the_share_of_marks_with_a_partner(
    reference: tuple[Mark, ...], candidate: tuple[Mark, ...], expected: float
) -> None:
    assert agreement(reference, candidate) == pytest.approx(expected)


def test_differences_pair_one_choice_with_the_other() -> None:
    assert differences((MOVE,), (CANCEL,)) == [Difference("wrong label", MOVE, CANCEL)]


def test_differences_do_not_guess_between_several_choices() -> None:
    found = differences((MOVE, CANCEL), (ASK, MOVE))
    assert found == [
        Difference("spurious", None, ASK),
        Difference("missed", CANCEL, None),
        Difference("same", MOVE, MOVE),
    ]


def test_differences_keep_controls_apart() -> None:
    tone = Mark("tone", "warm")
    assert differences((MOVE,), (tone,)) == [
        Difference("missed", MOVE, None),
        Difference("spurious", None, tone),
    ]
