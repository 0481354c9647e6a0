"""Practice time; the expected seconds are worked out by hand."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_sync import hours
from sandbox_sync.hours import Row, Stretch

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def stretch(end: float, seconds: float, **more: object) -> Stretch:
    """Ends so many seconds after noon."""
    values: dict[str, object] = {
        "trainee_id": 1,
        "email": "ada@example.com",
        "kind": "intent",
        "day": "2026-05-04",
        "item_id": int(end),
    }
    return Stretch(
        **(values | more),  # type: ignore[arg-type]
        end=NOON + timedelta(seconds=end),
        seconds=seconds,
    )


@pytest.mark.parametrize(
    ("lead", "before", "expected"),
    [
        (40, 0, 40),  # the first state
        (65, 40, 25),  # a correction: what it adds
        (4000, 0, 300),  # left open over lunch
        (4000, 65, 300),
        (65, 65, 0),  # touched by somebody, nothing new
        (10, 65, 0),  # a lead time that went down
        (-5, 0, 0),
    ],
)
def test_active_seconds(lead: float, before: float, expected: float) -> None:
    assert hours.active_seconds(lead, before, cap=300) == expected


def test_time_is_added_up_per_day_trainee_and_kind() -> None:
    rows = hours.tally(
        [
            stretch(100, 30),
            stretch(200, 50),
            stretch(300, 20, kind="details"),
            stretch(300, 45, trainee_id=2, email="ben@example.com"),
            stretch(90000, 60, day="2026-05-05"),
        ]
    )
    assert [(r.day, r.email[:3], r.kind, r.items, r.seconds) for r in rows] == [
        ("2026-05-04", "ada", "details", 1, 20),
        ("2026-05-04", "ada", "intent", 2, 80),
        ("2026-05-04", "ben", "intent", 1, 45),
        ("2026-05-05", "ada", "intent", 1, 60),
    ]
    assert [(r.email[:3], r.kind, r.items, r.seconds) for r in hours.totals(rows)] == [
        ("ada", "details", 1, 20),
        ("ada", "intent", 3, 140),
        ("ada", "", 4, 160),
        ("ben", "intent", 1, 45),
        ("ben", "", 1, 45),
    ]


def test_time_in_two_tabs_counts_once() -> None:
    """Both open from 0 on, saved at 60 and at 70: 70 seconds went by."""
    (row,) = hours.tally([stretch(60, 60), stretch(70, 70)])
    assert row.seconds == 70
    # one open from 0 to 100, in between another from 20 to 50
    (row,) = hours.tally([stretch(50, 30), stretch(100, 100)])
    assert row.seconds == 100
    # the kind that was saved first has the time
    rows = hours.tally([stretch(60, 60, kind="details"), stretch(70, 70)])
    assert [(r.kind, r.seconds) for r in rows] == [("details", 60), ("intent", 10)]


def test_nobody_can_claim_more_than_the_clock() -> None:
    """A thousand states within ten seconds, each of which claims five minutes."""
    claims = [stretch(number / 100, 300, item_id=1) for number in range(1000)]
    (row,) = hours.tally(claims)
    assert (row.items, round(row.seconds)) == (1, 310)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 100)), max_size=30))
def test_the_sum_is_the_length_of_the_union(pairs: list[tuple[int, int]]) -> None:
    covered = {second for end, length in pairs for second in range(end - length, end)}
    rows = hours.tally([stretch(end, length) for end, length in pairs])
    assert sum(row.seconds for row in rows) == pytest.approx(len(covered))


def test_csv_has_stable_columns_and_runs_nothing() -> None:
    text = hours.to_csv(
        [
            Row("2026-05-04", 7, "=cmd|' /C calc'!A0@example.com", "intent", 3, 5400.4),
            Row("2026-05-04", 8, "zoë@example.com", "-details", 1, 59.6),
        ]
    )
    assert list(csv.reader(io.StringIO(text))) == [
        ["date", "trainee_id", "email", "kind", "items", "seconds", "hours"],
        ["2026-05-04", "7", "'=cmd|' /C calc'!A0@example.com", "intent", "3", "5400", "1.5000"],
        ["2026-05-04", "8", "zoë@example.com", "'-details", "1", "60", "0.0167"],
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 min"), (10, "< 1 min"), (90, "2 min"), (3600, "1 h 00 min"), (9000, "2 h 30 min")],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert hours.in_words(seconds) == words
