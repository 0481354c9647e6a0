"""Learners of spans: honest, bounded, and true to the characters of a text."""

from __future__ import annotations

import contextlib
import math
import random
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from backend_ml import features
from backend_ml.calibration import expected_calibration_error
from backend_ml.learners import _crf, span_choice_crf, span_crf, span_spacy
from backend_ml.learners._spacy_ner import Parse, Recogniser, marginals
from backend_ml.learners.base import Guess
from backend_ml.learners.span_crf import SpanCrf
from projects.kinds import registry
from projects.samples.generator import generate
from projects.vocabulary import Answer, Mark
from tests.backend_ml.corpus import messages
from tests.support import kinds

SPANS = kinds.kind_of("spans")


def fitted(texts: Sequence[str], answers: Sequence[Answer]) -> SpanCrf:
    learner = span_crf.new(SPANS)
    learner.fit(texts, answers, seed=0)
    return learner


@pytest.fixture(scope="module")
def learner() -> SpanCrf:
    return fitted(*kinds.corpus("spans", 60))


def test_hesitation_by_hand() -> None:
    # Gaps of the two best tags: 0.6 - 0.3 = 0.3 and 0.5 - 0.4 = 0.1; one minus the smaller.
    marginals = np.array([[0.6, 0.3, 0.1], [0.1, 0.5, 0.4]])
    assert _crf.hesitation(marginals) == pytest.approx(0.9)
    assert _crf.hesitation(np.zeros((0, 0))) == 0.0
    assert _crf.hesitation(np.ones((2, 1))) == 0.0


def test_disorder_by_hand() -> None:
    # A coin has ln 2 = 0.693 nats, a certain tag none: 0.347 on average.
    assert _crf.disorder(np.array([[0.5, 0.5], [1.0, 0.0]])) == pytest.approx(0.3466, abs=1e-4)
    assert _crf.disorder(np.zeros((0, 0))) == 0.0


def test_doubt_is_told_of_several_texts(learner: SpanCrf) -> None:
    texts = ["please cancel the call with Ann Lee Monday", "Quux or Ann Feb zork", ""]
    found = learner.predict(texts)
    assert found.hesitation is not None
    assert found.disorder is not None
    assert found.hesitation[1] > found.hesitation[0]
    assert found.disorder[1] > found.disorder[0]
    assert (found.hesitation[2], found.disorder[2]) == (0.0, 0.0)
    alone = learner.predict(texts[:1])
    assert (alone.hesitation, alone.items) == (None, found.items[:1])


