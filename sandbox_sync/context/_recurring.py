"""The events of a calendar within a window, repetitions worked out. Pure.

Repetition is reckoned on the wall clock of the event's own time zone, as RFC 5545 has it:
a meeting at nine stays at nine when the clocks change. ``RANGE=THISANDFUTURE`` is not known:
such a change counts for its one occurrence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from dateutil.rrule import rrule, rruleset, rrulestr
from icalendar import Calendar
from icalendar.cal import Component

TOO_OFTEN = ("SECONDLY", "MINUTELY")
SLACK = timedelta(days=2)
"""No two wall clocks differ by more."""


class Unusable(ValueError):
    """An event that cannot be worked out, in words without its content."""


@dataclass(frozen=True)
class Event:
    """One occurrence."""

    start: datetime
    """Aware; of an event that takes all day, midnight on the wall clock."""
    end: datetime
    """Not part of it any more."""
    title: str
    place: str
    all_day: bool


def events_between(
    calendar: Calendar, begin: datetime, end: datetime, *, zone: tzinfo | None
) -> list[Event]:
    """Every occurrence that overlaps ``[begin, end]``, in the order of time.

    Times without a zone are taken to be in ``zone``, or in UTC when there is none.
    """
    floating = zone or UTC
    by_uid: dict[str, list[Component]] = defaultdict(list)
    for number, part in enumerate(calendar.walk("VEVENT")):
        by_uid[str(part.get("UID") or f"without-{number}")].append(part)
    found = [
        event
        for parts in by_uid.values()
        for event in _occurrences(parts, begin, end, floating)
        if event.start <= end and (event.end > begin or event.start >= begin)
    ]
    return sorted(found, key=lambda event: (event.start, event.end, event.title))


def _occurrences(
    parts: list[Component], begin: datetime, end: datetime, floating: tzinfo
) -> Iterator[Event]:
    changed = {
        _aware(part.decoded("RECURRENCE-ID"), floating): part
        for part in parts
        if part.get("RECURRENCE-ID") is not None
    }
    for part in parts:
        if part.get("RECURRENCE-ID") is None:
            for event in _series(part, begin, end, floating):
                if event.start not in changed:
                    yield event
    for part in changed.values():
        if not _is_cancelled(part):
            yield _single(part, floating)


def _series(part: Component, begin: datetime, end: datetime, floating: tzinfo) -> Iterator[Event]:
    if part.get("DTSTART") is None or _is_cancelled(part):
        return
    first = _single(part, floating)
    if part.get("RRULE") is None and part.get("RDATE") is None:
        yield first
        return
    zone = first.start.tzinfo or floating
    lasts = first.end - first.start
    # The window on the wall clock, with room for the event's length and for any zone.
    low = begin.astimezone(zone).replace(tzinfo=None) - lasts - SLACK
    high = end.astimezone(zone).replace(tzinfo=None) + SLACK
    for wall in _rules(part, first, floating).between(low, high, inc=True):
        start = wall.replace(tzinfo=zone)
        yield Event(start, _after(start, lasts), first.title, first.place, first.all_day)


def _after(start: datetime, lasts: timedelta) -> datetime:
    """So much real time later: an hour is an hour also when the clocks change."""
    return (start.astimezone(UTC) + lasts).astimezone(start.tzinfo)


def _rules(part: Component, first: Event, floating: tzinfo) -> rruleset:
    zone = first.start.tzinfo or floating
    origin = first.start.replace(tzinfo=None)
    rules = rruleset()
    rules.rdate(origin)
    for rule in _listed(part.get("RRULE")):
        if str((rule.get("FREQ") or [""])[0]).upper() in TOO_OFTEN:
            raise Unusable("one of its events repeats every minute or second")
        limited = dict(rule)
        if until := limited.get("UNTIL"):
            limited["UNTIL"] = [_wall(moment, zone, floating) for moment in _listed(until)]
        try:
            repeated = rrulestr(_rule_text(limited), dtstart=origin)
        except ValueError as error:
            raise Unusable("one of its events repeats in a way that cannot be read") from error
        if isinstance(repeated, rrule):
            rules.rrule(repeated)
    for moment in _moments(part.get("RDATE")):
        rules.rdate(_wall(moment, zone, floating))
    for moment in _moments(part.get("EXDATE")):
        rules.exdate(_wall(moment, zone, floating))
    return rules


def _rule_text(rule: dict[str, Any]) -> str:
    def text(value: Any) -> str:
        return value.strftime("%Y%m%dT%H%M%S") if isinstance(value, datetime) else str(value)

    return ";".join(f"{key}={','.join(map(text, _listed(v)))}" for key, v in rule.items())


def _single(part: Component, floating: tzinfo) -> Event:
    begins = part.decoded("DTSTART")
    all_day = not isinstance(begins, datetime)
    start = _aware(begins, floating)
    if part.get("DTEND") is not None:
        end = _aware(part.decoded("DTEND"), floating)
    elif part.get("DURATION") is not None:
        end = _after(start, part.decoded("DURATION"))
    else:
        end = start + timedelta(days=1) if all_day else start
    title, place = str(part.get("SUMMARY") or "").strip(), str(part.get("LOCATION") or "").strip()
    return Event(start, max(start, end), title or "(no title)", place, all_day)


def _is_cancelled(part: Component) -> bool:
    return str(part.get("STATUS") or "").upper() == "CANCELLED"


def _aware(moment: date | datetime, floating: tzinfo) -> datetime:
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=floating)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=floating)


def _wall(moment: date | datetime, zone: tzinfo, floating: tzinfo) -> datetime:
    """The same moment on the wall clock of a zone."""
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        return _aware(moment, floating).replace(tzinfo=None)
    return moment.astimezone(zone).replace(tzinfo=None)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _moments(value: Any) -> Iterable[date | datetime]:
    """Of ``RDATE`` and ``EXDATE``: one or several lists of dates, or of periods."""
    for group in _listed(value):
        for one in getattr(group, "dts", []):
            moment = one.dt
            yield moment[0] if isinstance(moment, tuple) else moment
