"""Groups of words that are used alike, and what a random field makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend_ml import features
from backend_ml.learners import _clusters, span_choice_crf, span_crf
from backend_ml.learners.base import Learner, LearnerFile, ModelUnreadable, Reader
from projects.kinds.base import Kind
from tests.support import kinds, wide

SPANS = kinds.kind_of("spans")
TEXTS = wide.texts(1_500)
PLACES, PEOPLE = wide.PLACES[24:], wide.PEOPLE[24:]
"""Which nobody has answered about."""
BOTH = pytest.mark.parametrize(
    ("file", "kind"),
    [(span_crf, SPANS), (span_choice_crf, kinds.kind_of("span_choices"))],
    ids=["span_crf", "span_choice_crf"],
)


def fitted(file: LearnerFile, kind: Kind, texts: list[str]) -> Learner:
    learner = file.new(kind)
    assert isinstance(learner, Reader)
    learner.read(texts, seed=0)
    learner.fit(*wide.marked(wide.PLACES[:24], wide.PEOPLE[:24]), seed=0)
    return learner


def marked_by(learner: Learner, words: tuple[str, ...]) -> int:
    """How many of these words it marks, each in a text that does not tell."""
    guesses = learner.predict(wide.bare(words)).items
    ends = [{(m.start, m.end) for m in guess.answer} if guess else set() for guess in guesses]
    first = len(wide.BEFORE)
    return sum((first, first + len(w)) in one for one, w in zip(ends, words, strict=True))


@BOTH
def test_a_word_that_nobody_marked_is_known_by_its_like(file: LearnerFile, kind: Kind) -> None:
    read, unread = fitted(file, kind, TEXTS), fitted(file, kind, [])
    assert marked_by(read, PLACES) >= 33  # of 36
    assert marked_by(read, PEOPLE) <= 3  # of 36
    assert marked_by(unread, PLACES) - marked_by(unread, PEOPLE) <= 18


@BOTH
def test_a_saved_model_keeps_what_it_read(file: LearnerFile, kind: Kind, tmp_path: Path) -> None:
    learner = fitted(file, kind, TEXTS)
    learner.save(tmp_path)
    texts = [*wide.bare(PLACES), *TEXTS[:50]]
    assert file.load(tmp_path, kind).predict(texts).items == learner.predict(texts).items


@BOTH
def test_with_other_groups_than_it_was_saved_with_it_is_unreadable(
    file: LearnerFile, kind: Kind, tmp_path: Path
) -> None:
    fitted(file, kind, TEXTS).save(tmp_path)
    (tmp_path / "words.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelUnreadable):
        file.load(tmp_path, kind)


@BOTH
def test_of_too_few_texts_it_learns_as_without(
    file: LearnerFile, kind: Kind, tmp_path: Path
) -> None:
    learner = fitted(file, kind, TEXTS[:5])
    assert learner.predict(TEXTS).items == fitted(file, kind, []).predict(TEXTS).items
    learner.save(tmp_path)
    assert not (tmp_path / "words.json").exists()


def test_a_model_of_before_there_were_groups_is_read(tmp_path: Path) -> None:
    learner = fitted(span_crf, SPANS, [])
    learner.save(tmp_path)
    assert '"words"' not in (tmp_path / "learner.json").read_text(encoding="utf-8")
    assert span_crf.load(tmp_path, SPANS).predict(TEXTS).items == learner.predict(TEXTS).items


def test_words_of_a_group_share_its_feature() -> None:
    found = _clusters.find(TEXTS, seed=0)
    assert found is not None
    [coarse] = found.token_features(features.tokenize(wide.PLACES[0].upper()))
    assert coarse[0].startswith("c0=")
    places = [found.token_features(features.tokenize(one))[0][0] for one in wide.PLACES]
    people = [found.token_features(features.tokenize(one))[0][0] for one in wide.PEOPLE]
    assert len(set(places) & set(people)) <= 3
    assert found.token_features(features.tokenize("neverheard"))[0][0] == "c0=?"
    assert found.token_features([]) == []


def test_the_same_texts_give_the_same_groups_and_are_not_looked_at_again() -> None:
    one = _clusters.find(TEXTS, seed=0)
    assert _clusters.find(list(TEXTS), seed=0) is one
    _clusters._find.cache_clear()
    again = _clusters.find(TEXTS, seed=0)
    assert again is one  # what is kept for a text stays good
