"""Numbers worked by hand."""

from __future__ import annotations

import pytest

from projects.agreement import numbers
from projects.vocabulary import Mark


def rated(value: str) -> tuple[Mark, ...]:
    return (Mark("stars", value),)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("4", "4", 1.0),
        ("4", "5", 0.8),  # 1 - 1/5
        ("1", "5", 0.2),  # 1 - 4/5
        ("-2", "2", 0.0),
        ("0", "3", 0.0),
        ("4", "a lot", 0.0),
        ("1e999", "3", 0.0),
    ],
)
def test_numbers_agree_by_how_close_they_are(one: str, other: str, expected: float) -> None:
    assert numbers.agreement(rated(one), rated(other)) == pytest.approx(expected)


def test_a_second_number_has_no_partner() -> None:
    # One pair of equals among three marks: 2 * 1 / 3.
    found = numbers.agreement(rated("4"), (*rated("4"), Mark("stars", "5")))
    assert found == pytest.approx(2 / 3)
