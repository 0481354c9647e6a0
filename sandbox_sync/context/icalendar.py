"""The events of a calendar around a message: ``ics:NAME`` or an address with ``icalendar``.

Options: ``at`` (the moment; the message's ``sent_at`` when left out), ``days_before`` (1),
``days_after`` (14), and ``time_zone``, in which all times are given; without one it is
the calendar's own (``X-WR-TIMEZONE``), else each event keeps the zone it has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from icalendar import Calendar

from sandbox_sync.context._fetching import fetch
from sandbox_sync.context._recurring import Event, Unusable, events_between
from sandbox_sync.context.base import NotResolved, Reference, World, moment_of

PREFIXES = ("ics:",)
NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")
MOST_DAYS = 400
MOST_EVENTS = 500


def resolve(reference: Reference, data: Mapping[str, Any], world: World) -> Any:
    """The events in the window by time, as a message's ``calendar`` has them."""
    at = moment_of(reference, data, world.now)
    before, after = _days(reference, "days_before", 1), _days(reference, "days_after", 14)
    calendar = _parse(_content(reference.source, world))
    zone = _zone(reference, calendar)
    try:
        found = events_between(
            calendar, at - timedelta(days=before), at + timedelta(days=after), zone=zone
        )
    except Unusable as error:
        raise NotResolved(str(error), passing=False) from error
    return [_row(event, zone) for event in found[:MOST_EVENTS]]


def _content(source: str, world: World) -> bytes:
    if source.startswith(("http://", "https://")):
        return fetch(source, world)[0]
    name = source.removeprefix("ics:").removesuffix(".ics")
    if not world.calendar_dir:
        raise NotResolved("no folder of calendars is set", passing=False)
    if not NAME.fullmatch(name):
        raise NotResolved("it is no name of a calendar", passing=False)
    path = Path(world.calendar_dir) / f"{name}.ics"
    try:
        if path.stat().st_size > world.max_bytes:
            raise NotResolved("it is larger than allowed", passing=False)
        return path.read_bytes()
    except OSError as error:
        raise NotResolved("there is no such calendar") from error


def _parse(content: bytes) -> Calendar:
    try:
        return Calendar.from_ical(content)
    except (ValueError, IndexError, KeyError) as error:
        raise NotResolved("it is no calendar that can be read") from error


def _zone(reference: Reference, calendar: Calendar) -> tzinfo | None:
    named = reference.options.get("time_zone") or calendar.get("X-WR-TIMEZONE")
    if not named:
        return None
    try:
        return ZoneInfo(str(named))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise NotResolved("its time zone is not known", passing=False) from error


def _days(reference: Reference, name: str, default: int) -> int:
    asked = reference.options.get(name, default)
    if isinstance(asked, bool) or not isinstance(asked, int) or not 0 <= asked <= MOST_DAYS:
        raise NotResolved(f"{name} is a number from 0 to {MOST_DAYS}", passing=False)
    return asked


def _row(event: Event, zone: tzinfo | None) -> dict[str, str]:
    """As :class:`projects.flow.messages.CalendarEntry` is written."""
    start, end, title = event.start, event.end, event.title
    if event.all_day:
        end, title = end - timedelta(minutes=1), f"{title} (all day)"
    elif zone is not None:
        start, end = start.astimezone(zone), end.astimezone(zone)
    return {
        "start": start.isoformat(),
        "end": max(start, end).isoformat(),
        "title": title,
        "place": event.place,
    }
