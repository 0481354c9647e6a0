"""What every file of ``backend_ml/learners`` keeps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from backend_ml import learners
from backend_ml.learners.base import Guesses, Learner, LearnerFile, ModelUnreadable, Reader, Warm
from projects import forms
from projects.kinds.base import Kind
from projects.kit import discovery
from projects.vocabulary import Answer, Mark, as_answer
from tests.support import kinds, wide
from tests.support.rules import SAMPLES, with_rules

UNSEEN = ["", "   ", "Zoë 😀", "move it to Monday please", "x" * 500]
FILES = {
    name: cast(LearnerFile, discovery.load(learners, name)) for name in discovery.names(learners)
}
CASES = [(name, form) for name, file in FILES.items() for form in file.FORMS]


@pytest.fixture(params=CASES, ids="-".join)
def case(request: pytest.FixtureRequest) -> tuple[str, str]:
    return cast(tuple[str, str], request.param)


@pytest.fixture
def file(case: tuple[str, str]) -> LearnerFile:
    return FILES[case[0]]


@pytest.fixture
def bare(case: tuple[str, str]) -> Kind:
    """A kind with nothing in its folder: only labels can teach."""
    return kinds.kind_of(case[1], learner=case[0])


@pytest.fixture
def kind(bare: Kind, tmp_path_factory: pytest.TempPathFactory) -> Kind:
    if bare.learner != "rules":
        return bare
    return with_rules(bare, tmp_path_factory.mktemp("kind"), SAMPLES[bare.form])


@pytest.fixture
def corpus(kind: Kind) -> tuple[list[str], list[Answer]]:
    return kinds.corpus(kind.form, 60)


def fitted(file: LearnerFile, kind: Kind, corpus: tuple[list[str], list[Answer]]) -> Learner:
    learner = file.new(kind)
    learner.fit(*corpus, seed=1)
    return learner


def same(one: Guesses, other: Guesses) -> bool:
    pairs = ((one.proba, other.proba), (one.marginals, other.marginals))
    return one.items == other.items and all(
        (a is None and b is None) or (a is not None and b is not None and np.array_equal(a, b))
        for a, b in pairs
    )


def test_every_form_has_a_learner() -> None:
    assert {form for _, form in CASES} == set(discovery.names(forms))


def test_unfitted_abstains(file: LearnerFile, bare: Kind) -> None:
    assert file.new(bare).predict(["a", "b"]).items == (None, None)
    assert file.new(bare).classes_ == ()


def test_nothing_to_tell_apart_stays_unfitted(file: LearnerFile, bare: Kind) -> None:
    learner = file.new(bare)
    learner.fit(["a", "b"], [(), ()], seed=0)
    assert learner.predict(["a"]).items == (None,)


def test_no_texts_no_guesses(
    file: LearnerFile, kind: Kind, corpus: tuple[list[str], list[Answer]]
) -> None:
    assert fitted(file, kind, corpus).predict([]).items == ()


def test_learns_what_it_saw(
    file: LearnerFile, kind: Kind, corpus: tuple[list[str], list[Answer]]
) -> None:
    texts, answers = corpus
    guesses = fitted(file, kind, corpus).predict(texts).items
    right = sum(
        guess is not None and [m.label for m in guess.answer] == [m.label for m in answer]
        for guess, answer in zip(guesses, answers, strict=True)
    )
    assert right >= 0.9 * len(texts)


def test_guesses_are_well_formed(
    file: LearnerFile, kind: Kind, corpus: tuple[list[str], list[Answer]]
) -> None:
    learner = fitted(file, kind, corpus)
    guesses = learner.predict(UNSEEN)
    assert len(guesses.items) == len(UNSEEN)
    for text, guess in zip(UNSEEN, guesses.items, strict=True):
        if guess is None:  # no rule matches; a model always has a guess
            assert kind.rules is not None
            continue
        assert 0.0 <= guess.confidence <= 1.0
        assert len(guess.mark_confidences) == len(guess.answer)
        assert all(0.0 <= value <= 1.0 + 1e-9 for value in guess.mark_confidences)
        assert guess.answer == as_answer(guess.answer)
        for mark in guess.answer:
            assert mark.control in kind.controls
            assert kind.offers((mark,))
            assert mark.start is None or 0 <= mark.start < (mark.end or 0) <= len(text)


def test_rows_of_probabilities_sum_to_one(
    file: LearnerFile, kind: Kind, corpus: tuple[list[str], list[Answer]]
) -> None:
    learner = fitted(file, kind, corpus)
    guesses = learner.predict(UNSEEN)
    assert len(guesses.pool()) == len(UNSEEN)
    if guesses.proba is not None:
        assert guesses.proba.shape == (len(UNSEEN), len(learner.classes_))
        assert np.allclose(guesses.proba.sum(axis=1), 1.0)
        assert np.allclose(guesses.proba.max(axis=1), guesses.pool().confidence)


def test_what_a_strategy_sees_is_finite_and_paired(
    file: LearnerFile, kind: Kind, corpus: tuple[list[str], list[Answer]]
) -> None:
    guesses = fitted(file, kind, corpus).predict(UNSEEN)
    pool = guesses.pool()
    for values in (pool.proba, pool.marginals, pool.hesitation):
        if values is not None:
            assert len(values) == len(UNSEEN)
            assert np.isfinite(values).all()
            assert (values >= 0.0).all()
            assert (values <= 1.0 + 1e-9).all()
    assert np.isfinite(pool.confidence).all()
    assert pool.disorder is None or np.isfinite(pool.disorder).all()
    if kind.form == "choices" and pool.marginals is not None:
        assert pool.marginals.shape[1] == len(fitted(file, kind, corpus).classes_)


def test_predicts_from_many_threads_at_once(
    file: LearnerFile, kind: Kind, corpus: tuple[list[str], list[Answer]]
) -> None:
    texts, _ = corpus
    learner = fitted(file, kind, corpus)
    wanted = learner.predict(texts)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: learner.predict(texts), range(8)))
    assert all(same(wanted, one) for one in found)


def test_fields_read() -> None:
    reading = {n for n, form in CASES if isinstance(FILES[n].new(kinds.kind_of(form)), Reader)}
    assert {"span_crf", "span_choice_crf"} <= reading


def test_what_it_read_is_saved_and_follows_from_the_texts(
    file: LearnerFile, kind: Kind, corpus: tuple[list[str], list[Answer]], tmp_path: Path
) -> None:
    one, other = (_reading(file.new(kind), corpus) for _ in range(2))
    if one is None or other is None:
        return
    assert same(one.predict(UNSEEN), other.predict(UNSEEN))
    one.save(tmp_path)
    assert same(file.load(tmp_path, kind).predict(UNSEEN), one.predict(UNSEEN))


def _reading(learner: Learner, corpus: tuple[list[str], list[Answer]]) -> Learner | None:
    """The learner after reading and fitting; ``None`` where it does not read."""
    if not isinstance(learner, Reader):
        return None
    learner.read([*wide.texts(1_000), *corpus[0]], seed=2)
    learner.fit(*corpus, seed=1)
    return learner


def test_learns_more_and_forgets_nothing(
    file: LearnerFile, kind: Kind, corpus: tuple[list[str], list[Answer]], tmp_path: Path
) -> None:
    texts, answers = corpus
    learner = fitted(file, kind, (texts[:40], answers[:40]))
    if not isinstance(learner, Warm):
        return
    assert _more(learner, (texts[40:], answers[40:]), (texts[:40], answers[:40]))
    assert _right(learner, texts, answers) >= 0.9
    learner.save(tmp_path)
    assert same(file.load(tmp_path, kind).predict(UNSEEN), learner.predict(UNSEEN))
    again = fitted(file, kind, (texts[:40], answers[:40]))
    assert isinstance(again, Warm)
    assert _more(again, (texts[40:], answers[40:]), (texts[:40], answers[:40]))
    assert same(again.predict(UNSEEN), learner.predict(UNSEEN))


def test_what_it_cannot_learn_more_of_changes_nothing(
    file: LearnerFile, kind: Kind, corpus: tuple[list[str], list[Answer]]
) -> None:
    texts, answers = corpus
    learner = fitted(file, kind, corpus)
    if not isinstance(learner, Warm):
        return
    before = learner.predict(UNSEEN)
    strange: list[Answer] = [(Mark(kind.control, "never seen"),)]
    assert not _more(learner, (["what is this"], strange), (texts[:5], answers[:5]))
    assert same(learner.predict(UNSEEN), before)
    unfitted = file.new(kind)
    assert isinstance(unfitted, Warm)
    assert not _more(unfitted, (texts[:1], answers[:1]), (texts[:5], answers[:5]))


Rows = tuple[list[str], list[Answer]]


def _more(learner: Warm, new: Rows, old: Rows) -> bool:
    return learner.learn_more(*new, replay_texts=old[0], replay_answers=old[1], seed=3)


def _right(learner: Learner, texts: list[str], answers: list[Answer]) -> float:
    items = learner.predict(texts).items
    pairs = zip(items, answers, strict=True)
    return float(np.mean([guess is not None and guess.answer == answer for guess, answer in pairs]))


def test_same_seed_same_answers(
    file: LearnerFile, kind: Kind, corpus: tuple[list[str], list[Answer]]
) -> None:
    assert same(
        fitted(file, kind, corpus).predict(UNSEEN), fitted(file, kind, corpus).predict(UNSEEN)
    )


def test_save_then_load_changes_nothing(
    file: LearnerFile, kind: Kind, corpus: tuple[list[str], list[Answer]], tmp_path: Path
) -> None:
    learner = fitted(file, kind, corpus)
    learner.save(tmp_path)
    again = file.load(tmp_path, kind)
    assert again.classes_ == learner.classes_
    assert same(again.predict(UNSEEN), learner.predict(UNSEEN))
    assert not list(tmp_path.glob("*.pkl"))


def test_an_unfitted_learner_can_be_saved(file: LearnerFile, bare: Kind, tmp_path: Path) -> None:
    file.new(bare).save(tmp_path)
    assert file.load(tmp_path, bare).predict(["a"]).items == (None,)


def test_an_empty_folder_is_refused(file: LearnerFile, kind: Kind, tmp_path: Path) -> None:
    with pytest.raises(ModelUnreadable):
        file.load(tmp_path, kind)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_damaged_file_is_refused(
    file: LearnerFile,
    kind: Kind,
    corpus: tuple[list[str], list[Answer]],
    tmp_path: Path,
    share: float,
) -> None:
    fitted(file, kind, corpus).save(tmp_path)
    whole = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for path, content in whole.items():
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(ModelUnreadable):
            file.load(tmp_path, kind)
        path.write_bytes(content)
    file.load(tmp_path, kind)
