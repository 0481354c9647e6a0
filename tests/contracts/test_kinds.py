"""What every kind must offer; a new folder in projects/kinds is tested at once."""

from __future__ import annotations

import json
from importlib import import_module
from importlib.util import find_spec
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_studio_sdk.label_interface import LabelInterface

from projects import agreement
from projects.agreement.base import Metric
from projects.flow.intake import decompose
from projects.flow.messages import Message
from projects.kinds import registry
from projects.kinds.base import Kind
from projects.kit import discovery
from projects.samples import gold
from projects.vocabulary import Answer, Mark, answer_from_json, as_answer

CHARACTERS = st.characters(exclude_categories=["Cs"]) | st.sampled_from("a 😀👍🏽é\n")
TEXTS = st.text(CHARACTERS, min_size=1, max_size=60)

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.fixture(params=registry.names(), scope="module")
def kind(request: pytest.FixtureRequest) -> Kind:
    return registry.load(request.param)


@pytest.fixture(scope="module")
def metric(kind: Kind) -> Metric:
    return cast(Metric, discovery.load(agreement, kind.metric))


def pairs(kind: Kind) -> list[dict[str, Any]]:
    text = (kind.folder / "samples" / "pairs.json").read_text(encoding="utf-8")
    return list(json.loads(text))


def answers(kind: Kind, text: str) -> st.SearchStrategy[Answer]:
    labels = st.sampled_from(kind.labels)
    if kind.form == "choice":
        return st.builds(lambda label: (Mark(kind.control, label),), labels)
    span = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).filter(
        lambda ends: ends[0] < ends[1]
    )
    mark = st.builds(lambda label, ends: Mark(kind.control, label, *ends), labels, span)
    return st.lists(mark, max_size=5).map(as_answer)


def test_the_name_is_that_of_the_folder(kind: Kind) -> None:
    assert kind.name == kind.folder.name


def test_the_config_parses_and_has_the_control_and_the_text(kind: Kind) -> None:
    interface = LabelInterface(kind.label_config)
    interface.validate()
    control = interface.get_control(kind.control)
    assert control.to_name == [kind.controls[kind.control].to_name]
    assert interface.get_object(kind.controls[kind.control].to_name).value == f"${kind.field}"


def test_labels_are_there_and_differ(kind: Kind) -> None:
    assert kind.labels
    assert len(set(kind.labels)) == len(kind.labels)


def test_every_label_has_a_key_of_its_own(kind: Kind) -> None:
    control = LabelInterface(kind.label_config).get_control(kind.control)
    keys = [label.attr["hotkey"] for label in control.labels_attrs.values()]
    assert len(set(keys)) == len(kind.labels)


def test_task_data_has_what_the_config_shows(kind: Kind) -> None:
    data = decompose(Message(id="m-1", text="See you at noon."))[kind.name]
    fields = {"text", "heading", "byline", "context"}
    assert all(f'"${field}"' in kind.label_config for field in fields)
    assert all(data[field] for field in fields)


def test_guidelines_name_every_label(kind: Kind) -> None:
    assert all(f"<b>{label}</b>" in kind.guidelines for label in kind.labels)
    assert (kind.folder / "README.md").read_text(encoding="utf-8").strip()


@given(data=st.data(), text=TEXTS)
def test_reading_what_was_written_gives_the_answer_back(
    kind: Kind, data: st.DataObject, text: str
) -> None:
    answer = data.draw(answers(kind, text))
    task_data = {kind.field: text}
    regions = kind.write(answer, task_data, [0.5] * len(answer))
    assert kind.read(regions, task_data) == answer
    assert kind.read(json.loads(json.dumps(regions)), task_data) == answer


@st.composite
def scribbles(draw: st.DrawFn) -> object:
    """Something like a region, with anything in any place."""
    ends = st.integers(-3, 70) | ANYTHING
    words = st.lists(st.sampled_from(["Time", "Cancel", "\ud800"]) | ANYTHING, max_size=3)
    keys = {"start": ends, "end": ends, "labels": words | ANYTHING, "choices": words | ANYTHING}
    value = draw(st.fixed_dictionaries({}, optional=keys) | ANYTHING)
    name = draw(st.sampled_from(["intent", "details"]) | ANYTHING)
    return draw(st.just({"from_name": name, "value": value}) | ANYTHING)


@given(regions=st.lists(scribbles(), max_size=4), content=ANYTHING)
def test_whatever_a_member_wrote_is_read(
    kind: Kind, regions: list[object], content: object
) -> None:
    data = {kind.field: content}
    answer = kind.read(regions, data)
    assert {mark.label for mark in answer} <= set(kind.labels)
    if kind.form == "spans":
        length = len(kind.text(data))
        assert all(0 <= (m.start or 0) < (m.end or 0) <= length for m in answer)


def test_there_are_enough_pairs_and_their_labels_exist(kind: Kind) -> None:
    rows = pairs(kind)
    assert len(rows) >= 8
    used = {
        mark["label"] for row in rows for side in ("reference", "candidate") for mark in row[side]
    }
    assert used <= set(kind.labels)


def test_sample_pairs_compare_as_written_both_ways(kind: Kind, metric: Metric) -> None:
    for row in pairs(kind):
        reference = answer_from_json(row["reference"])
        candidate = answer_from_json(row["candidate"])
        for found in (
            metric.agreement(reference, candidate),
            metric.agreement(candidate, reference),
        ):
            expected = row["agreement"]
            assert found == (expected if expected is None else pytest.approx(expected)), row["note"]


def test_the_learner_exists(kind: Kind) -> None:
    if find_spec("backend_ml.learners") is None:
        pytest.skip("backend_ml has no learners")
    assert kind.learner in discovery.names(import_module("backend_ml.learners"))


def test_gold_items_are_valid_and_their_own_answers_agree(kind: Kind, metric: Metric) -> None:
    items = gold.read(kind)
    assert len(items) >= 60
    assert len({item.id for item in items}) == len(items)
    assert len({item.message.text for item in items}) == len(items)
    for item in items:
        data = decompose(item.message)[kind.name]
        assert item.answers
        assert len(set(item.answers)) == len(item.answers)
        for answer in item.answers:
            assert {mark.label for mark in answer} <= set(kind.labels)
            assert kind.read(kind.write(answer, data), data) == answer
            assert metric.agreement(answer, answer) in (1.0, None)
