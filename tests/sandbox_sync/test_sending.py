"""When people are told; the expected moments are worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_sync.sending import (
    DAILY,
    HOURLY,
    MINUTE,
    Piece,
    Wishes,
    awake_at,
    is_quiet,
    next_try,
    plan,
    tell_at,
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NIGHT = Wishes("Europe/Berlin", quiet_from=22 * 60, quiet_until=7 * 60)
NOW = at("2026-05-04 10:00")


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        # Berlin is UTC+2 in summer, UTC+1 in winter
        ("2026-05-04 19:59", "2026-05-04 19:59"),  # 21:59 there
        ("2026-05-04 20:00", "2026-05-05 05:00"),  # 22:00, until 7:00 the next day
        ("2026-05-04 22:30", "2026-05-05 05:00"),  # 0:30, the same morning
        ("2026-05-05 04:59", "2026-05-05 05:00"),
        ("2026-05-05 05:00", "2026-05-05 05:00"),  # the end is not quiet
        ("2026-01-10 21:00", "2026-01-11 06:00"),  # winter
        ("2026-03-28 22:00", "2026-03-29 05:00"),  # the night in which summer time begins
        ("2026-10-24 21:00", "2026-10-25 06:00"),  # the night in which it ends
    ],
)
def test_quiet_hours_across_midnight(moment: str, expected: str) -> None:
    assert awake_at(NIGHT, at(moment)) == at(expected)


@pytest.mark.parametrize(
    ("begin", "end", "moment", "expected"),
    [
        # 2026-03-29 in Berlin: 2:00 becomes 3:00 at 1:00 UTC, so 2:30 never comes
        (60, 150, "2026-03-29 00:30", "2026-03-29 01:00"),
        # 2026-10-25 in Berlin: 3:00 becomes 2:00 at 1:00 UTC; 2:30 is at 0:30 and at 1:30 UTC
        (60, 150, "2026-10-25 00:10", "2026-10-25 00:30"),
        (60, 150, "2026-10-25 00:40", "2026-10-25 00:40"),
        (60, 150, "2026-10-25 01:10", "2026-10-25 01:30"),
        # by day
        (12 * 60, 13 * 60, "2026-05-04 10:30", "2026-05-04 11:00"),
        # the same twice, or half a setting, is none
        (60, 60, "2026-05-03 23:00", "2026-05-03 23:00"),
        (None, 60, "2026-05-03 22:30", "2026-05-03 22:30"),
    ],
)
def test_quiet_hours_go_by_the_clock(
    begin: int | None, end: int, moment: str, expected: str
) -> None:
    wishes = Wishes("Europe/Berlin", quiet_from=begin, quiet_until=end)
    assert awake_at(wishes, at(moment)) == at(expected)


@pytest.mark.parametrize(
    ("wishes", "moment", "expected"),
    [
        (Wishes(), "2026-05-04 10:10:30", "2026-05-04 10:10:30"),
        (Wishes(digest=HOURLY), "2026-05-04 10:10:30", "2026-05-04 11:00:00"),
        (Wishes(digest=HOURLY), "2026-05-04 10:00:00", "2026-05-04 11:00:00"),
        # India is UTC+5:30: its full hours are at half past ours
        (Wishes("Asia/Kolkata", digest=HOURLY), "2026-05-04 10:10:00", "2026-05-04 10:30:00"),
        (Wishes("Europe/Berlin", digest=DAILY), "2026-05-04 14:59:00", "2026-05-04 15:00:00"),
        (Wishes("Europe/Berlin", digest=DAILY), "2026-05-04 15:00:00", "2026-05-05 15:00:00"),
        # daily at 2:30 on the day without a 2:30: at 3:30, an hour after 1:30
        (
            Wishes("Europe/Berlin", digest=DAILY, digest_at=150),
            "2026-03-29 00:40:00",
            "2026-03-29 01:30:00",
        ),
        # daily at 23:00 with quiet hours from 22:00 to 7:00
        (
            Wishes("UTC", quiet_from=1320, quiet_until=420, digest=DAILY, digest_at=1380),
            "2026-05-04 12:00:00",
            "2026-05-05 07:00:00",
        ),
        # the hour after is a quiet one
        (
            Wishes("UTC", quiet_from=1320, quiet_until=420, digest=HOURLY),
            "2026-05-04 21:30:00",
            "2026-05-05 07:00:00",
        ),
    ],
)
def test_a_digest_comes_at_its_time(wishes: Wishes, moment: str, expected: str) -> None:
    assert tell_at(wishes, at(moment)) == at(expected)


@given(
    st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"]),
    st.integers(0, 1439),
    st.integers(0, 1439),
    st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)),  # noqa: DTZ001 - made aware below
)
def test_quiet_hours_always_end_and_hold_to_their_end(
    zone: str, begin: int, end: int, moment: datetime
) -> None:
    wishes = Wishes(zone, quiet_from=begin, quiet_until=end)
    now = moment.replace(tzinfo=UTC)
    awake = awake_at(wishes, now)
    assert not is_quiet(wishes, awake)
    assert now <= awake <= now + timedelta(hours=26)
    if awake > now:
        assert is_quiet(wishes, max(now, awake - MINUTE))


def test_feedback_comes_one_by_one() -> None:
    pieces = [Piece(1, is_feedback=True), Piece(2, is_feedback=True)]
    assert plan(Wishes(), pieces, now=NOW).tell == (pieces[0],)


def test_much_feedback_comes_together() -> None:
    pieces = [Piece(number, is_feedback=True) for number in range(4)]
    assert plan(Wishes(), pieces, now=NOW).tell == tuple(pieces)


def test_what_waited_for_the_morning_comes_together() -> None:
    night = NOW.replace(hour=2)
    wishes = Wishes("UTC", quiet_from=0, quiet_until=7 * 60)
    found = plan(wishes, [Piece(1, is_feedback=True), Piece(2, is_feedback=True)], now=night)
    assert found.tell == ()
    assert set(found.keep.values()) == {NOW.replace(hour=7)}
    kept = [Piece(p.id, is_feedback=True, not_before=moment) for p, moment in found.keep.items()]
    assert plan(wishes, kept, now=NOW.replace(hour=6, minute=59)).tell == ()
    assert plan(wishes, kept, now=NOW.replace(hour=7)).tell == tuple(kept)


def test_a_digest_waits_for_the_hour_but_a_notice_does_not() -> None:
    pieces = [Piece(1, is_feedback=True), Piece(1, is_feedback=False)]
    found = plan(Wishes(digest=HOURLY), pieces, now=NOW)
    assert found.tell == (pieces[1],)
    assert found.keep == {pieces[0]: NOW.replace(hour=11)}


def test_quiet_hours_that_were_set_later_hold_what_was_due() -> None:
    wishes = Wishes("UTC", quiet_from=9 * 60, quiet_until=12 * 60)
    piece = Piece(1, is_feedback=True, not_before=NOW - timedelta(hours=1))
    assert plan(wishes, [piece], now=NOW).keep == {piece: NOW.replace(hour=12)}


def test_tries_get_rarer_up_to_five_minutes() -> None:
    waits = [next_try(n, may_pass=True).total_seconds() for n in (0, 1, 2, 3, 7, 30)]
    assert waits == [5, 5, 10, 20, 300, 300]
    assert next_try(1, may_pass=False).total_seconds() == 3600
    assert next_try(9, may_pass=True, wait=timedelta(seconds=7)).total_seconds() == 7
