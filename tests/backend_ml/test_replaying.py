from __future__ import annotations

from collections.abc import Sequence

import pytest

from backend_ml.learners.base import Guess
from backend_ml.replaying import Point, Row, labels_to, marks_to, quality_of, replay
from projects.vocabulary import Mark
from tests.support.kinds import CONTROL, corpus, kind_of


def points(*pairs: tuple[int, float]) -> list[Point]:
    return [Point(labels, quality, 2 * labels, 0.0) for labels, quality in pairs]


def rows(form: str, count: int, *, seed: int) -> list[Row]:
    texts, answers = corpus(form, count, seed=seed)
    return [Row(f"{text} {number}", answer) for number, (text, answer) in
            enumerate(zip(texts, answers, strict=True))]  # fmt: skip


def test_labels_to_is_found_on_the_line_between_two_points() -> None:
    # From .7 at 20 to .9 at 30, .8 is half way: 25 labels, 50 marks.
    curve = points((10, 0.5), (20, 0.7), (30, 0.9))
    assert labels_to(curve, 0.8) == 25
    assert marks_to(curve, 0.8) == 50


def test_labels_to_counts_only_what_is_held() -> None:
    # .8 is reached at 20 and lost at 30; it is held from between 30 (.7) and 40 (.9): 35.
    assert labels_to(points((10, 0.5), (20, 0.8), (30, 0.7), (40, 0.9)), 0.8) == 35


@pytest.mark.parametrize(
    ("curve", "expected"),
    [(points((10, 0.9), (20, 0.95)), 10), (points((10, 0.5), (20, 0.7)), None), ([], None)],
)
def test_labels_to_at_the_ends_of_a_curve(curve: Sequence[Point], expected: int | None) -> None:
    assert labels_to(curve, 0.8) == expected


def guess(*marks: Mark) -> Guess:
    return Guess(marks, 0.5, tuple(0.5 for _ in marks))


def test_quality_of_choices_is_the_share_of_right_ones() -> None:
    a, b = Mark(CONTROL, "a"), Mark(CONTROL, "b")
    known = [Row("1", (a,)), Row("2", (b,)), Row("3", (b,)), Row("4", (b,))]
    # Right, wrong, abstained, right: 2 of 4.
    assert quality_of(kind_of("choice"), known, [guess(a), guess(a), None, guess(b)]) == 0.5


def test_quality_of_spans_wants_both_ends() -> None:
    date, long, name = (
        Mark(CONTROL, "Date", 0, 4), Mark(CONTROL, "Date", 0, 9), Mark(CONTROL, "Person", 5, 9)
    )  # fmt: skip
    known = [Row("Monday ev", (date, name)), Row("nothing", ())]
    # 1 right of 2 true and 2 said: F1 = 2 * 1 / (2 + 2).
    assert quality_of(kind_of("spans"), known, [guess(long, name), None]) == 0.5


def test_quality_where_there_is_nothing_to_find_and_nothing_is_said() -> None:
    assert quality_of(kind_of("spans"), [Row("x", ())], [guess()]) == 1.0


@pytest.mark.parametrize("strategy", ["random", "margin", "adaptive"])
def test_replay_labels_what_the_sizes_say_and_repeats_itself(strategy: str) -> None:
    train, test = rows("choice", 80, seed=1), rows("choice", 40, seed=2)
    kind = kind_of("choice")

    def run() -> list[tuple[int, float, int]]:
        found = replay(
            kind, train, test, learner="choice_linear", strategy=strategy, sizes=[10, 30], seed=3
        )
        return [(p.labels, p.quality, p.marks) for p in found]

    first = run()
    assert [(labels, marks) for labels, _, marks in first] == [(10, 10), (30, 30)]
    assert run() == first


def test_all_labels_teach_the_same_whoever_chose_them() -> None:
    train, test = rows("choice", 60, seed=1), rows("choice", 40, seed=2)
    ends = [
        replay(
            kind_of("choice"), train, test, learner="choice_linear", strategy=strategy,
            sizes=[20, 1_000], seed=0,
        )[-1]
        for strategy in ("random", "margin")
    ]  # fmt: skip
    assert [end.labels for end in ends] == [60, 60]
    assert ends[0].quality == ends[1].quality


def test_replay_ends_when_told() -> None:
    train, test = rows("choice", 60, seed=1), rows("choice", 20, seed=2)
    found = replay(
        kind_of("choice"), train, test, learner="choice_linear", strategy="random",
        sizes=[10, 20, 30], seed=0, stop=lambda so_far: len(so_far) == 2,
    )  # fmt: skip
    assert [point.labels for point in found] == [10, 20]
