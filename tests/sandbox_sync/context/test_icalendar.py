"""Calendars: repetition, exceptions, time zones, whole days. Expected times worked by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox_sync.context import icalendar
from sandbox_sync.context.base import NotResolved, Reference, World
from tests.sandbox_sync.context.world import make_world

HEAD = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//\r\n"


def event(*lines: str) -> str:
    return "\r\n".join(["BEGIN:VEVENT", *lines, "END:VEVENT", ""])


def events(
    tmp_path: Path, *parts: str, at: str = "2026-03-27T12:00:00+01:00", **options: Any
) -> list[dict[str, str]]:
    (tmp_path / "anna.ics").write_text(HEAD + "".join(parts) + "END:VCALENDAR\r\n", newline="")
    asked = {"days_before": 0, "days_after": 7, "time_zone": "Europe/Berlin"} | options
    reference = Reference("calendar", "icalendar", "ics:anna", asked)
    found: list[dict[str, str]] = icalendar.resolve(reference, {"sent_at": at}, world(tmp_path))
    return found


def world(tmp_path: Path) -> World:
    return make_world(calendar_dir=str(tmp_path), now=datetime(2026, 3, 27, tzinfo=UTC))


def test_a_meeting_at_nine_stays_at_nine_when_the_clocks_change(tmp_path: Path) -> None:
    found = events(
        tmp_path,
        event(
            "UID:1",
            "SUMMARY:Stand-up",
            "LOCATION:Room 2",
            "DTSTART;TZID=Europe/Berlin:20260323T090000",
            "DTEND;TZID=Europe/Berlin:20260323T091500",
            "RRULE:FREQ=WEEKLY;BYDAY=MO,FR;UNTIL=20260330T070000Z",
        ),
    )
    # Friday the 27th 09:00 is over at noon; the clocks change on Sunday the 29th; the rule
    # ends on Monday the 30th at 07:00 UTC, which is 09:00 in summer time, inclusive.
    assert found == [
        {
            "start": "2026-03-30T09:00:00+02:00",
            "end": "2026-03-30T09:15:00+02:00",
            "title": "Stand-up",
            "place": "Room 2",
        }
    ]


def test_exceptions_moved_and_cancelled_occurrences(tmp_path: Path) -> None:
    series = event(
        "UID:1",
        "SUMMARY:Daily",
        "DTSTART:20260327T150000Z",
        "DURATION:PT30M",
        "RRULE:FREQ=DAILY;COUNT=5",
        "EXDATE:20260328T150000Z",
    )
    moved = event(
        "UID:1",
        "SUMMARY:Daily, later",
        "RECURRENCE-ID:20260329T150000Z",
        "DTSTART:20260329T170000Z",
        "DTEND:20260329T173000Z",
    )
    cancelled = event(
        "UID:1",
        "RECURRENCE-ID:20260330T150000Z",
        "DTSTART:20260330T150000Z",
        "STATUS:CANCELLED",
    )
    found = events(tmp_path, series, moved, cancelled, time_zone="UTC")
    assert [(e["start"], e["title"]) for e in found] == [
        ("2026-03-27T15:00:00+00:00", "Daily"),
        ("2026-03-29T17:00:00+00:00", "Daily, later"),
        ("2026-03-31T15:00:00+00:00", "Daily"),
    ]


def test_an_event_of_whole_days_that_has_begun_is_shown(tmp_path: Path) -> None:
    found = events(
        tmp_path,
        event("UID:1", "SUMMARY:Trip", "DTSTART;VALUE=DATE:20260326", "DTEND;VALUE=DATE:20260329"),
        event("UID:2", "SUMMARY:Over", "DTSTART;VALUE=DATE:20260325", "DTEND;VALUE=DATE:20260326"),
    )
    assert [(e["title"], e["start"], e["end"]) for e in found] == [
        ("Trip (all day)", "2026-03-26T00:00:00+01:00", "2026-03-28T23:59:00+01:00")
    ]


def test_only_the_window_is_given_and_other_zones_are_converted(tmp_path: Path) -> None:
    found = events(
        tmp_path,
        event("UID:1", "SUMMARY:Before", "DTSTART:20260327T100000Z", "DTEND:20260327T103000Z"),
        event(
            "UID:2",
            "SUMMARY:Call",
            "DTSTART;TZID=America/New_York:20260328T090000",
            "DTEND;TZID=America/New_York:20260328T093000",
        ),
        event("UID:3", "SUMMARY:After", "DTSTART:20260403T110100Z", "DTEND:20260403T113000Z"),
    )
    # 09:00 in New York is 13:00 UTC in its summer time, 14:00 in Berlin's winter time
    assert [(e["title"], e["start"]) for e in found] == [("Call", "2026-03-28T14:00:00+01:00")]


def test_times_without_a_zone_are_in_the_calendars_own(tmp_path: Path) -> None:
    found = events(
        tmp_path,
        "X-WR-TIMEZONE:Asia/Tokyo\r\n",
        event("UID:1", "SUMMARY:Tea", "DTSTART:20260328T160000", "DTEND:20260328T163000"),
        time_zone=None,
    )
    assert [e["start"] for e in found] == ["2026-03-28T16:00:00+09:00"]


@pytest.mark.parametrize("source", ["ics:../secrets", "ics:/etc/passwd", "ics:.hidden", "ics:a/b"])
def test_a_name_leads_nowhere_but_into_the_folder(tmp_path: Path, source: str) -> None:
    with pytest.raises(NotResolved, match="no name of a calendar") as refused:
        icalendar.resolve(Reference("c", "icalendar", source, {}), {}, world(tmp_path))
    assert refused.value.retryable is False


def test_a_calendar_that_is_not_there_yet_may_come(tmp_path: Path) -> None:
    with pytest.raises(NotResolved, match="no such calendar") as refused:
        icalendar.resolve(Reference("c", "icalendar", "ics:ben", {}), {}, world(tmp_path))
    assert refused.value.retryable is True


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["RRULE:FREQ=SECONDLY"], "every minute or second"),
        (["RRULE:FREQ=MINUTELY;INTERVAL=5"], "every minute or second"),
    ],
)
def test_what_repeats_without_end_is_refused(tmp_path: Path, lines: list[str], words: str) -> None:
    with pytest.raises(NotResolved, match=words):
        events(tmp_path, event("UID:1", "DTSTART:20200101T000000Z", *lines))


def test_what_is_no_calendar_is_trouble_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "odd.ics").write_text("<html>not found</html>")
    with pytest.raises(NotResolved, match="no calendar"):
        icalendar.resolve(Reference("c", "icalendar", "ics:odd", {}), {}, world(tmp_path))