def test_probabilities_of_a_token_s_tags_sum_to_one() -> None:
    texts, answers = kinds.corpus("spans", 30)
    rows = _crf.rows_of(texts, answers, kinds.CONTROL)
    _, marginals = _crf.Tagger(_crf.train(rows)).read_all(rows[0].encoded)
    assert marginals.shape[0] == len(rows[0].tags)
    assert marginals.sum(axis=1) == pytest.approx(1.0)


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_fit_that_is_cut_off_gives_a_model_of_use(
    monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    """Of fewer texts where there is no time for a few iterations, of fewer iterations else."""
    texts, answers = kinds.corpus("spans", 120)
    rows = _crf.rows_of(texts, answers, kinds.CONTROL)
    size, spent = [0], [0.0]
    prepared = _crf._prepared

    def watched(some: Sequence[_crf.Row], iterations: int) -> Any:
        size[0] = len(some)
        return prepared(some, iterations)

    def clock() -> float:
        spent[0] += size[0]
        return spent[0]

    monkeypatch.setattr(_crf, "_prepared", watched)
    monkeypatch.setattr(time, "thread_time", clock)
    _crf.train(rows, seconds=math.inf)
    whole, spent[0] = spent[0], 0.0
    with capture_logs() as lines:
        tagger = _crf.Tagger(_crf.train(rows, seconds=share * whole))
    assert lines[0]["event"] == "crf.cut_off"
    right = [set(features.tag_groups(tagger.read(row.encoded).tags)) == row.groups for row in rows]
    assert np.mean(right) > 0.8


def test_a_fit_without_time_gives_no_model() -> None:
    texts, answers = kinds.corpus("spans", 60)
    rows = _crf.rows_of(texts, answers, kinds.CONTROL)
    with pytest.raises(_crf.CutOff, match="60 texts was cut off 4 times"):
        _crf.train(rows, seconds=0.0)


def test_a_fit_keeps_to_its_time() -> None:
    # 500 texts of 40 words whose tags are noise: it would take the optimiser long.
    rng = np.random.default_rng(0)
    words = np.array([f"w{i}" for i in range(400)])
    texts = [" ".join(rng.choice(words, 40)) for _ in range(500)]
    encoded = list(_crf.encode(texts))
    tags = [tuple(rng.choice([f"B-{i}" for i in range(12)], len(e.tokens))) for e in encoded]
    rows = [_crf.Row(e, tuple(map(str, t))) for e, t in zip(encoded, tags, strict=True)]
    begun = time.thread_time()
    with capture_logs() as lines, contextlib.suppress(_crf.CutOff):
        _crf.train(rows, seconds=0.5)
    assert lines[0]["event"] == "crf.cut_off"
    assert time.thread_time() - begun < 10.0


@pytest.mark.parametrize("text", ["Ann Lee " * 12_500, "😀" * 100_000, "(" * 100_000])
def test_100_000_characters_take_bounded_time(learner: SpanCrf, text: str) -> None:
    begun = time.monotonic()
    guess = learner.predict([text]).items[0]
    assert time.monotonic() - begun < 5.0
    assert guess is not None
    assert all(m.end is not None and m.end <= len(text) for m in guess.answer)


def test_overlapping_spans_teach_the_longer_one() -> None:
    both = (Mark(kinds.CONTROL, "Person", 0, 3), Mark(kinds.CONTROL, "Person", 0, 7))
    rows = _crf.rows_of(["Ann Lee is in"], [both], kinds.CONTROL)
    assert rows[0].tags == ("B-Person", "I-Person", "O", "O")


def test_marks_of_another_control_do_not_teach_spans() -> None:
    other = (Mark("attribute", "Sure", 0, 3),)
    assert _crf.labels_of(_crf.rows_of(["Ann is in"], [other], kinds.CONTROL)) == ()


PIECES = [
    "Ann Lee",
    "😀😀",
    "Monday",
    "\n",
    "e\u0301",
    "👩\u200d👧",
    "12 May",
    "\u00a0",
    "with",
    ",",
]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(PIECES), max_size=10))
def test_spans_lie_on_characters_of_the_text(learner: SpanCrf, pieces: list[str]) -> None:
    text = " ".join(pieces)
    guess = learner.predict([text]).items[0]
    assert guess is not None
    for mark in guess.answer:
        assert mark.start is not None
        assert mark.end is not None
        words = text[mark.start : mark.end]
        assert words.strip() == words != ""


def test_words_after_emoji_keep_their_place(learner: SpanCrf) -> None:
    text = "😀😀 👩\u200d👧 please cancel the call with Ann Lee Monday"
    guess = learner.predict([text]).items[0]
    assert guess is not None
    assert [text[m.start : m.end] for m in guess.answer] == ["Ann Lee", "Monday"]


def test_spans_and_answers_are_as_sure_as_they_are_right() -> None:
    sample = generate(360, seed=4)
    texts = [one.message.text for one in sample]
    answers = [one.truth["details"] for one in sample]
    found = span_crf.new(registry.load("details"))
    found.fit(texts[:160], answers[:160], seed=0)
    guesses = [g for g in found.predict(texts[160:]).items if g is not None]
    whole, spans = _judged(guesses, answers[160:])
    for seen in (whole, spans):
        error = expected_calibration_error(np.array([p for p, _ in seen]), [r for _, r in seen])
        assert error is not None
        assert error.value < 0.15


def _judged(
    guesses: Sequence[Guess], answers: Sequence[Answer]
) -> tuple[list[tuple[float, bool]], list[tuple[float, bool]]]:
    pairs = list(zip(guesses, answers, strict=True))
    whole = [(guess.confidence, guess.answer == answer) for guess, answer in pairs]
    spans = [
        (sure, mark in answer)
        for guess, answer in pairs
        for mark, sure in zip(guess.answer, guess.mark_confidences, strict=True)
    ]
    return whole, spans


