"""Which answers count, and what is stored of a comparison."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from projects.kinds import registry
from projects.scheme import of_kind
from projects.vocabulary import Annotation, AnnotationId, Mark, ProjectId, UserId, as_answer
from sandbox_sync import comparing

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
ADA, BEN = 7, 8


def annotation(number: int, minute: int, *, by: int = ADA, skipped: bool = False) -> Annotation:
    moment = NOON + timedelta(minutes=minute)
    return Annotation(
        AnnotationId(number), 1, ProjectId(1), UserId(by), (), skipped, False, moment, moment, None
    )


def test_first_submission_is_the_trainees_own() -> None:
    rows = [
        annotation(1, 0, by=BEN),
        annotation(2, 1, skipped=True),
        annotation(4, 3),
        annotation(3, 2),
    ]
    found = comparing.first_submission(rows, ADA)
    assert found is not None
    assert found.id == 3
    assert comparing.has_skipped(rows, ADA)
    assert not comparing.has_skipped(rows, BEN)


def test_what_somebody_else_sent_in_their_name_is_not_theirs() -> None:
    forged = replace(annotation(1, 0), updated_by=UserId(BEN))
    own = replace(annotation(2, 1), updated_by=UserId(ADA))
    assert comparing.first_submission([forged, own], ADA) == own
    assert comparing.first_submission([forged], ADA) is None
    assert comparing.first_submission([forged], BEN) is None
    assert not comparing.has_skipped([replace(forged, was_cancelled=True)], ADA)


MARKS = st.builds(
    lambda label, start, length: Mark("details", label, start, start + length),
    st.sampled_from("abc"),
    st.integers(0, 9),
    st.integers(1, 5),
)
ANSWERS = st.lists(MARKS, max_size=5).map(as_answer)


@given(ANSWERS, ANSWERS)
def test_outcome_survives_storage(reference: tuple[Mark, ...], candidate: tuple[Mark, ...]) -> None:
    outcome = of_kind(registry.load("details")).compare(reference, candidate)
    stored = comparing.differences_to_json(outcome.differences)
    assert comparing.differences_from_json(stored) == outcome.differences


@given(ANSWERS, ANSWERS, ANSWERS)
def test_outcome_digest_changes_with_either_answer(
    reference: tuple[Mark, ...], candidate: tuple[Mark, ...], other: tuple[Mark, ...]
) -> None:
    scheme = of_kind(registry.load("details"))
    one = comparing.digest_of(scheme.compare(reference, candidate).differences)
    two = comparing.digest_of(scheme.compare(reference, other).differences)
    assert (one == two) == (candidate == other)
