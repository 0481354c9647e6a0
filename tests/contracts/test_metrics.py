"""What every agreement metric must do; a new file in projects/agreement is tested at once."""

from __future__ import annotations

from collections import Counter
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projects import agreement
from projects.agreement.base import Metric
from projects.kit import discovery
from projects.vocabulary import Answer, Mark, as_answer
from tests.contracts.marks import ANSWERS, MARKED, NATIVE

FEW = settings(max_examples=30)
"""Times eleven metrics."""
ELSEWHERE = Mark("details", "unheard of", 900, 903)


@pytest.fixture(params=discovery.names(agreement), scope="module")
def metric(request: pytest.FixtureRequest) -> Metric:
    return cast(Metric, discovery.load(agreement, request.param))


def value(metric: Metric, reference: Answer, candidate: Answer) -> float:
    found = metric.agreement(reference, candidate)
    assert found is not None
    return found


@FEW
@given(answer=MARKED)
def test_metric_is_one_on_itself(metric: Metric, answer: Answer) -> None:
    assert metric.agreement(answer, answer) == 1.0


@FEW
@given(one=ANSWERS, other=ANSWERS)
def test_metric_is_symmetric_and_in_the_unit_interval(
    metric: Metric, one: Answer, other: Answer
) -> None:
    forth, back = metric.agreement(one, other), metric.agreement(other, one)
    if forth is None or back is None:
        assert forth is None
        assert back is None
        assert (one, other) == ((), ())
        return
    assert forth == pytest.approx(back)
    assert 0 <= forth <= 1


def test_metric_is_none_on_nothing(metric: Metric) -> None:
    assert metric.agreement((), ()) is None
    assert metric.differences((), ()) == []


@FEW
@given(answer=MARKED)
def test_metric_gives_nothing_for_silence(metric: Metric, answer: Answer) -> None:
    assert metric.agreement(answer, ()) == 0
    assert metric.agreement((), answer) == 0


@FEW
@given(one=MARKED, other=MARKED)
def test_metric_notices_an_extra_mark(metric: Metric, one: Answer, other: Answer) -> None:
    assert value(metric, one, as_answer([*one, ELSEWHERE])) < 1
    before = value(metric, one, other)
    after = value(metric, one, as_answer([*other, ELSEWHERE]))
    assert after < before or before == 0


@FEW
@given(answer=MARKED)
def test_metric_notices_a_missed_mark(metric: Metric, answer: Answer) -> None:
    for position in range(len(answer)):
        assert value(metric, answer, answer[:position] + answer[position + 1 :]) < 1


@FEW
@given(answer=MARKED)
def test_metric_notices_a_repeated_mark(metric: Metric, answer: Answer) -> None:
    for mark in answer:
        assert value(metric, answer, as_answer([*answer, mark])) < 1
        assert value(metric, answer, as_answer([mark] * (len(answer) + 1))) < 1


@FEW
@given(one=ANSWERS, other=ANSWERS)
def test_differences_hold_every_mark_once(metric: Metric, one: Answer, other: Answer) -> None:
    found = metric.differences(one, other)
    assert Counter(d.reference for d in found if d.reference) == Counter(one)
    assert Counter(d.candidate for d in found if d.candidate) == Counter(other)


def same_story(metric: Metric, one: Answer, other: Answer) -> None:
    """A person reads "same" of everything exactly when there is (next to) nothing to tell."""
    all_same = all(d.kind == "same" for d in metric.differences(one, other))
    if one == other:
        assert all_same
    if metric.SAME_FROM == 1:
        assert all_same == (one == other)
    if one or other:
        found = value(metric, one, other)
        assert all_same or found < 1
        assert not all_same or found >= metric.SAME_FROM


@FEW
@given(one=ANSWERS, other=ANSWERS)
def test_differences_and_agreement_tell_the_same_story(
    metric: Metric, one: Answer, other: Answer
) -> None:
    same_story(metric, one, other)


@FEW
@given(data=st.data())
def test_metric_keeps_its_contract_on_what_it_is_made_for(
    metric: Metric, data: st.DataObject
) -> None:
    native = NATIVE[metric.__name__.rpartition(".")[2]]  # type: ignore[attr-defined]
    answers = st.lists(native, min_size=1, max_size=5).map(as_answer)
    one, other = data.draw(answers), data.draw(answers)
    assert value(metric, one, one) == 1
    near = value(metric, one, other)
    assert near == pytest.approx(value(metric, other, one))
    assert 0 <= near <= 1
    assert value(metric, one, as_answer([*other, ELSEWHERE])) < near or near == 0
    found = metric.differences(one, other)
    assert Counter(d.reference for d in found if d.reference) == Counter(one)
    assert Counter(d.candidate for d in found if d.candidate) == Counter(other)
    same_story(metric, one, other)


def test_every_metric_has_marks_of_its_own() -> None:
    assert set(NATIVE) == set(discovery.names(agreement))
