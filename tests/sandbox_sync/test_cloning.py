"""What is copied, and in which order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects.vocabulary import Annotation, AnnotationId, Prediction, ProjectId, Task, UserId
from sandbox_sync import cloning
from sandbox_sync.cloning import Snapshot

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def prediction(number: int, version: str) -> Prediction:
    return Prediction(1, version, 0.5, ({"id": f"r{number}"},), id=number)


def annotation(*, skipped: bool = False) -> Annotation:
    return Annotation(
        AnnotationId(1), 1, ProjectId(1), UserId(1), (), skipped, False, NOON, NOON, None
    )


def task(*predictions: Prediction, annotations: tuple[Annotation, ...] = ()) -> Task:
    return Task(1, ProjectId(1), {"text": "x"}, {}, NOON, NOON, False, annotations, predictions)


SNAPSHOT = Snapshot(1, "intent", {"text": "é"}, "<View/>", "Be kind.", None)


def test_eligible_is_answered_or_published_and_not_too_far_ahead() -> None:
    room = {"waiting": 2, "ahead": 3}
    full = {"waiting": 3, "ahead": 3}
    assert cloning.is_eligible(task(prediction(1, "v2")), "v2", **room)
    assert not cloning.is_eligible(task(prediction(1, "v2")), "v2", **full)
    assert not cloning.is_eligible(task(prediction(1, "v1")), "v2", **room)
    assert not cloning.is_eligible(task(prediction(1, "")), "", **room)
    assert cloning.is_eligible(task(annotations=(annotation(),)), "v2", **full)
    assert not cloning.is_eligible(task(annotations=(annotation(skipped=True),)), "v2", **room)


def test_serving_order_is_least_confident_first_without_confidence_at_the_front() -> None:
    sure = task(Prediction(1, "v2", 0.9, (), 1))
    unsure = task(Prediction(1, "v2", 0.2, (), 2))
    silent = task(Prediction(1, "v2", None, (), 3))
    assert cloning.in_serving_order([sure, unsure, silent], "v2") == [silent, unsure, sure]


@pytest.mark.parametrize(
    ("version", "answered", "expected"),
    [
        ("v1", False, "v1"),
        ("v2", False, "v2"),
        ("v3", False, None),
        # answered under a version that has moved on since: the newest it has
        ("v3", True, "v2"),
    ],
)
def test_suggestion_is_what_the_worker_sees(
    *, version: str, answered: bool, expected: str | None
) -> None:
    annotations = (annotation(),) if answered else ()
    looked_at = task(prediction(1, "v1"), prediction(2, "v2"), annotations=annotations)
    found = cloning.suggestion_of(looked_at, version)
    assert (found["model_version"] if found else None) == expected


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        ((-5, 5), "v1"),
        ((5, 5), None),
        ((-5, 0), "v2"),
    ],
)
def test_a_suggestion_that_is_younger_than_the_answer_is_not_shown(
    minutes: tuple[int, int], expected: str | None
) -> None:
    """The model behind it may have learned from that very answer."""
    made = [
        replace(prediction(number, f"v{number}"), created_at=NOON + timedelta(minutes=minute))
        for number, minute in enumerate(minutes, start=1)
    ]
    looked_at = task(*made, annotations=(annotation(),))
    found = cloning.suggestion_of(looked_at, "v2")
    assert (found["model_version"] if found else None) == expected
    assert cloning.suggestion_of(task(*made), "v2") is not None


def test_digest_names_the_content() -> None:
    assert replace(SNAPSHOT, data={"text": "é"}).digest == SNAPSHOT.digest
    for other in (
        replace(SNAPSHOT, data={"text": "e"}),
        replace(SNAPSHOT, production_task_id=2),
        replace(SNAPSHOT, label_config="<View> </View>"),
        replace(SNAPSHOT, guidelines="Be kinder."),
        replace(SNAPSHOT, suggestion={"model_version": "v1"}),
    ):
        assert other.digest != SNAPSHOT.digest


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.none()))
def test_digest_does_not_depend_on_the_order_of_keys(data: dict[str, object]) -> None:
    turned = dict(reversed(list(data.items())))
    assert cloning.digest_of(data) == cloning.digest_of(turned)


def test_suggestion_is_shown_under_one_name() -> None:
    suggested = {"model_version": "v1", "confidence": 0.4, "regions": [{"id": "a"}]}
    shown = cloning.shown_suggestion(suggested, 7)
    assert (shown.task_id, shown.confidence, shown.regions) == (7, 0.4, ({"id": "a"},))
    assert shown.model_version == "suggestion"


def test_title_of_a_short_address_is_plain() -> None:
    title = cloning.lane_title("Message intent", "ada@example.com")
    assert title == "Message intent - practice of ada@example.com"


@given(st.emails(), st.emails())
def test_titles_fit_and_differ(one: str, other: str) -> None:
    titles = [cloning.lane_title("Message details", email) for email in (one, other)]
    assert all(3 <= len(title) <= 50 for title in titles)
    assert (titles[0] == titles[1]) == (one == other)


def test_without_a_model_any_task_may_be_the_next_up_to_the_bound() -> None:
    assert cloning.is_eligible(task(), None, waiting=9, ahead=10)
    assert not cloning.is_eligible(task(), None, waiting=10, ahead=10)
    assert not cloning.is_eligible(task(), "", waiting=0, ahead=10)
