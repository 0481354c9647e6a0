"""What goes together in a project's texts is found once, as long as they are mostly the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from backend_ml import semantics
from backend_ml.semantics import MOST_KEPT, Rows, Semantics
from tests.backend_ml.corpus import messages

TEXTS = [text for text, _, _ in messages(120)]
OTHERS = [f"{text} please, number {i}" for i, text in enumerate(TEXTS)]


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts each search for what goes together was made of."""
    found: list[int] = []
    search: Callable[..., Rows] = semantics.lsa

    def counted(texts: Sequence[str], *, seed: int) -> Rows:
        found.append(len(texts))
        return search(texts, seed=seed)

    monkeypatch.setattr(semantics, "lsa", counted)
    return found


def test_it_is_searched_when_asked_and_only_once(fitted: list[int]) -> None:
    kept = Semantics()
    latent = kept.of(1, TEXTS, seed=0)
    assert fitted == []
    first = latent.embed(TEXTS[:5])
    fewer = kept.of(1, TEXTS[30:], seed=0)  # the others were answered
    assert np.array_equal(fewer.embed(TEXTS[:5]), first)
    assert fitted == [len(TEXTS)]


def test_few_new_texts_are_described_by_what_is_known(fitted: list[int]) -> None:
    kept, known = Semantics(), len(set(TEXTS))
    kept.of(1, TEXTS, seed=0).embed(TEXTS)
    few, many = OTHERS[: known // 5], OTHERS[: known // 2]
    assert kept.of(1, [*TEXTS, *few], seed=0).embed(few).shape[0] == len(few)
    assert fitted == [len(TEXTS)]
    kept.of(1, [*TEXTS, *many], seed=0).embed(many)
    assert fitted == [len(TEXTS), len(TEXTS) + len(many)]


def test_projects_have_nothing_in_common_and_the_oldest_is_forgotten(fitted: list[int]) -> None:
    kept = Semantics()
    for project_id in range(MOST_KEPT + 1):
        kept.of(project_id, TEXTS[: 10 + project_id], seed=0).embed(["a"])
    assert fitted == [10 + project_id for project_id in range(MOST_KEPT + 1)]
    kept.of(MOST_KEPT, TEXTS[:10], seed=0).embed(["a"])
    assert len(fitted) == MOST_KEPT + 1
    kept.of(0, TEXTS[:10], seed=0).embed(["a"])
    assert fitted[-1] == 10
    assert len(fitted) == MOST_KEPT + 2


def test_no_texts_are_like_any() -> None:
    kept = Semantics()
    latent = kept.of(1, TEXTS, seed=0)
    assert kept.of(1, [], seed=0) is latent
    assert Semantics().of(1, [], seed=0).embed(["one"]).shape[0] == 1
