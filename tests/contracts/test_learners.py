"""What every file of ``backend_ml/learners`` keeps."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest

from backend_ml import learners
from backend_ml.learners.base import Guesses, Learner, LearnerFile, ModelUnreadable
from projects.kinds import registry
from projects.kit import discovery
from projects.vocabulary import Answer, as_answer
from tests.backend_ml.corpus import messages

CONTROL = "control"
FORMS = {kind.learner: kind.form for kind in registry.all_kinds()}
UNSEEN = ["", "   ", "Zoë 😀", "move it to Monday please", "x" * 500]


@pytest.fixture(params=discovery.names(learners))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def file(name: str) -> LearnerFile:
    return cast(LearnerFile, discovery.load(learners, name))


@pytest.fixture
def corpus(name: str) -> tuple[list[str], list[Answer]]:
    rows = messages(60)
    answers = [choice if FORMS[name] == "choice" else spans for _, choice, spans in rows]
    return [text for text, _, _ in rows], answers


def fitted(file: LearnerFile, corpus: tuple[list[str], list[Answer]]) -> Learner:
    learner = file.new(CONTROL)
    learner.fit(*corpus, seed=1)
    return learner


def same(one: Guesses, other: Guesses) -> bool:
    if (one.proba is None) != (other.proba is None):
        return False
    if one.proba is not None and other.proba is not None:
        return one.items == other.items and np.array_equal(one.proba, other.proba)
    return one.items == other.items


def test_every_learner_is_used_by_a_kind(name: str) -> None:
    assert name in FORMS


def test_unfitted_abstains(file: LearnerFile) -> None:
    assert file.new(CONTROL).predict(["a", "b"]).items == (None, None)
    assert file.new(CONTROL).classes_ == ()


def test_nothing_to_tell_apart_stays_unfitted(file: LearnerFile) -> None:
    learner = file.new(CONTROL)
    learner.fit(["a", "b"], [(), ()], seed=0)
    assert learner.predict(["a"]).items == (None,)


def test_no_texts_no_guesses(file: LearnerFile, corpus: tuple[list[str], list[Answer]]) -> None:
    assert fitted(file, corpus).predict([]).items == ()


def test_learns_what_it_saw(file: LearnerFile, corpus: tuple[list[str], list[Answer]]) -> None:
    texts, answers = corpus
    guesses = fitted(file, corpus).predict(texts).items
    right = sum(
        guess is not None and [m.label for m in guess.answer] == [m.label for m in answer]
        for guess, answer in zip(guesses, answers, strict=True)
    )
    assert right >= 0.9 * len(texts)


def test_guesses_are_well_formed(file: LearnerFile, corpus: tuple[list[str], list[Answer]]) -> None:
    learner = fitted(file, corpus)
    guesses = learner.predict(UNSEEN)
    assert len(guesses.items) == len(UNSEEN)
    for text, guess in zip(UNSEEN, guesses.items, strict=True):
        assert guess is not None
        assert 0.0 <= guess.confidence <= 1.0
        assert len(guess.mark_confidences) == len(guess.answer)
        assert all(0.0 <= value <= 1.0 + 1e-9 for value in guess.mark_confidences)
        assert guess.answer == as_answer(guess.answer)
        for mark in guess.answer:
            assert mark.control == CONTROL
            assert mark.label in learner.classes_
            assert mark.start is None or 0 <= mark.start < (mark.end or 0) <= len(text)


def test_rows_of_probabilities_sum_to_one(
    file: LearnerFile, corpus: tuple[list[str], list[Answer]]
) -> None:
    learner = fitted(file, corpus)
    guesses = learner.predict(UNSEEN)
    assert len(guesses.pool()) == len(UNSEEN)
    if guesses.proba is not None:
        assert guesses.proba.shape == (len(UNSEEN), len(learner.classes_))
        assert np.allclose(guesses.proba.sum(axis=1), 1.0)
        assert np.allclose(guesses.proba.max(axis=1), guesses.pool().confidence)


def test_same_seed_same_answers(file: LearnerFile, corpus: tuple[list[str], list[Answer]]) -> None:
    assert same(fitted(file, corpus).predict(UNSEEN), fitted(file, corpus).predict(UNSEEN))


def test_save_then_load_changes_nothing(
    file: LearnerFile, corpus: tuple[list[str], list[Answer]], tmp_path: Path
) -> None:
    learner = fitted(file, corpus)
    learner.save(tmp_path)
    again = file.load(tmp_path, CONTROL)
    assert again.classes_ == learner.classes_
    assert same(again.predict(UNSEEN), learner.predict(UNSEEN))
    assert not list(tmp_path.glob("*.pkl"))


def test_an_unfitted_learner_can_be_saved(file: LearnerFile, tmp_path: Path) -> None:
    file.new(CONTROL).save(tmp_path)
    assert file.load(tmp_path, CONTROL).predict(["a"]).items == (None,)


def test_an_empty_folder_is_refused(file: LearnerFile, tmp_path: Path) -> None:
    with pytest.raises(ModelUnreadable):
        file.load(tmp_path, CONTROL)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_damaged_file_is_refused(
    file: LearnerFile, corpus: tuple[list[str], list[Answer]], tmp_path: Path, share: float
) -> None:
    fitted(file, corpus).save(tmp_path)
    whole = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for path, content in whole.items():
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(ModelUnreadable):
            file.load(tmp_path, CONTROL)
        path.write_bytes(content)
    file.load(tmp_path, CONTROL)
