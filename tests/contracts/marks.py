"""Marks of every form, drawn at random; small worlds, so that answers meet."""

from __future__ import annotations

from hypothesis import strategies as st

from projects.forms.base import STEP
from projects.vocabulary import Mark, Shape, as_answer

LABELS = st.sampled_from("abc")
PLACES = st.integers(0, 12)
LENGTHS = st.integers(1, 6)


def _box(kind: str, x: int, y: int, width: int, height: int) -> Shape:
    corners = ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
    return Shape(kind, tuple((float(u), float(v)) for u, v in corners))


def _track(start: int, length: int, x: int, size: int, shown: int) -> Shape:
    rows = ((start, x, 10, size, size, 1), (start + length, x + 5, 12, size, size, shown))
    return Shape("track", tuple(tuple(map(float, row)) for row in rows))


CHOICES = st.builds(Mark, st.sampled_from(["intent", "tone"]), LABELS)
NUMBERS = st.builds(lambda n: Mark("stars", str(n)), st.integers(0, 9))
SPANS = st.builds(
    lambda label, start, length: Mark("details", label, start, start + length),
    LABELS,
    PLACES,
    LENGTHS,
)
PATHS = st.builds(
    lambda nodes: Mark("topic", STEP.join(nodes)), st.lists(LABELS, min_size=1, max_size=3)
)
TEXTS = st.builds(
    lambda words: Mark("summary", " ".join(words)),
    st.lists(st.sampled_from(["meet", "met", "Maria", "on Monday"]), min_size=1, max_size=4),
)
ORDERS = st.builds(
    lambda items, bucket: Mark("rank", STEP.join(items), item=bucket),
    st.lists(LABELS, min_size=1, max_size=3, unique=True),
    st.sampled_from(["", "good"]),
)
BOXES = st.builds(
    lambda label, shape: Mark("box", label, shape=shape),
    LABELS,
    st.builds(
        _box, st.sampled_from(["rectangle", "ellipse", "polygon"]), PLACES, PLACES, LENGTHS, LENGTHS
    ),
)
CROSSED = st.builds(
    lambda label, corners: Mark(
        "box", label, shape=Shape("polygon", tuple((float(x), float(y)) for x, y in corners))
    ),
    LABELS,
    st.lists(st.tuples(PLACES, PLACES), min_size=1, max_size=6),
)
POINTS = st.builds(
    lambda label, x, y: Mark("point", label, shape=Shape("point", ((float(x), float(y)),))),
    LABELS,
    PLACES,
    PLACES,
)
TIMES = st.builds(
    lambda label, kind, start, length: Mark(
        "sound", label, shape=Shape(kind, ((start / 2, (start + length) / 2),))
    ),
    LABELS,
    st.sampled_from(["seconds", "frames"]),
    PLACES,
    LENGTHS,
)
TRACKS = st.builds(
    lambda label, shape: Mark("track", label, shape=shape),
    LABELS,
    st.builds(_track, PLACES, LENGTHS, PLACES, LENGTHS, st.integers(0, 1)),
)
REGIONS = st.one_of(SPANS, BOXES, TIMES, POINTS, TRACKS)
RELATIONS = st.builds(
    lambda label, one, other: Mark("relations", label, ends=(one, other)), LABELS, REGIONS, REGIONS
)
MARKS = st.one_of(
    CHOICES, NUMBERS, PATHS, TEXTS, ORDERS, SPANS, BOXES, CROSSED, POINTS, TIMES, TRACKS, RELATIONS
)
NATIVE = {
    "choices": CHOICES,
    "numbers": NUMBERS,
    "orders": ORDERS,
    "paths": PATHS,
    "points": POINTS,
    "relations": RELATIONS,
    "shapes": st.one_of(BOXES, CROSSED),
    "spans": SPANS,
    "texts": TEXTS,
    "times": TIMES,
    "tracks": TRACKS,
}
"""What each metric is made for; it must also stand everything else."""
ANSWERS = st.lists(MARKS, max_size=6).map(as_answer)
MARKED = st.lists(MARKS, min_size=1, max_size=6).map(as_answer)
