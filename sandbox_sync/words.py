"""Marks and differences as plain sentences, whatever they are marks of. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from projects.agreement.base import Difference
from projects.agreement.relations import PLACES
from projects.forms.base import STEP
from projects.vocabulary import Mark, Shape

QUOTE_LENGTH = 80
ROUNDING = 1e-9
"""What arithmetic may leave of nothing."""
CHOSEN = frozenset({"", "Choices", "Taxonomy", "Pairwise"})
WRITTEN = frozenset({"TextArea"})
COLUMNS, ROWS = ("left", "", "right"), ("top", "", "bottom")


@dataclass(frozen=True)
class Speaker:
    """Who is told, and what the controls of the config are."""

    who: str
    """The trainee, as the reader calls them."""
    is_self: bool
    tags: Mapping[str, str] = field(default_factory=dict)
    """The tag of each control; needed where there are several, or something is written."""

    @property
    def begin(self) -> str:
        return "You" if self.is_self else self.who

    @property
    def have(self) -> str:
        return "have" if self.is_self else "has"

    def subject(self, mark: Mark) -> str:
        """What the sentence is about, where it does not go without saying."""
        is_placed = mark.is_region or bool(mark.ends)
        about = f"{mark.control}: " if len(self.tags) > 1 and not is_placed else ""
        return f"Page {_page(mark)}: {about}" if _page(mark) else about


def name_mark(text: str, mark: Mark) -> str:
    """A mark as its label, and where or what it is."""
    if mark.ends:
        one, other = (_short(text, end) for end in mark.ends)
        arrow = "↔" if mark.item else "→"
        return " ".join(filter(None, (mark.label, f"{one} {arrow} {other}")))
    if mark.is_span:
        said = f"{mark.label} “{words_of(text, mark)}”"
    elif mark.shape is not None:
        said = f"{mark.label or 'a region'} {place(mark.shape)}"
    else:
        said = _quote(mark.label)
        said = f"{mark.item}: {said}" if mark.item and not mark.item.isdecimal() else said
    return f"{said} ({_said_alone(mark)})" if mark.attributes else said


def sentence(text: str, difference: Difference, speaker: Speaker) -> str:
    """What differs, in one sentence."""
    return speaker.subject(difference.mark) + _body(text, difference, speaker)


def words_of(text: str, mark: Mark) -> str:
    """The words that a stretch of text covers."""
    return _quote(mark.words or text[mark.start or 0 : mark.end or 0])


def place(shape: Shape) -> str:
    """Where a shape is, for people."""
    if shape.kind == "seconds":
        start, end = shape.points[0]
        return f"{clock(start)} to {clock(end)}"
    if shape.kind == "frames":
        start, end = shape.points[0]
        return f"frames {start:.0f} to {end - 1:.0f}"
    if shape.kind == "track":
        first, last = shape.points[0][0], shape.points[-1][0]
        return f"frames {first:.0f} to {last:.0f}"
    x, y = _middle(shape)
    if shape.kind == "point":
        return f"at {x:.0f}% from the left and {y:.0f}% from the top"
    return f"{_corner(x, y)}, {size(shape)} of the picture"


def clock(seconds: float) -> str:
    """A moment of a recording: minutes and seconds, with tenths where they say something."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    whole, tenth = divmod(rest, 10)
    return f"{minutes}:{whole:02d}" + (f".{tenth}" if tenth else "")


def size(shape: Shape) -> str:
    """How much of the picture it covers."""
    return share(area(shape) / 1e4)


def area(shape: Shape) -> float:
    """Of the outline, in squared percent: the shoelace formula."""
    shifted = (*shape.points[1:], shape.points[0])
    pairs = zip(shape.points, shifted, strict=True)
    return abs(math.fsum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)) / 2


def share(value: float) -> str:
    """A proportion for people: only all is 100%, only nothing 0%."""
    if value < ROUNDING or value > 1 - ROUNDING:
        return "0%" if value < ROUNDING else "100%"
    return f"{min(max(round(100 * value), 1), 99)}%"


def overlap(one: Mark, other: Mark) -> float:
    """How far two marks are in the same place, in [0, 1]."""
    return max(closeness(one, other) for closeness in PLACES)


