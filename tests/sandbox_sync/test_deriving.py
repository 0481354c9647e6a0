"""Which of several production answers is the reference."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from projects.kinds import registry
from projects.policy import ReferencePolicy
from projects.scheme import of_kind
from projects.vocabulary import Annotation, AnnotationId, Answer, Mark, ProjectId, UserId, as_answer
from sandbox_sync.deriving import Committed, derive, grouped, is_reviewed, newest_of_each
from sandbox_sync.workflows.references import says_the_same

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
NOW, OLDER = "now", "older"


def committed(
    number: int,
    label: str,
    *,
    by: int | None = 1,
    minute: int = 0,
    reviewed: bool = False,
    digest: str = NOW,
) -> Committed:
    return Committed(
        annotation_id=number,
        worker_id=by,
        answer=as_answer([Mark("intent", label)]),
        regions=(),
        data_digest=digest,
        is_reviewed=reviewed,
        committed_at=NOON + timedelta(minutes=minute),
    )


def equal(one: Answer, other: Answer) -> bool:
    return one == other


def label(found: Committed | None) -> str | None:
    return None if found is None else found.answer[0].label


def chosen(policy: ReferencePolicy, *answers: Committed) -> str | None:
    return label(derive(answers, policy, data_digest=NOW, same=equal))


def test_latest_is_the_one_that_was_changed_last() -> None:
    assert chosen("latest") is None
    answers = committed(1, "a", minute=9), committed(2, "b", by=2, minute=3)
    assert chosen("latest", *answers) == "a"


def test_majority_is_what_more_workers_said_than_anything_else() -> None:
    one, two = committed(1, "a", by=1), committed(2, "b", by=2, minute=1)
    assert chosen("majority", one) == "a"
    assert chosen("majority", one, two) is None
    assert chosen("majority", one, two, committed(3, "a", by=3, minute=2)) == "a"
    # two against one against one is more than anything else, though not more than half
    rest = committed(3, "a", by=3), committed(4, "c", by=4)
    assert chosen("majority", one, two, *rest) == "a"


def test_a_worker_has_one_vote_the_newest_and_nobody_known_stands_for_itself() -> None:
    twice = committed(1, "a"), committed(2, "a", minute=1), committed(3, "b", by=2)
    assert chosen("majority", *twice) is None
    changed = committed(1, "a"), committed(2, "b", minute=1), committed(3, "b", by=2)
    assert chosen("majority", *changed) == "b"
    nobody = committed(1, "a", by=None), committed(2, "a", by=None), committed(3, "b", by=2)
    assert chosen("majority", *nobody) == "a"


def test_only_what_was_reviewed_counts_where_the_policy_asks_for_it() -> None:
    fresh, checked = committed(1, "a", minute=5), committed(2, "b", by=2, reviewed=True)
    assert chosen("reviewed", fresh) is None
    assert chosen("reviewed", fresh, checked) == "b"


def test_an_answer_to_what_the_task_says_now_goes_before_a_newer_one_to_an_older_text() -> None:
    old, new = committed(1, "a", minute=9, digest=OLDER), committed(2, "b", by=2)
    assert chosen("latest", old, new) == "b"
    assert chosen("majority", old, new) == "b"
    found = derive([old], "latest", data_digest=NOW, same=equal)
    assert found is not None
    assert found.data_digest == OLDER


def test_somebody_else_who_changed_it_last_has_reviewed_it() -> None:
    own = Annotation(
        AnnotationId(1), 1, ProjectId(1), UserId(4), (), False, False, NOON, NOON, None
    )
    assert not is_reviewed(own)
    assert not is_reviewed(replace(own, updated_by=UserId(4)))
    assert is_reviewed(replace(own, updated_by=UserId(5)))
    # who stars their own answer has not had it reviewed
    assert not is_reviewed(replace(own, updated_by=UserId(4), ground_truth=True))
    assert is_reviewed(replace(own, ground_truth=True))


def test_spans_say_the_same_when_nothing_is_missed_spurious_moved_or_renamed() -> None:
    same = says_the_same(of_kind(registry.load("details")))

    def span(label: str, start: int, end: int) -> Mark:
        return Mark("details", label, start, end)

    one = as_answer([span("Date", 3, 9), span("Time", 12, 15)])
    assert same(one, as_answer(list(reversed(one))))
    assert same((), ())
    for other in ([span("Date", 3, 9)], [span("Date", 3, 10), span("Time", 12, 15)]):
        assert not same(one, as_answer(other))
    assert not same(one, as_answer([span("Date", 3, 9), span("Date", 12, 15)]))
    assert not same(one, as_answer([*one, span("Date", 3, 9)]))


ANSWERS = st.lists(
    st.builds(
        committed,
        st.integers(1, 9),
        st.sampled_from("abc"),
        by=st.none() | st.integers(1, 4),
        minute=st.integers(0, 5),
        reviewed=st.booleans(),
        digest=st.sampled_from([NOW, OLDER]),
    ),
    max_size=7,
    unique_by=lambda one: one.annotation_id,
)
POLICIES: st.SearchStrategy[ReferencePolicy] = st.sampled_from(["latest", "majority", "reviewed"])


@given(ANSWERS, POLICIES, st.randoms(use_true_random=False))
def test_the_reference_does_not_hang_on_the_order_in_which_answers_are_known(
    answers: list[Committed], policy: ReferencePolicy, random: object
) -> None:
    found = derive(answers, policy, data_digest=NOW, same=equal)
    shuffled = list(answers)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert derive(shuffled, policy, data_digest=NOW, same=equal) == found
    assert found is None or found in answers


@given(ANSWERS)
def test_no_other_answer_has_as_many_workers_as_the_majority(answers: list[Committed]) -> None:
    found = derive(answers, "majority", data_digest=NOW, same=equal)
    if found is None:
        return
    usable = [one for one in answers if one.data_digest == found.data_digest]
    groups = grouped(newest_of_each(usable), equal)
    sizes = {label(group[0]): len(group) for group in groups}
    mine = sizes.pop(label(found))
    assert all(size < mine for size in sizes.values())