def test_texts_without_words_teach_nothing() -> None:
    texts = ["", "  \n"] * 15 + [text for text, _, _ in messages(20)]
    answers = [()] * 30 + [details for _, _, details in messages(20)]
    found = SpanCrf("details")
    found.fit(texts, answers, seed=0)
    assert found.classes_ == ("Date", "Person")
    assert found.predict([" "]).items == (Guess((), 1.0, ()),)


BOTH = kinds.kind_of("span_choices")


def test_a_choice_is_made_about_each_span_and_needs_the_span() -> None:
    found = span_choice_crf.new(BOTH)
    found.fit(*kinds.corpus("span_choices", 80), seed=0)
    text = "please cancel the call with Ann Lee 12 May"
    guess = found.predict([text]).items[0]
    assert guess is not None
    said = {(m.control, m.label, text[m.start : m.end]) for m in guess.answer}
    assert {("attribute", "Vague", "Ann Lee"), ("attribute", "Sure", "12 May")} <= said
    sure = dict(zip(guess.answer, guess.mark_confidences, strict=True))
    for mark, value in sure.items():
        if mark.control == "attribute":
            spans = [p for m, p in sure.items() if m.control == "control" and m.start == mark.start]
            assert value <= spans[0]
    assert found.classes_ == ("Date", "Person", "Sure", "Vague")


def test_a_choice_that_people_leave_open_stays_open() -> None:
    texts, answers = kinds.corpus("span_choices", 60)
    dates_only = [
        tuple(m for m in answer if m.control == "control" or m.label == "Sure")
        for answer in answers
    ]
    found = span_choice_crf.new(BOTH)
    found.fit(texts, dates_only, seed=0)
    guesses = found.predict(texts).items
    assert [g.answer if g else None for g in guesses] == dates_only


def test_without_a_choice_in_the_labels_there_are_spans_alone() -> None:
    texts, answers = kinds.corpus("spans", 40)
    found = span_choice_crf.new(BOTH)
    found.fit(texts, answers, seed=0)
    guess = found.predict(texts[:1]).items[0]
    assert guess is not None
    assert guess.answer == answers[0]


def test_spacy_s_shares_become_tags_of_tokens() -> None:
    # Token 0 is a name in all ways (0.75 + 0.25); token 1 goes on with it in a quarter.
    ways = [Parse(((0, 0, "P"),), 0.75), Parse(((0, 1, "P"),), 0.25)]
    assert marginals(ways, 2, ("P",)) == pytest.approx(np.array([[0, 1, 0], [0.75, 0, 0.25]]))


def test_spacy_learns_the_same_from_one_seed_and_disturbs_no_other_draws() -> None:
    texts, answers = kinds.corpus("spans", 20)
    random.seed(7)
    expected = random.random()
    random.seed(7)
    found = [span_spacy.new(SPANS) for _ in range(2)]
    for one in found:
        one.fit(texts, answers, seed=3)
    assert random.random() == expected
    assert found[0].predict(texts).items == found[1].predict(texts).items


def test_spacy_stops_when_its_time_is_over() -> None:
    texts, answers = kinds.corpus("spans", 30)
    rows = [
        (tokens, features.spans_to_tags(tokens, features.spans_of(answer, kinds.CONTROL)))
        for tokens, answer in zip(map(features.tokenize, texts), answers, strict=True)
    ]
    model = Recogniser(("Date", "Person"))
    model.learn(rows, (), seed=0, seconds=0.0)  # one epoch
    assert len(list(model.parses([tokens for tokens, _ in rows]))) == 30
    with pytest.raises(ValueError, match="no texts"):
        model.learn([], (), seed=0, seconds=1.0)


def test_spacy_takes_any_text() -> None:
    texts, answers = kinds.corpus("spans", 15)
    found = span_spacy.new(SPANS)
    found.fit(["", *texts], [(), *answers], seed=0)
    begun = time.monotonic()
    for text in ("", " \n", "😀" * 100_000, "Ann Lee " * 12_500, "👩\u200d👧 e\u0301 Bo"):
        guess = found.predict([text]).items[0]
        assert guess is not None
        for mark in guess.answer:
            assert mark.end is not None
            assert text[mark.start : mark.end].strip() == text[mark.start : mark.end] != ""
    assert time.monotonic() - begun < 20.0
    doubt = found.predict(["", "Ann on Monday"]).hesitation
    assert doubt is not None
    assert doubt[0] == 0.0
