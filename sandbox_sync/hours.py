"""How long people have practised: active time from Label Studio's lead times. Pure.

Label Studio counts, per annotation, every second that its task stood open in a
tab, idle or not, and adds those of a later correction. So of each state of an
annotation that we see, what is new since the last one counts, up to a cap: who
leaves a task open over lunch is not paid for lunch. And a person has one life:
time that two annotations claim both is counted once.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from projects.kit.errors import BadInput

COLUMNS = ("date", "trainee_id", "email", "kind", "items", "seconds", "hours")
"""Of the CSV; a payroll program may rely on their names and their order."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet would run, at the beginning of a cell."""
HOUR_SECONDS = 3600
MOST_DAYS = 400
"""In one range that is asked for."""


@dataclass(frozen=True)
class Stretch:
    """Time on one annotation that ended when a state of it was saved."""

    trainee_id: int
    email: str
    kind: str
    day: str
    """The trainee's own day on which it ended."""
    item_id: int
    end: datetime
    seconds: float


@dataclass(frozen=True)
class Row:
    """One trainee's time on one kind on one day."""

    day: str
    trainee_id: int
    email: str
    kind: str
    items: int
    seconds: float

    @property
    def hours(self) -> float:
        """Decimal hours."""
        return self.seconds / HOUR_SECONDS


def active_seconds(lead: float, before: float, *, cap: float) -> float:
    """What a state of an annotation adds to the one before.

    Parameters
    ----------
    lead : float
        Its lead time in seconds, all time on the annotation so far.
    before : float
        The longest lead time that was seen of it before; 0 at first.
    cap : float
        The most that can be active time at once, in seconds.

    Returns
    -------
    float
        In [0, cap]. A lead time that went down adds nothing.
    """
    return min(max(lead - before, 0.0), cap)


def tally(stretches: Iterable[Stretch]) -> list[Row]:
    """Time per day, trainee and kind, with what overlaps counted once; by day and e-mail.

    Of two annotations that claim the same time, the one that was saved first has it.
    """
    people: dict[int, list[Stretch]] = defaultdict(list)
    for stretch in stretches:
        people[stretch.trainee_id].append(stretch)
    seconds: dict[tuple[str, int, str, str], float] = defaultdict(float)
    items: dict[tuple[str, int, str, str], set[int]] = defaultdict(set)
    for theirs in people.values():
        for stretch, counted in _without_overlap(sorted(theirs, key=lambda s: s.end)):
            key = (stretch.day, stretch.trainee_id, stretch.email, stretch.kind)
            seconds[key] += counted
            items[key].add(stretch.item_id)
    rows = [
        Row(day, number, email, kind, len(items[key]), seconds[key])
        for key in seconds
        for day, number, email, kind in [key]
    ]
    return sorted(rows, key=lambda row: (row.day, row.email.lower(), row.trainee_id, row.kind))


def totals(rows: Iterable[Row]) -> list[Row]:
    """Per trainee and kind over all days, then each trainee's total with ``kind`` empty."""
    per_kind: dict[tuple[int, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        per_kind[row.trainee_id, row.email, row.kind].append(row)
        per_kind[row.trainee_id, row.email, ""].append(row)
    summed = [
        Row("", number, email, kind, sum(r.items for r in found), sum(r.seconds for r in found))
        for (number, email, kind), found in per_kind.items()
    ]
    return sorted(
        summed, key=lambda row: (row.email.lower(), row.trainee_id, not row.kind, row.kind)
    )


def to_csv(rows: Sequence[Row]) -> str:
    """The rows for a payroll program: whole seconds, hours with four decimals.

    A text that a spreadsheet would run as a formula gets an apostrophe before it.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in rows:
        whole = round(row.seconds)
        writer.writerow(
            [
                row.day,
                row.trainee_id,
                harmless(row.email),
                harmless(row.kind),
                row.items,
                whole,
                f"{whole / HOUR_SECONDS:.4f}",
            ]
        )
    return out.getvalue()


def harmless(text: str) -> str:
    """Text that no spreadsheet runs."""
    return f"'{text}" if text.startswith(FORMULA) else text


def in_words(seconds: float) -> str:
    """Hours and minutes, for people."""
    minutes = round(seconds / 60)
    if seconds and not minutes:
        return "< 1 min"
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"


def _without_overlap(stretches: Sequence[Stretch]) -> list[tuple[Stretch, float]]:
    """Each stretch with the seconds of it that none before it has; in the order of their ends."""
    taken: list[tuple[datetime, datetime]] = []  # apart from each other, in order
    found = []
    for stretch in stretches:
        begin = stretch.end - timedelta(seconds=stretch.seconds)
        free = stretch.seconds
        while taken and taken[-1][1] >= begin:
            first, last = taken.pop()
            free -= (last - max(first, begin)).total_seconds()
            begin = min(begin, first)
        taken.append((begin, max(stretch.end, begin)))
        found.append((stretch, max(free, 0.0)))
    return found


@dataclass(frozen=True)
class Days:
    """A range of days, both included."""

    first: date
    last: date


def days_of(first: str, last: str, *, today: date) -> Days:
    """The range that was asked for; without, this month up to today.

    Raises
    ------
    BadInput
        When a day is not one, or the range is backwards or too long.
    """
    end = _day("to", last) or max(today, _day("from", first) or today)
    begin = _day("from", first) or end.replace(day=1)
    if begin > end:
        raise BadInput(f"{begin} is after {end}", "from")
    if end - begin > timedelta(days=MOST_DAYS):
        raise BadInput(f"at most {MOST_DAYS} days at once", "to")
    return Days(begin, end)


def _day(name: str, text: str) -> date | None:
    if not text.strip():
        return None
    try:
        found = date.fromisoformat(text.strip())
    except ValueError as error:
        raise BadInput("not a day; write 2026-05-04", name) from error
    if not date(2000, 1, 1) <= found <= date(2999, 12, 31):
        raise BadInput("not a day of this age; write 2026-05-04", name)
    return found
