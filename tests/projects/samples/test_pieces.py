from __future__ import annotations

from datetime import date, datetime
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from projects.samples import moments, noise
from projects.samples.markup import (
    Segment,
    assemble,
    capitalised,
    marked,
    plain,
    segments,
)

PARTS = st.lists(
    st.builds(
        Segment,
        st.text(st.characters(exclude_categories=["Cs", "Co"]), min_size=1, max_size=8),
        st.sampled_from(["", "Date", "Place"]),
    ),
    max_size=6,
)


@given(parts=PARTS)
def test_marks_point_at_the_labelled_segments(parts: list[Segment]) -> None:
    text, marks = assemble(parts, "details")
    assert text == "".join(part.text for part in parts)
    assert sorted(text[m.start : m.end] + m.label for m in marks) == sorted(
        part.text + part.label for part in parts if part.label
    )


@given(parts=PARTS)
def test_markup_gives_its_segments_back(parts: list[Segment]) -> None:
    markup = "".join(marked(p.label, p.text) if p.label else p.text for p in parts)
    assert plain(markup) == "".join(part.text for part in parts)
    assert [p for p in segments(markup) if p.label] == [p for p in parts if p.label]


@given(parts=PARTS, seed=st.integers(0, 10_000))
def test_noise_keeps_the_labels_in_order(parts: list[Segment], seed: int) -> None:
    parts = [*parts, Segment(" tomorrow evening")]
    disturbed = noise.disturb(parts, Random(seed))
    assert [p.label for p in disturbed if p.label] == [p.label for p in parts if p.label]


def test_a_slip_changes_one_longer_word_and_leaves_short_ones() -> None:
    assert noise.slip("to be or no", Random(1)) == "to be or no"
    for seed in range(30):
        assert abs(len(noise.slip("meeting", Random(seed))) - len("meeting")) <= 1


def test_the_first_visible_character_is_capitalised() -> None:
    assert plain(capitalised(marked("Date", "tomorrow") + " is fine")) == "Tomorrow is fine"
    assert capitalised("see you") == "See you"
    assert capitalised("") == ""


def test_words_for_a_day_depend_on_today() -> None:
    # 2026-05-13 is a Wednesday.
    today = date(2026, 5, 13)
    forms = {plain(moments.day(date(2026, 5, 14), today, Random(s))) for s in range(200)}
    assert {"tomorrow", "Thursday", "14 May", "the 14th", "14/5", "2026-05-14"} <= forms
    later = {plain(moments.day(date(2026, 5, 21), today, Random(s))) for s in range(200)}
    assert "next Thursday" in later
    assert not later & {"tomorrow", "Thursday"}
    past = {plain(moments.day(date(2026, 5, 12), today, Random(s))) for s in range(200)}
    assert {"yesterday", "last Tuesday"} <= past
    assert not past & {"Tuesday", "this Tuesday"}


def test_words_for_a_time() -> None:
    def forms(hour: int, minute: int) -> set[str]:
        at = datetime(2026, 5, 13, hour, minute)  # noqa: DTZ001
        return {plain(moments.clock(at, Random(s))) for s in range(200)}

    assert {"15:00", "3 pm", "3pm", "three", "3 o'clock"} <= forms(15, 0)
    assert {"noon", "12 pm"} <= forms(12, 0)
    assert "half past nine" in forms(9, 30)
    assert {"a quarter to one", "12:45 pm"} <= forms(12, 45)
    assert {"a quarter past eight", "08:15"} <= forms(8, 15)
