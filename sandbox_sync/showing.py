"""Both answers side by side, whatever they are made of: what the feedback page draws. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from projects.config import TEXTS, Shown
from projects.scheme import Scheme
from projects.vocabulary import Mark, Shape
from sandbox_sync import words
from sandbox_sync.reporting import Piece, pieces

TIMED = ("seconds", "frames", "track")
BAR_LENGTH = 400.0
"""Of a whole recording, in the units of the drawing."""
ADDRESS = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)
KEPT = re.compile(r"https?://[^/\s]+/(?:.*/)?media/([0-9a-f]{64}\.[0-9a-z]+)", re.IGNORECASE)
"""The address of a file that we have kept, with its name."""
PLAYERS = {
    "picture": frozenset({"png", "jpg", "gif", "webp"}),
    "audio": frozenset({"mp3", "wav", "ogg", "flac", "m4a"}),
    "video": frozenset({"mp4", "webm"}),
}
"""What a browser shows by itself, by the ending of the file's name."""

Marked = Sequence[tuple[Mark, str]]
"""Marks of one answer, each with the kind of its difference."""


@dataclass(frozen=True)
class Drawn:
    """One shape on a picture; ``number`` stands beside it and before its name."""

    number: int
    kind: str
    name: str
    points: str
    """As SVG has them, in percent of the picture."""
    is_point: bool
    x: float
    y: float


@dataclass(frozen=True)
class Bar:
    """One stretch of a recording, in the units of ``BAR_LENGTH``."""

    kind: str
    name: str
    start: float
    length: float


@dataclass(frozen=True)
class Media:
    """A picture or recording that was shown."""

    name: str
    address: str
    player: str = ""
    """``picture``, ``audio`` or ``video`` for a file that we have kept; else it is a link."""
    is_drawn_on: bool = False
    """Whether the shapes of the answers show it already."""


@dataclass(frozen=True)
class Part:
    """What one answer says about one thing that was shown."""

    title: str
    """Empty when there is only one."""
    picture: str = ""
    """The address of what the shapes lie on, where we have kept it."""
    pieces: tuple[Piece, ...] = ()
    drawings: tuple[Drawn, ...] = ()
    bars: tuple[Bar, ...] = ()
    length: str = ""
    """Of the time line, for people."""
    form: str = "statements"
    """``text``, ``picture``, ``time`` or ``statements``."""
    said: tuple[tuple[str, str], ...] = ()
    """What has no place of its own: the kind of the difference, and words."""


