"""Agreement of spans: numbers worked by hand."""

from __future__ import annotations

import pytest

from projects.agreement.base import Difference
from projects.agreement.spans import agreement, differences
from projects.vocabulary import Answer, Mark, as_answer


def span(label: str, start: int, end: int) -> Mark:
    return Mark("details", label, start, end)


FIVE = as_answer([span("time", 10 * i, 10 * i + 4) for i in range(5)])


@pytest.mark.parametrize(
    ("reference", "candidate", "expected"),
    [
        # 1 of 5 found: 2 * 1 / (5 + 1)
        (FIVE, FIVE[:1], 1 / 3),
        # one span five times: still one match, 2 * 1 / (5 + 5)
        (FIVE, FIVE[:1] * 5, 0.2),
        # [0,10) against [5,15): 5 shared of 15, 2 * (1/3) / 2
        ((span("time", 0, 10),), (span("time", 5, 15),), 1 / 3),
        # touching is not overlapping
        ((span("time", 0, 5),), (span("time", 5, 9),), 0.0),
        # another label never matches
        ((span("time", 0, 5),), (span("place", 0, 5),), 0.0),
        # [0,10) split in two halves: one half is matched with IoU 1/2, 2 * (1/2) / 3
        ((span("time", 0, 10),), (span("time", 0, 5), span("time", 5, 10)), 1 / 3),
    ],
)
def test_agreement_matches_one_to_one(
    reference: Answer, candidate: Answer, expected: float
) -> None:
    assert agreement(reference, candidate) == pytest.approx(expected)


def test_agreement_takes_the_best_matching_not_the_first() -> None:
    # Taking [0,10)-[0,9) first (.9) would leave [0,5) without a partner; the best total is
    # [0,10)-[4,10) (6/10) + [0,5)-[0,9) (5/9): 2 * (0.6 + 0.5556) / 4 = 0.5778
    reference = (span("time", 0, 5), span("time", 0, 10))
    candidate = (span("time", 0, 9), span("time", 4, 10))
    # the other total: [0,10)-[0,9) (.9) + [0,5)-[4,10) (1/10) = 1.0 < 1.1556
    assert agreement(reference, candidate) == pytest.approx(2 * (0.6 + 5 / 9) / 4)


def test_differences_name_all_five_cases() -> None:
    same, bounded = span("time", 0, 4), span("time", 10, 14)
    mislabelled, missed = span("person", 20, 24), span("place", 30, 34)
    wider, other, extra = span("time", 9, 14), span("place", 20, 24), span("time", 50, 54)
    found = differences((same, bounded, mislabelled, missed), (same, wider, other, extra))
    assert found == [
        Difference("same", same, same),
        Difference("boundary", bounded, wider),
        Difference("wrong label", mislabelled, other),
        Difference("missed", missed, None),
        Difference("spurious", None, extra),
    ]


def test_differences_use_a_repeated_span_once() -> None:
    one = span("time", 0, 4)
    assert differences((one,), (one, one)) == [
        Difference("same", one, one),
        Difference("spurious", None, one),
    ]
