"""Texts about the same, known by words that nobody has labelled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import pytest

from backend_ml import embeddings, text_features, word_means
from backend_ml.learners import choice_linear, choices_linear, taxonomy_linear
from backend_ml.learners.base import LearnerFile
from backend_ml.learners.choice_linear import ChoiceLinear
from backend_ml.word_means import WordMeans
from projects.vocabulary import Answer, Mark, as_answer
from tests.backend_ml.corpus import WISHES
from tests.support import kinds

CHOICE = kinds.kind_of("choice")
SUBJECTS = {
    "choice": sorted(WISHES),
    "choices": sorted(kinds.TOPICS),
    "taxonomy": sorted(kinds.SENTENCES),
}
EACH = pytest.mark.parametrize("form", SUBJECTS)
SYLLABLES = "ba ce di fo gu ha je ki lo mu".split()


def words(subject: int) -> list[str]:
    """A hundred and forty words that only this subject has; no piece of them tells which."""
    made = [a + b + c for a in SYLLABLES for b in SYLLABLES for c in SYLLABLES]
    Random(0).shuffle(made)
    return made[140 * subject : 140 * (subject + 1)]


def texts(count: int, *, seed: int) -> tuple[list[str], list[int]]:
    """Six words each of the subject that the text is about."""
    rng = Random(seed)
    about = [rng.randrange(3) for _ in range(count)]
    return [" ".join(rng.sample(words(subject), 6)) for subject in about], about


def answers(about: Sequence[int], form: str) -> list[Answer]:
    return [(Mark(kinds.CONTROL, SUBJECTS[form][subject]),) for subject in about]


READ = texts(1_500, seed=1)[0]
FILES: dict[str, LearnerFile] = {
    "choice": choice_linear,
    "choices": choices_linear,
    "taxonomy": taxonomy_linear,
}


def right(form: str, read: Sequence[str], folder: Path | None = None) -> float:
    """The share of other texts that are told right after thirty labels."""
    kind = kinds.kind_of(form)
    learner = FILES[form].new(kind)
    learner.read(read, seed=0)  # type: ignore[attr-defined]
    some, about = texts(30, seed=2)
    learner.fit(some, answers(about, form), seed=0)
    others, truth = texts(300, seed=3)
    if folder is not None:
        learner.save(folder)
        again = FILES[form].load(folder, kind).predict(others)
        assert again.items == learner.predict(others).items
    guesses = learner.predict(others).items
    pairs = zip(guesses, answers(truth, form), strict=True)
    return float(np.mean([guess is not None and guess.answer == one for guess, one in pairs]))


@EACH
def test_labels_of_some_words_tell_of_others(form: str, tmp_path: Path) -> None:
    unread, read = right(form, []), right(form, READ, tmp_path)
    assert read >= unread + 0.1
    assert read >= 0.9


@EACH
def test_of_too_few_words_nothing_is_learned(form: str, tmp_path: Path) -> None:
    assert right(form, READ[:20], tmp_path) == right(form, [])
    with np.load(tmp_path / "machine.npz", allow_pickle=False) as held:
        assert "words" not in held


def test_where_people_name_several_nodes_likeness_counts_too() -> None:
    kind, (one, two) = kinds.kind_of("taxonomy"), SUBJECTS["taxonomy"][:2]
    some, about = texts(40, seed=2)
    given = answers(about, "taxonomy")
    both = as_answer([Mark(kinds.CONTROL, one), Mark(kinds.CONTROL, two)])
    some += [" ".join(Random(i).sample(words(i % 2), 3) + words(1 - i % 2)[:3]) for i in range(6)]
    given += [both] * 6
    found = {}
    for read in (False, True):
        learner = taxonomy_linear.new(kind)
        learner.read(READ if read else [], seed=0)
        learner.fit(some, given, seed=0)
        others, truth = texts(300, seed=3)
        guesses = learner.predict(others)
        assert guesses.marginals is not None
        pairs = zip(guesses.items, answers(truth, "taxonomy"), strict=True)
        found[read] = np.mean([guess is not None and guess.answer == one for guess, one in pairs])
    assert found[True] >= found[False] + 0.1


def test_a_text_of_unknown_words_is_like_nothing() -> None:
    means = word_means.find(READ, seed=0)
    assert means is not None
    rows = means.embed([READ[0], "", "entirely unheard", READ[0].upper()])
    assert rows.shape == (4, means.width)
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1.0, 0.0, 0.0, 1.0], abs=1e-5)
    assert np.array_equal(rows[0], rows[3])
    assert means.embed([]).shape == (0, means.width)


def test_the_mean_is_of_every_word_as_often_as_it_occurs() -> None:
    codes = text_features.words_in_order(["one two"])[0]
    order = np.argsort(codes)
    rows = np.array([[3.0, 0.0], [0.0, 4.0]], dtype=np.float16)
    found = WordMeans(codes[order], rows[order]).embed(["two one two unknown"])
    assert found == pytest.approx(np.array([[3.0, 8.0]]) / np.hypot(3.0, 8.0), abs=1e-6)


def test_frequent_words_weigh_less() -> None:
    means = word_means.find([f"{text} the" for text in READ], seed=0)
    assert means is not None
    the, rare = (text_features.words_in_order([word])[0][0] for word in ("the", words(0)[0]))
    lengths = dict(
        zip(means.features.tolist(), np.linalg.norm(means.rows.astype(float), axis=1), strict=True)
    )
    # One word of seven is "the", 1 / 144 of the others is about one of 420.
    assert lengths[int(the)] == pytest.approx(1e-3 / (1e-3 + 1 / 7), rel=0.02)
    assert 0.2 < lengths[int(rare)] < 0.5


class Alike:
    """An embedder that finds all texts alike."""

    digest, width = "alike", 3

    def embed(self, texts: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        return np.ones((len(texts), 3), dtype=np.float32)


def test_sentence_embeddings_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings._Current, "embedder", Alike())
    learner = ChoiceLinear(kinds.CONTROL)
    learner.read(READ, seed=0)
    some, about = texts(30, seed=2)
    learner.fit(some, answers(about, "choice"), seed=0)
    machine = learner._machine
    assert machine is not None
    assert machine.inputs.means is None


def test_a_machine_of_before_there_were_means_is_read(tmp_path: Path) -> None:
    learner = choice_linear.new(CHOICE)
    some, about = texts(30, seed=2)
    learner.fit(some, answers(about, "choice"), seed=0)
    learner.save(tmp_path)
    notes = tmp_path / "learner.json"
    written = notes.read_text(encoding="utf-8")
    assert '"format": 3' in written
    notes.write_text(written.replace('"format": 3', '"format": 2'), encoding="utf-8")
    assert choice_linear.load(tmp_path, CHOICE).predict(READ).items == learner.predict(READ).items
