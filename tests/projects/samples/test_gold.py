from __future__ import annotations

import pytest

from projects.kinds import registry
from projects.kinds.base import Kind
from projects.samples import generate, gold


@pytest.fixture(params=registry.names())
def kind(request: pytest.FixtureRequest) -> Kind:
    return registry.load(request.param)


def test_the_stored_gold_is_what_the_generator_writes(kind: Kind) -> None:
    stored = gold.path(kind).read_text(encoding="utf-8")
    assert stored == gold.to_lines(gold.make(kind))
    assert gold.read(kind) == gold.make(kind)


def test_gold_is_not_among_the_samples(kind: Kind) -> None:
    known = {sample.message.text for sample in generate()}
    assert not known & {item.message.text for item in gold.read(kind)}


def test_some_items_have_several_acceptable_answers(kind: Kind) -> None:
    assert any(len(item.answers) > 1 for item in gold.read(kind))
