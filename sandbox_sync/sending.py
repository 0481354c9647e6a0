"""When a message may reach a person: quiet hours, digests, and the next try. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

EACH, HOURLY, DAILY = "each", "hourly", "daily"
DIGESTS = (EACH, HOURLY, DAILY)
MINUTE = timedelta(minutes=1)
DAY_MINUTES = 24 * 60
MOST_SINGLE = 3
"""More than this at once come as one message: Slack takes one a second, and people too."""
FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=5)
HOPELESS_WAIT = timedelta(hours=1)
"""Between two tries when only a person can end the trouble, such as a missing account."""


@dataclass(frozen=True)
class Wishes:
    """How one person wants to be told; minutes are those of their own day."""

    time_zone: str = "UTC"
    quiet_from: int | None = None
    quiet_until: int | None = None
    digest: str = EACH
    digest_at: int = 17 * 60

    @property
    def zone(self) -> ZoneInfo:
        """Their time zone."""
        return ZoneInfo(self.time_zone)


@dataclass(frozen=True)
class Piece:
    """One thing that waits to be told: feedback on a comparison, or a notice."""

    id: int
    is_feedback: bool
    not_before: datetime | None = None


@dataclass(frozen=True)
class Plan:
    """What to do for one person now: tell these, and keep those until then."""

    tell: tuple[Piece, ...] = ()
    """In one message when there are several."""
    keep: dict[Piece, datetime] = field(default_factory=dict)


def is_zone(name: str) -> bool:
    """Whether this names a time zone."""
    return name in available_timezones()


def minute_of(text: str) -> int | None:
    """The minute of the day that ``22:30`` names; ``None`` when it names none."""
    hour, colon, minute = text.strip().partition(":")
    if not (colon and _is_number(hour) and _is_number(minute) and len(minute) == 2):
        return None
    found = 60 * int(hour) + int(minute)
    return found if int(hour) < 24 and int(minute) < 60 else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 2


def clock(minute: int | None) -> str:
    """A minute of the day as people write it; empty for none."""
    return "" if minute is None else f"{minute // 60:02d}:{minute % 60:02d}"


def in_words(wishes: Wishes) -> str:
    """How somebody wants to be told, for those who look after them."""
    how = {EACH: "at once", HOURLY: "every hour in one message"}.get(
        wishes.digest, f"once a day at {clock(wishes.digest_at)} in one message"
    )
    quiet = ""
    if wishes.quiet_from is not None and wishes.quiet_until is not None:
        quiet = f", not between {clock(wishes.quiet_from)} and {clock(wishes.quiet_until)}"
    return f"Wants to be told {how}{quiet} ({wishes.time_zone})."


def is_quiet(wishes: Wishes, moment: datetime) -> bool:
    """Whether the person's clock shows a time at which they are not to be disturbed.

    From ``quiet_from`` to ``quiet_until``, the end excluded; across midnight when the
    first is the later one. The same time twice is no quiet hours.
    """
    begin, end = wishes.quiet_from, wishes.quiet_until
    if begin is None or end is None or begin == end:
        return False
    now = _minute_of_day(moment, wishes.zone)
    return begin <= now < end if begin < end else now >= begin or now < end


def awake_at(wishes: Wishes, moment: datetime) -> datetime:
    """``moment``, or the end of the quiet hours that it lies in.

    It goes by what the person's clock shows: an hour that the clock goes through
    twice is quiet twice, and quiet hours that end in an hour that does not exist
    end when the clock jumps.
    """
    if not is_quiet(wishes, moment):
        return moment
    ends = _moments(wishes.zone, moment, wishes.quiet_until or 0)
    end = min(end for end in ends if end > moment and not is_quiet(wishes, end))
    while end - MINUTE > moment and not is_quiet(wishes, end - MINUTE):
        end -= MINUTE
    return end


def tell_at(wishes: Wishes, moment: datetime) -> datetime:
    """When something that came up at ``moment`` is to be told."""
    if wishes.digest == HOURLY:
        local = moment.astimezone(wishes.zone)
        moment += MINUTE * (60 - local.minute) - timedelta(
            seconds=local.second, microseconds=local.microsecond
        )
    elif wishes.digest == DAILY:
        moment = min(m for m in _moments(wishes.zone, moment, wishes.digest_at) if m > moment)
    return awake_at(wishes, moment)


def plan(wishes: Wishes, pieces: Sequence[Piece], *, now: datetime) -> Plan:
    """What to tell now, of everything that waits for one person, in its order.

    A notice comes by itself and before feedback; only quiet hours hold it up.
    Feedback comes one by one, unless it has waited or there is much of it.
    """
    keep: dict[Piece, datetime] = {}
    ready: list[Piece] = []
    for piece in pieces:
        moment = _moment_of(wishes, piece, now)
        if moment > now:
            keep[piece] = moment
        else:
            ready.append(piece)
    notices = [piece for piece in ready if not piece.is_feedback]
    if notices:
        return Plan((notices[0],), keep)
    together = len(ready) > MOST_SINGLE or any(piece.not_before is not None for piece in ready)
    return Plan(tuple(ready if together else ready[:1]), keep)


def next_try(attempts: int, *, may_pass: bool, wait: timedelta | None = None) -> timedelta:
    """How long to wait after a try that failed, the first being number 1."""
    if wait is not None:
        return wait
    if not may_pass:
        return HOPELESS_WAIT
    doublings = min(max(attempts, 1) - 1, 10)
    return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


def _moment_of(wishes: Wishes, piece: Piece, now: datetime) -> datetime:
    if piece.not_before is not None:
        return awake_at(wishes, max(piece.not_before, now))
    return tell_at(wishes, now) if piece.is_feedback else awake_at(wishes, now)


def _minute_of_day(moment: datetime, zone: ZoneInfo) -> int:
    local = moment.astimezone(zone)
    return 60 * local.hour + local.minute


def _moments(zone: ZoneInfo, around: datetime, minute: int) -> list[datetime]:
    """When the clock shows this minute of the day, on the days around ``around``.

    Twice on a day on which it does so twice; on a day on which it never does, the
    moments that the two offsets around the jump give.
    """
    today = around.astimezone(zone).date()
    days = [today + timedelta(days=step) for step in (-1, 0, 1, 2)]
    return sorted({_at(zone, day, minute, fold) for day in days for fold in (0, 1)})


def _at(zone: ZoneInfo, day: date, minute: int, fold: int) -> datetime:
    hour, rest = divmod(minute % DAY_MINUTES, 60)
    return datetime(day.year, day.month, day.day, hour, rest, tzinfo=zone, fold=fold).astimezone(
        UTC
    )
