"""Which items a queue gets next, and that gold cannot be told from the rest. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_sync import queueing
from sandbox_sync.queueing import Candidate, Draw, Gold, shape_of

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
DRAW = Draw(b"a secret")
SHAPE = shape_of({"text": "Hello"}, {"confidence": 0.5})
OTHER = shape_of({"text": "Hello"}, None)
CANDIDATES = st.lists(
    st.builds(
        Candidate,
        st.uuids().map(str),
        st.integers(1, 100),
        st.booleans(),
        st.integers(0, 9).map(lambda minutes: NOON + timedelta(minutes=minutes)),
        st.booleans(),
        st.just(SHAPE),
    ),
    unique_by=lambda c: c.digest,
)
GOLD = st.lists(
    st.builds(
        Gold,
        st.integers(1, 99),
        st.uuids().map(str),
        st.integers(1, 100),
        st.sampled_from([SHAPE, OTHER]),
    ),
    unique_by=(lambda g: g.id, lambda g: g.digest),
)


@given(CANDIDATES)
def test_order_puts_first_what_is_told_at_once_and_last_what_could_be_looked_up(
    candidates: list[Candidate],
) -> None:
    ordered = queueing.in_order(candidates)
    ranks = [(c.shown, not c.answered, c.eligible_at) for c in ordered]
    assert ranks == sorted(ranks)
    assert {c.digest for c in ordered} == {c.digest for c in candidates}


@given(CANDIDATES, GOLD, st.data())
def test_gold_only_takes_the_place_of_what_looks_like_it(
    ordinary: list[Candidate], gold: list[Gold], data: st.DataObject
) -> None:
    places = data.draw(st.lists(st.booleans(), min_size=len(ordinary), max_size=len(ordinary)))
    plan = queueing.plan(ordinary, gold, places, draw=DRAW, trainee_id=3)
    assert len(plan) == len(ordinary)
    assert len({item.digest for item in plan}) == len(plan)
    golden = [item for item in plan if item.gold_id is not None]
    fitting = [g for g in gold if g.shape == SHAPE]
    assert len(golden) == min(sum(places), len(fitting))
    assert {item.digest for item in golden} <= {g.digest for g in fitting}
    # what gave way does not come, everything else does
    gone = {item.instead_of for item in golden}
    kept = [item.digest for item in plan if item.gold_id is None]
    assert len(kept) == len(ordinary) - len(golden)
    assert set(kept) <= {c.digest for c in ordinary}
    assert gone <= {c.production_task_id for c in ordinary}


def test_without_gold_ordinary_items_fill_the_places_of_gold() -> None:
    ordinary = [Candidate(str(n), n, True, NOON, shape=SHAPE) for n in range(5)]
    plan = queueing.plan(ordinary, [], [True] * 5, draw=DRAW, trainee_id=3)
    assert sorted(item.digest for item in plan) == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_places_are_drawn_at_the_share_that_was_set(share: float) -> None:
    places = queueing.gold_places(DRAW, 7, first=0, count=4000, share=share)
    # four standard deviations of a draw of 4,000 at .1: 4 * sqrt(.1 * .9 / 4000) = .019
    assert sum(places) / 4000 == pytest.approx(share, abs=0.019 if 0 < share < 1 else 0)
    # asked in parts, in another process: the same
    parts = [queueing.gold_places(DRAW, 7, first=n, count=40, share=share) for n in (0, 40, 80)]
    assert [place for part in parts for place in part] == places[:120]


def test_places_of_two_lanes_and_of_two_secrets_have_nothing_in_common() -> None:
    def places(draw: Draw, lane: int) -> list[bool]:
        return queueing.gold_places(draw, lane, first=0, count=2000, share=0.5)

    one = places(DRAW, 1)
    for other in (places(DRAW, 2), places(Draw(b"another"), 1)):
        same = sum(a == b for a, b in zip(one, other, strict=True)) / 2000
        # four standard deviations: 4 * sqrt(.25 / 2000) = .045
        assert same == pytest.approx(0.5, abs=0.045)


def test_key_is_one_name_per_copy_and_needs_the_secret() -> None:
    keys = {
        queueing.practice_key(draw, digest, trainee)
        for draw in (DRAW, Draw(b"another"))
        for digest in ("a", "b")
        for trainee in (1, 2)
    }
    assert len(keys) == 8
    assert all(len(key) == 32 for key in keys)
    assert queueing.practice_key(DRAW, "a", 1) == queueing.practice_key(Draw(b"a secret"), "a", 1)


def test_clone_carries_data_key_and_suggestion_and_nothing_else() -> None:
    suggested = {"model_version": "v1", "confidence": 0.4, "regions": [{"id": "a"}]}
    bare = {"data": {"text": "é"}, "meta": {"practice": "k"}}
    assert queueing.clone_row({"text": "é"}, None, "k") == bare
    shown = {"model_version": "suggestion", "score": 0.4, "result": [{"id": "a"}]}
    assert queueing.clone_row({"text": "é"}, suggested, "k") == bare | {"predictions": [shown]}


def test_gold_of_a_file_shows_the_ids_of_the_task_whose_place_it_took() -> None:
    data = {"text": "Hello", "message_id": "gold-017", "user_id": 4, "valid": "yes"}
    like = {"text": "Bye", "message_id": "m-000231", "valid": "no", "other_id": "x"}
    made = queueing.disguised(data, like)
    assert made == data | {"message_id": "m-000231"}
    assert data["message_id"] == "gold-017"


def test_shape_tells_apart_what_can_be_told_without_reading() -> None:
    base = {"text": "Hello", "thread": []}
    same = shape_of({"thread": [], "text": "Bye"}, None)
    assert shape_of(base, None) == same
    others = [
        shape_of(base | {"thread": ["Hi"]}, None),
        shape_of(base | {"extra": ""}, None),
        shape_of(base, {"confidence": None}),
        shape_of(base, {"confidence": 0.0}),
    ]
    assert len({same, *others}) == 5
