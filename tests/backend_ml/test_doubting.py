"""Likely label errors: planted ones are found, in every form of answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend_ml import doubting
from backend_ml.labels import Label
from projects.vocabulary import Answer, Mark, as_answer
from tests.support.kinds import CONTROL, corpus, kind_of

WRONG = (5, 50, 90)


def planted(form: str, count: int = 120) -> list[Label]:
    """True answers, but for three."""
    texts, answers = corpus(form, count)
    changed = list(answers)
    for place in WRONG:
        changed[place] = spoil(form, answers[place], answers)
    return [Label(n, t, a) for n, (t, a) in enumerate(zip(texts, changed, strict=True))]


def spoil(form: str, answer: Answer, all_answers: list[Answer]) -> Answer:
    if form == "choices":
        topics = ("money", "travel", "food")
        given = {mark.label for mark in answer}
        return as_answer([Mark(CONTROL, topic) for topic in topics if topic not in given])
    if form == "spans":
        first, *others = answer
        other = "Date" if first.label == "Person" else "Person"
        return as_answer([replace(first, label=other), *others])
    return next(one for one in all_answers if one != answer)


@pytest.mark.parametrize(
    ("form", "learner"),
    [("choice", "choice_linear"), ("choices", "choices_linear"), ("taxonomy", "taxonomy_linear"),
     ("spans", "span_crf")],
)  # fmt: skip
def test_planted_errors_come_first(form: str, learner: str) -> None:
    found = doubting.doubts(kind_of(form, learner=learner), learner, planted(form))
    assert {one.task_id for one in found[:3]} == set(WRONG)
    assert all(0.0 <= one.doubt <= 1.0 for one in found)
    assert all(one.why for one in found)
    assert [one.doubt for one in found] == sorted((one.doubt for one in found), reverse=True)


def test_the_reason_names_what_is_likelier() -> None:
    rows = planted("choice")
    found = doubting.doubts(kind_of("choice"), "choice_linear", rows)
    first = found[0]
    assert first.guessed[0].label in first.why
    assert f"than {first.accepted[0].label}" in first.why
    assert doubting.doubts(kind_of("choice"), "choice_linear", rows) == found


def test_a_label_that_is_nowhere_else_is_not_judged() -> None:
    rows = planted("choice")
    rows[7] = replace(rows[7], answer=(Mark(CONTROL, "Unheard of"),))
    found = doubting.doubts(kind_of("choice"), "choice_linear", rows)
    assert 7 not in {one.task_id for one in found}


def test_too_few_labels_are_said() -> None:
    with pytest.raises(doubting.TooFewToDoubt, match="takes 40"):
        doubting.doubts(kind_of("choice"), "choice_linear", planted("choice")[:39])
