"""Who meets whom, when and about what: the facts behind one sample message."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from random import Random

from projects.flow.messages import CalendarEntry, Scalar
from projects.samples import moments

_FIRST_DAY = datetime(2026, 1, 5, tzinfo=UTC)
_MINUTES = (0, 0, 0, 30, 30, 15, 45)


@cache
def words(name: str) -> tuple[str, ...]:
    """The lines of a word list of this package."""
    text = files("projects.samples").joinpath("words", f"{name}.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line)


@dataclass(frozen=True)
class Scene:
    """Everything that message, thread, calendar and preferences have to agree on.

    ``old`` is the meeting as it stands, ``new`` what the message asks for or
    answers to; both are on working days after ``sent_at``.
    """

    sent_at: datetime
    owner: str
    sender: str
    people: tuple[str, str]
    topic: str
    places: tuple[str, str, str]
    """Asked for, booked before, and unrelated; with the preposition: ``in|Room B2``."""
    old: datetime
    new: datetime
    past: datetime
    minutes: tuple[int, int]
    """Asked for, and booked before."""


def draw(rng: Random) -> Scene:
    """A scene at random."""
    sent_at = _working(_FIRST_DAY + timedelta(days=rng.randrange(300)))
    sent_at = sent_at.replace(hour=rng.randrange(7, 19), minute=rng.randrange(60))
    owner, sender, *people = rng.sample(words("names"), 4)
    first, second, third = rng.sample(words("places"), 3)
    old = _moment(sent_at, rng)
    new = _moment(sent_at, rng)
    while (new.date() == old.date() and rng.random() < 0.8) or abs(new - old) < timedelta(hours=3):
        new = _moment(sent_at, rng)
    minutes = tuple(rng.sample(moments.LENGTHS[1:7], 2))
    return Scene(
        sent_at=sent_at,
        owner=owner,
        sender=sender,
        people=(people[0], people[1]),
        topic=rng.choice(words("topics")),
        places=(first, second, third),
        old=old,
        new=new,
        past=sent_at - timedelta(days=rng.choice((1, 1, 2, 3, 4, 5, 6, 8, 10, 14))),
        minutes=(minutes[0], minutes[1]),
    )


def calendar(scene: Scene, rng: Random, *, booked: bool) -> tuple[CalendarEntry, ...]:
    """The owner's entries around the dates; ``booked`` puts the meeting among them.

    Nothing else overlaps the meeting or the proposed slot.
    """
    entries: list[CalendarEntry] = []
    if booked:
        place = scene.places[1].partition("|")[2]
        title = scene.topic[0].upper() + scene.topic[1:]
        entries.append(_entry(scene.old, scene.minutes[1], title, place))
    taken = [_entry(at, 180, "", "") for at in (scene.old, scene.new)]
    for _ in range(rng.choice((1, 2, 3, 4))):
        near = rng.choice((scene.old, scene.new)) + timedelta(days=rng.choice((0, 0, 0, 1)))
        start = _working(near).replace(hour=rng.randrange(8, 17), minute=rng.choice((0, 30)))
        place = rng.choice(("", rng.choice(words("places")).partition("|")[2]))
        extra = _entry(start, rng.choice((30, 60)), rng.choice(words("entries")), place)
        if not any(_overlap(extra, other) for other in (*entries, *taken)):
            entries.append(extra)
    return tuple(sorted(entries, key=lambda entry: entry.start))


def preferences(scene: Scene, rng: Random) -> dict[str, Scalar]:
    """What the owner wants of every meeting."""
    start, end = rng.choice(((8, 17), (9, 17), (9, 18), (8, 16), (10, 19)))
    found: dict[str, Scalar] = {
        "Working hours": f"{start:02}:00 to {end:02}:00",
        "Usual length": f"{rng.choice((30, 45, 60))} minutes",
        "Usual place": rng.choice((*scene.places, "on|Zoom")).partition("|")[2],
    }
    if rng.random() < 0.5:
        found["Break between meetings"] = f"{rng.choice((5, 10, 15))} minutes"
    if rng.random() < 0.3:
        found["Keep free"] = rng.choice(words("keep_free"))
    return found


def _entry(start: datetime, minutes: int, title: str, place: str) -> CalendarEntry:
    naive = start.replace(tzinfo=None)
    return CalendarEntry(naive, naive + timedelta(minutes=minutes), title, place)


def _overlap(one: CalendarEntry, other: CalendarEntry) -> bool:
    return one.start < other.end and other.start < one.end


def _moment(after: datetime, rng: Random) -> datetime:
    day = _working(after + timedelta(days=rng.choice((1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 21))))
    return day.replace(hour=rng.randrange(8, 18), minute=rng.choice(_MINUTES), second=0)


def _working(moment: datetime) -> datetime:
    """The same moment, or that of the next Monday when it falls on a weekend."""
    return moment + timedelta(days=max(0, 7 - moment.weekday()) if moment.weekday() > 4 else 0)
