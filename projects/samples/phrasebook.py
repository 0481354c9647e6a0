"""Sentences from the phrasing files, with their choices made and their gaps filled.

A line of a file is one way to say something. ``(a|b)`` is a choice, ``{name}``
a gap. ``# or Label`` at the end of a line says that a careful person could
also give that label.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from random import Random

from projects.samples import moments
from projects.samples.markup import capitalised, marked
from projects.samples.scene import Scene, words

_CHOICE = re.compile(r"\(([^()]*\|[^()]*)\)")
_GAP = re.compile(r"\{([^{}]+)\}")
_NO_PREPOSITION_AFTER = frozenset(
    "about accept by can cancel could do does drop for from in is keep make of offer offered "
    "pick propose release reserve say starting suggest suggests than the to until up would".split()
)


@dataclass(frozen=True)
class Phrasing:
    """One line of a phrasing file."""

    pattern: str
    also: str = ""
    """Another label that is acceptable."""


@cache
def phrasings(name: str) -> tuple[Phrasing, ...]:
    """The lines of one phrasing file."""
    path = files("projects.samples").joinpath("phrasings", f"{name}.txt")
    lines = path.read_text(encoding="utf-8").splitlines()
    split = (line.partition("  # or ") for line in lines if line)
    return tuple(Phrasing(pattern, also) for pattern, _, also in split)


def say(pattern: str, scene: Scene, rng: Random) -> str:
    """The pattern as marked text about this scene."""
    chosen = _CHOICE.sub(lambda found: rng.choice(found[1].split("|")), pattern)
    said = ""
    position = 0
    for gap in _GAP.finditer(chosen):
        said += chosen[position : gap.start()]
        said += _GAPS[gap[1]](scene, rng, _preposition(said, rng))
        position = gap.end()
    return capitalised(said + chosen[position:])


def first_name(name: str) -> str:
    """What colleagues call somebody."""
    return name.split()[0]


def _preposition(before: str, rng: Random) -> str:
    """ "on " where a date may have it, judged by the word before."""
    last = before.rstrip(" ").rsplit(" ", 1)[-1].lower()
    begins = not last or last[-1] in ".!?:,"
    return "" if begins or last in _NO_PREPOSITION_AFTER or rng.random() < 0.3 else "on "


def _person(index: int) -> Callable[[Scene, Random, str], str]:
    def fill(scene: Scene, rng: Random, _: str) -> str:
        name = scene.people[index]
        return marked("Person", name if rng.random() < 0.5 else first_name(name))

    return fill


def _place(index: int, *, with_preposition: bool) -> Callable[[Scene, Random, str], str]:
    def fill(scene: Scene, _rng: Random, _: str) -> str:
        preposition, _, name = scene.places[index].partition("|")
        return (f"{preposition} " if with_preposition else "") + marked("Place", name)

    return fill


def _slot(which: Callable[[Scene], datetime]) -> Callable[[Scene, Random, str], str]:
    def fill(scene: Scene, rng: Random, on: str) -> str:
        at = "at " if on else ""
        return moments.slot(which(scene), scene.sent_at.date(), rng, on=on, at=at)

    return fill


def _day(which: Callable[[Scene], datetime]) -> Callable[[Scene, Random, str], str]:
    def fill(scene: Scene, rng: Random, on: str) -> str:
        said = moments.day(which(scene).date(), scene.sent_at.date(), rng)
        return (on if moments.takes_on(said) else "") + said

    return fill


def _clock(which: Callable[[Scene], datetime]) -> Callable[[Scene, Random, str], str]:
    return lambda scene, rng, _: moments.clock(which(scene), rng)


def _call(scene: Scene, rng: Random, _: str) -> str:
    del scene
    return marked("Place", rng.choice(words("services")))


_GAPS: dict[str, Callable[[Scene, Random, str], str]] = {
    "t": lambda scene, _rng, _: marked("Topic", scene.topic),
    "p": _person(0),
    "q": _person(1),
    "owner": lambda scene, _rng, _: first_name(scene.owner),
    "place": _place(0, with_preposition=False),
    "@place": _place(0, with_preposition=True),
    "@elsewhere": _place(2, with_preposition=True),
    "@place2": _place(1, with_preposition=True),
    "place2": _place(1, with_preposition=False),
    "call": _call,
    "old": _slot(lambda scene: scene.old),
    "new": _slot(lambda scene: scene.new),
    "olddate": _day(lambda scene: scene.old),
    "newdate": _day(lambda scene: scene.new),
    "past": _day(lambda scene: scene.past),
    "oldtime": _clock(lambda scene: scene.old),
    "newtime": _clock(lambda scene: scene.new),
    "dur": lambda scene, rng, _: moments.duration(scene.minutes[0], rng),
    "dur2": lambda scene, rng, _: moments.duration(scene.minutes[1], rng),
    "window": lambda _scene, rng, _: moments.window(rng),
    "range": lambda scene, rng, _: moments.period(scene.new.date(), scene.sent_at.date(), rng),
    "recur": lambda _scene, rng, _: moments.rhythm(rng),
}