def _body(text: str, difference: Difference, speaker: Speaker) -> str:
    ours, theirs = difference.reference, difference.candidate
    if ours is None:
        return f"Only {speaker.who} {speaker.have} {name_mark(text, difference.mark)}."
    if theirs is None:
        return f"{speaker.begin} missed {name_mark(text, ours)}."
    if difference.kind == "same":
        return f"Both: {name_mark(text, ours)}."
    if difference.kind == "wrong attribute":
        return _attributes(text, ours, theirs, speaker)
    if ours.ends:
        return _two(name_mark(text, theirs), name_mark(text, ours), "joined", speaker)
    if theirs.shape is not None and ours.shape is not None:
        return _drawn(ours, theirs, difference.kind == "boundary", speaker)
    if not theirs.is_span:
        return _stated(text, ours, theirs, speaker)
    mine, right = words_of(text, theirs), words_of(text, ours)
    if difference.kind == "boundary":
        return f"{theirs.label}: {speaker.who} marked “{mine}”; the reference marks “{right}”."
    return (
        f"“{mine}”: {speaker.who} marked it {theirs.label}; the reference "
        f"marks “{right}” as {ours.label}."
    )


def _stated(text: str, ours: Mark, theirs: Mark, speaker: Speaker) -> str:
    tag = speaker.tags.get(theirs.control, "")
    mine, right = name_mark(text, theirs), name_mark(text, ours)
    if tag in WRITTEN:
        return _two(f"“{mine}”", f"“{right}”", "wrote", speaker)
    if tag == "Ranker":
        orders = [", ".join(name.split(STEP)) for name in (mine, right)]
        return _two(orders[0], orders[1], "chose the order", speaker)
    return _two(mine, right, "chose" if tag in CHOSEN else "answered", speaker)


def _two(mine: str, right: str, verb: str, speaker: Speaker) -> str:
    return f"{speaker.begin} {verb} {mine}; the reference answer is {right}."


def _drawn(ours: Mark, theirs: Mark, is_boundary: bool, speaker: Speaker) -> str:  # noqa: FBT001
    """Two regions that overlap: of one label, or of two."""
    mine = f"{speaker.begin} marked {name_mark('', theirs.bare)}"
    shared = f"{share(overlap(ours, theirs))} overlap"
    if not is_boundary:
        return f"{mine}; the reference marks it {name_mark('', ours.bare)}: {shared}."
    if ours.shape is None or theirs.shape is None:
        raise ValueError("a drawn mark without a shape")
    if ours.shape.kind in ("seconds", "frames", "track", "point"):
        return f"{mine}; the reference marks {place(ours.shape)}: {_far(ours, theirs, shared)}."
    larger = area(ours.shape) / max(area(theirs.shape), ROUNDING)
    how = "larger" if larger > 1.1 else "smaller" if larger < 0.9 else "elsewhere"
    return f"{mine}; the reference has it {how}, {place(ours.shape)}: {shared}."


def _far(ours: Mark, theirs: Mark, shared: str) -> str:
    if ours.shape is None or theirs.shape is None:
        return shared
    if not ours.shape.kind == theirs.shape.kind == "point":
        return shared
    (x, y), (u, v) = ours.shape.points[0], theirs.shape.points[0]
    return f"{math.hypot(x - u, y - v):.0f}% of the picture apart"


def _attributes(text: str, ours: Mark, theirs: Mark, speaker: Speaker) -> str:
    mine = set(theirs.attributes) - set(ours.attributes)
    right = set(ours.attributes) - set(theirs.attributes)
    said = _pairs(mine) or "nothing more"
    return (
        f"{name_mark(text, theirs.bare)}: {speaker.who} said {said}; "
        f"the reference says {_pairs(right) or 'nothing more'}."
    )


def _said_alone(mark: Mark) -> str:
    return _pairs(set(mark.attributes))


def _pairs(pairs: set[tuple[str, str]]) -> str:
    return ", ".join(f"{control} {_quote(value)}" for control, value in sorted(pairs))


def _short(text: str, mark: Mark) -> str:
    return f"“{words_of(text, mark)}”" if mark.is_span else name_mark(text, mark)


def _page(mark: Mark) -> str:
    return str(int(mark.item) + 1) if mark.item.isdecimal() else ""


def _middle(shape: Shape) -> tuple[float, float]:
    xs, ys = [p[0] for p in shape.points], [p[1] for p in shape.points]
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2


def _corner(x: float, y: float) -> str:
    column, row = COLUMNS[_third(x)], ROWS[_third(y)]
    where = f"{row} {column}".strip()
    return f"at the {where}" if where else "in the middle"


def _third(percent: float) -> int:
    return 0 if percent < 100 / 3 else 1 if percent <= 200 / 3 else 2


def _quote(words: str) -> str:
    short = " ".join(words.split())
    return short if len(short) <= QUOTE_LENGTH else f"{short[: QUOTE_LENGTH - 1]}…"
