import numpy as np
import pytest

from backend_ml.learners import choice_linear
from backend_ml.pool import Pool
from backend_ml.strategies import margin
from projects.kinds import registry
from projects.vocabulary import Mark
from tests.backend_ml.corpus import messages


def test_choices_of_texts_not_seen_are_honest() -> None:
    rows = messages(120, seed=1)
    learner = choice_linear.new(registry.load("intent"))
    learner.fit([t for t, _, _ in rows], [c for _, c, _ in rows], seed=0)
    fresh = messages(100, seed=2)
    items = learner.predict([t for t, _, _ in fresh]).items
    right = [g is not None and g.answer == c for g, (_, c, _) in zip(items, fresh, strict=True)]
    assert np.mean(right) > 0.95
    assert learner.predict(["zzz"]).items[0] is not None


def test_answers_without_one_choice_are_left_out() -> None:
    learner = choice_linear.new(registry.load("intent"))
    two = (Mark("intent", "a"), Mark("intent", "b"))
    learner.fit(["one", "two", "three"], [two, (), (Mark("intent", "a"),)], seed=0)
    assert learner.classes_ == ()


def test_a_text_of_two_classes_is_the_most_torn() -> None:
    learner = choice_linear.new(registry.load("intent"))
    words = {"a": "apple", "b": "pear", "c": "plum"}
    texts = [f"{word} {word} number{n}" for word in words.values() for n in range(8)]
    answers = [(Mark("intent", label),) for label in words for _ in range(8)]
    learner.fit(texts, answers, seed=0)
    hesitation = learner.predict(["apple", "apple pear", "plum"]).pool().hesitation
    assert hesitation is not None
    assert hesitation.argmax() == 1
    assert hesitation[1] > 0.9


def test_margin_by_hand() -> None:
    # Gaps between the two best: 0.1, 0.6, 0.0.
    proba = np.array([[0.5, 0.4, 0.1], [0.7, 0.1, 0.2], [0.45, 0.1, 0.45]])
    pool = Pool(proba.max(axis=1), proba)
    assert margin.utilities(pool) == pytest.approx([0.9, 0.5, 1.0])
    assert margin.select(pool, 2, rng=np.random.default_rng(0)).tolist() == [2, 0]


def test_margin_of_spans_is_least_confidence() -> None:
    pool = Pool(np.array([0.9, 0.2, 0.5]))
    assert margin.select(pool, 3, rng=np.random.default_rng(0)).tolist() == [1, 2, 0]


def test_pool_refuses_rows_that_do_not_pair() -> None:
    with pytest.raises(ValueError, match="2 rows for 3"):
        Pool(np.zeros(3), np.zeros((2, 2)))