def messages(scheme: Scheme, data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The texts that nothing is marked in, each with its name."""
    if scheme.kind is not None:
        form = _form(scheme, scheme.config.about(scheme.kind.control))
        return [] if form == "text" else [("The message", scheme.text(data))]
    texts = [s for s in scheme.config.shown.values() if s.tag in TEXTS and s.field]
    plain = [(s.name, s.text(data)) for s in texts if _form(scheme, s) != "text"]
    return [("The message" if len(plain) == 1 else name, text) for name, text in plain if text]


def parts(
    scheme: Scheme,
    data: Mapping[str, Any],
    marks: Marked,
    everything: Marked,
    shown_media: Sequence[Media] = (),
) -> list[Part]:
    """One answer, thing by thing; ``everything`` are the marks of both, for one scale."""
    found: list[Part] = []
    rest = list(marks)
    pictures = {one.name: one.address for one in shown_media if one.is_drawn_on}
    for shown in scheme.config.shown.values():
        form = _form(scheme, shown)
        if form == "statements":
            continue
        here = [pair for pair in rest if pair[0].is_region and _about(scheme, pair[0]) == shown]
        rest = [pair for pair in rest if pair not in here]
        for page, on_page in _pages(here):
            title = f"{shown.name}, page {page}" if page else shown.name
            part = _part(form, title, _text(scheme, shown, data), on_page, everything)
            found.append(replace(part, picture=pictures.get(shown.name, "")))
    if said := tuple((kind, _say(scheme, data, mark)) for mark, kind in rest):
        found.append(Part("", said=said))
    return found or [Part("")]


def media(scheme: Scheme, data: Mapping[str, Any], is_kept: Callable[[str], bool]) -> list[Media]:
    """The pictures and recordings that a browser can open.

    ``is_kept`` says of a file's name whether we have it: only such a file is shown on the page,
    which loads nothing from other places; the rest are links.
    """
    found = []
    for shown in scheme.config.shown.values():
        content = shown.content(data)
        if shown.tag in TEXTS or not shown.field or not isinstance(content, str):
            continue
        kept = KEPT.fullmatch(content)
        if kept and is_kept(kept[1]):
            player = _player(kept[1])
            is_drawn_on = player == "picture" and _form(scheme, shown) == "picture"
            found.append(Media(shown.name, f"/media/{kept[1]}", player, is_drawn_on))
        elif ADDRESS.fullmatch(content):
            found.append(Media(shown.name, content))
    return found


def _player(name: str) -> str:
    ending = name.rpartition(".")[2]
    return next((player for player, known in PLAYERS.items() if ending in known), "")


def _form(scheme: Scheme, shown: Shown | None) -> str:
    """How answers about this are shown: by the place of their marks, or as statements."""
    regions = [
        name
        for name, plan in scheme.plans.items()
        if plan.is_compared and scheme.config.is_region(name)
        if scheme.config.about(name) == shown
    ]
    if shown is None or not regions:
        return "statements"
    if shown.tag in TEXTS:
        return "text"
    return "picture" if shown.tag in ("Image", "Pdf") else "time"


def _part(form: str, title: str, text: str, marks: Marked, everything: Marked) -> Part:
    if form == "text" and (text or not marks):
        return Part(title, form=form, pieces=tuple(pieces(text, marks)))
    if form == "text":  # the text is fetched from elsewhere: the marks bring their words
        return Part(title, said=tuple((kind, words.name_mark("", mark)) for mark, kind in marks))
    if form == "picture":
        drawn = (_drawn(number, mark, kind) for number, (mark, kind) in enumerate(marks, 1))
        return Part(title, form=form, drawings=tuple(drawn))
    whole = max([_ends(mark.shape)[1] for mark, _ in everything if mark.shape] or [1.0]) or 1.0
    bars = [_bar(mark, kind, whole) for mark, kind in marks if mark.shape is not None]
    seconds = any(mark.shape and mark.shape.kind == "seconds" for mark, _ in everything)
    length = words.clock(whole) if seconds else f"frame {whole:.0f}"
    return Part(title, form=form, bars=tuple(bars), length=length)


def _drawn(number: int, mark: Mark, kind: str) -> Drawn:
    shape = mark.shape or Shape("point", ((0.0, 0.0),))
    return Drawn(
        number=number,
        kind=kind,
        name=words.name_mark("", mark),
        points=" ".join(f"{x:.2f},{y:.2f}" for x, y, *_ in shape.points),
        is_point=shape.kind == "point",
        x=round(min(point[0] for point in shape.points), 2),
        y=round(min(point[1] for point in shape.points), 2),
    )


def _bar(mark: Mark, kind: str, whole: float) -> Bar:
    start, end = _ends(mark.shape)
    scale = BAR_LENGTH / whole
    length = max((end - start) * scale, 1.0)
    return Bar(kind, words.name_mark("", mark), round(start * scale, 2), round(length, 2))


def _ends(shape: Shape | None) -> tuple[float, float]:
    if shape is None or shape.kind not in TIMED:
        return 0.0, 0.0
    return shape.points[0][0], shape.points[-1][0 if shape.kind == "track" else 1]


def _pages(marks: Marked) -> list[tuple[str, Marked]]:
    """The marks of each page, as people count them; one page without a number when there is one."""
    numbers = sorted({mark.item for mark, _ in marks}) or [""]
    return [
        (
            str(int(number) + 1) if number.isdecimal() else "",
            [(mark, kind) for mark, kind in marks if mark.item == number],
        )
        for number in numbers
    ]


def _say(scheme: Scheme, data: Mapping[str, Any], mark: Mark) -> str:
    about = f"{mark.control}: " if len(scheme.tags) > 1 and not mark.ends else ""
    return about + words.name_mark(scheme.text(data), mark)


def _about(scheme: Scheme, mark: Mark) -> Shown | None:
    return scheme.config.about(mark.control)


def _text(scheme: Scheme, shown: Shown, data: Mapping[str, Any]) -> str:
    if scheme.kind is not None and scheme.config.about(scheme.kind.control) == shown:
        return scheme.text(data)
    return shown.text(data)
