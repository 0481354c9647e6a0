"""The many ways in which people write dates, times and durations."""

from __future__ import annotations

from datetime import date, datetime
from random import Random

from projects.samples.markup import marked

_COUNTED = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}
_HOURS = (*_COUNTED, "eleven", "twelve")
_DURATIONS = {
    15: ("15 minutes", "a quarter of an hour", "15 min", "fifteen minutes"),
    20: ("20 minutes", "twenty minutes", "20 mins"),
    30: ("30 minutes", "half an hour", "30 min", "thirty minutes", "a half-hour"),
    45: ("45 minutes", "three quarters of an hour", "45 min", "45 mins"),
    60: ("an hour", "one hour", "60 minutes", "1 hour", "1h"),
    90: ("90 minutes", "an hour and a half", "1.5 hours", "ninety minutes", "1h30"),
    120: ("two hours", "2 hours", "2h", "120 minutes"),
    180: ("three hours", "3 hours", "a whole half-day"),
}
LENGTHS = tuple(_DURATIONS)
_RHYTHMS = (
    "every {0}", "every other {0}", "each {0}", "every second {0}", "every two weeks",
    "once a month", "every weekday", "the first {0} of every month", "twice a week", "weekly",
    "fortnightly", "monthly", "every quarter", "once a week", "every {0} and {1}", "every month",
    "the last {0} of the month", "daily", "every three weeks",
)  # fmt: skip
_WITHOUT_ON = ("tomorrow", "today", "yesterday", "next ", "last ", "this ")
_WINDOWS = ("morning", "afternoon", "early afternoon", "late morning", "evening", "early morning")


def duration(minutes: int, rng: Random) -> str:
    """A length of time, marked."""
    return marked("Duration", rng.choice(_DURATIONS[minutes]))


def rhythm(rng: Random) -> str:
    """How often something repeats, marked as a date."""
    days = rng.sample(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"), 2)
    return marked("Date", rng.choice(_RHYTHMS).format(*days))


def window(rng: Random) -> str:
    """A part of the day, marked."""
    return marked("Time", rng.choice(_WINDOWS))


def day(when: date, today: date, rng: Random) -> str:
    """A date as seen from ``today``, marked."""
    return marked("Date", rng.choice(_day_forms(when, today)))


def clock(when: datetime, rng: Random) -> str:
    """A time of the day, marked."""
    return marked("Time", rng.choice(_clock_forms(when.hour, when.minute)))


def slot(when: datetime, today: date, rng: Random, *, on: str = "", at: str = "at ") -> str:
    """A date with a time, each marked; ``on`` goes before a date that may take it."""
    day_words, time_words = day(when.date(), today, rng), clock(when, rng)
    on = on if takes_on(day_words) else ""
    pattern = rng.choice(("{on}{day} at {time}", "{on}{day}, {time}", "{at}{time} {day2}"))
    day2 = f"on {day_words}" if takes_on(day_words) else day_words
    return pattern.format(on=on, day=day_words, at=at, time=time_words, day2=day2)


def takes_on(day_words: str) -> bool:
    """Whether "on" may stand before these (marked) words."""
    return not any(word in day_words for word in _WITHOUT_ON)


def period(when: date, today: date, rng: Random) -> str:
    """Some days around ``when``, marked, with the preposition that goes before."""
    later = date.fromordinal(when.toordinal() + rng.choice((2, 3, 4)))
    first, last = (f"{d.day} {d:%B}" for d in (when, later))
    between = f"{first} and {last}" if rng.random() < 0.5 else f"{when:%A} and {later:%A}"
    week = "this week" if when.isocalendar()[:2] == today.isocalendar()[:2] else "next week"
    if (when - today).days > 13:
        week = f"the week of {first}"
    month = f"the {rng.choice(('first', 'second'))} half of {when:%B}"
    prefix, words = rng.choice(
        (
            ("in " if week.startswith("the") else "", week),
            ("between ", between),
            ("in ", month),
            ("before ", f"the {_ordinal(later.day)}"),
            ("on ", f"{when:%A} or {later:%A}"),
        )
    )
    return prefix + marked("Date", words)


def _day_forms(when: date, today: date) -> list[str]:
    ahead = (when - today).days
    forms = [
        f"{when:%A} {when.day} {when:%B}",
        f"{when:%a} {when.day} {when:%b}",
        f"{when.day} {when:%B}",
        f"{when:%B} {when.day}",
        f"{when:%A} the {_ordinal(when.day)}",
        f"the {_ordinal(when.day)}",
        f"{when.day}/{when.month}",
        f"{when:%a} {when.day}.{when.month}",
        f"the {_ordinal(when.day)} of {when:%B}",
        f"{when:%A}, {when:%B} {_ordinal(when.day)}",
    ]
    if 0 < ahead < 7:
        forms += [f"{when:%A}"] * 6 + ([f"this {when:%A}"] if when.weekday() > 1 else [])
    if 7 <= ahead < 12:
        forms += [f"next {when:%A}"] * 4
    if ahead == 1:
        forms += ["tomorrow"] * 6
    if ahead == 0:
        forms = ["today"]
    if ahead == -1:
        forms += ["yesterday"] * 6
    if -7 < ahead < 0:
        forms += [f"last {when:%A}"] * 4
    return [*forms, when.isoformat()]


def _clock_forms(hour: int, minute: int) -> list[str]:
    half = hour % 12 or 12
    suffix = "am" if hour < 12 else "pm"
    forms = [f"{hour}:{minute:02}", f"{hour:02}:{minute:02}", f"{hour}.{minute:02}"]
    if minute == 0:
        forms += [f"{half} {suffix}", f"{half}{suffix}", f"{half} {suffix.upper()}"] * 2
        forms += [f"{half} o'clock", f"{hour}h", _HOURS[half]]
        forms += ["noon", "midday", "noon"] if hour == 12 else []
    else:
        forms += [
            f"{half}:{minute:02} {suffix}",
            f"{half}:{minute:02}{suffix}",
            f"{hour}h{minute:02}",
        ]
    if minute == 30:
        forms += [f"half past {_HOURS[half]}"] * 2
    if minute == 15:
        forms += [f"a quarter past {_HOURS[half]}"]
    if minute == 45:
        forms += [f"a quarter to {_HOURS[half % 12 + 1]}"]
    return forms


def _ordinal(number: int) -> str:
    teen = 10 <= number % 100 <= 20
    return f"{number}{'th' if teen else _ENDINGS.get(number % 10, 'th')}"
