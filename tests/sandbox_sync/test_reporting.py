"""Scores, pieces of marked text, durations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects.agreement.base import Difference
from projects.kit.intervals import Estimate
from projects.vocabulary import Mark
from sandbox_sync import reporting


def span(label: str, start: int, end: int) -> Mark:
    return Mark("details", label, start, end)


def test_label_scores_count_the_marks_of_the_reference() -> None:
    a, b = Mark("intent", "a"), Mark("intent", "b")
    compared = [
        [Difference("same", a, a)],
        [Difference("wrong label", a, b)],
        [Difference("missed", a, None), Difference("spurious", None, b)],
        [Difference("same", b, b)],
    ]
    scores = {s.label: s.found for s in reporting.label_scores(compared)}
    # label a: found in 1 of 3; label b: in 1 of 1, the spurious one is no mark of the reference
    assert scores["a"].value == pytest.approx(1 / 3)
    assert scores["a"].n == 3
    assert (scores["b"].value, scores["b"].n) == (1, 1)
    assert [s.label for s in reporting.weak_spots(reporting.label_scores(compared))] == ["a"]


def test_pieces_cut_overlapping_marks() -> None:
    found = reporting.pieces("abcdef", [(span("x", 1, 4), "same"), (span("y", 3, 5), "missed")])
    assert [(p.text, p.kinds, p.ends) for p in found] == [
        ("a", (), ()),
        ("bc", ("same",), ()),
        ("d", ("missed", "same"), (("same", "x"),)),
        ("e", ("missed",), (("missed", "y"),)),
        ("f", (), ()),
    ]


@given(st.text(max_size=20), st.lists(st.tuples(st.integers(-2, 30), st.integers(-2, 30))))
def test_pieces_keep_every_character(text: str, offsets: list[tuple[int, int]]) -> None:
    marks = [(span("x", min(o), max(o)), "same") for o in offsets]
    assert "".join(p.text for p in reporting.pieces(text, marks)) == text


def test_bar_is_drawn_to_scale() -> None:
    drawn = reporting.bar(Estimate(0.5, 0.25, 0.75, 8))
    assert (drawn.low, drawn.value, drawn.high) == (40, 80, 120)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "\u2013"), (0.61, "0.6 s"), (42, "42 s"), (600, "10 min"), (9000, "2 h")],
)
def test_duration_in_words(seconds: float | None, words: str) -> None:
    assert reporting.duration(seconds) == words


def test_ago_is_never_in_the_future() -> None:
    now = datetime(2026, 5, 4, tzinfo=UTC)
    assert reporting.ago(now + timedelta(seconds=5), now=now) == "0.0 s ago"
    assert reporting.ago(None, now=now) == "\u2013"


def test_quantile_of_nothing_is_undefined() -> None:
    assert reporting.quantile([], 0.5) is None
    assert reporting.quantile([1.0, 2.0, 3.0], 0.5) == 2
