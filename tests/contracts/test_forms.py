"""What every form of answer keeps; a new file in projects/forms is tested at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_studio_sdk.label_interface import LabelInterface

from projects import forms
from projects.kit import discovery
from projects.kit.errors import BadInput
from projects.vocabulary import Mark, as_answer
from tests.support import kinds

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
FIELDS = st.sampled_from(["start", "end", "labels", "choices", "taxonomy", "rating", "number"])


@pytest.fixture(params=discovery.names(forms), scope="module")
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_what_is_written_is_read_back(form: str) -> None:
    kind = kinds.kind_of(form)
    for text, answer in zip(*kinds.corpus(form, 40), strict=True):
        regions = kind.write(answer, {"text": text}, [0.5] * len(answer))
        assert kind.read(regions, {"text": text}) == answer
        assert all(region["score"] == 0.5 for region in regions)
        assert all(region["to_name"] == "text" for region in regions)
        assert kind.offers(answer)
        assert kind.is_answer(answer)


def test_label_studio_s_own_rules_accept_what_is_written(form: str) -> None:
    kind = kinds.kind_of(form)
    interface = LabelInterface(kind.label_config)
    for text, answer in zip(*kinds.corpus(form, 20), strict=True):
        for region in kind.write(answer, {"text": text}):
            assert interface.get_control(region["from_name"]).tag.lower() == region["type"]
            assert interface.validate_region(region), region


@given(value=st.dictionaries(FIELDS, ANYTHING))
def test_anything_can_be_read(form: str, value: dict[str, Any]) -> None:
    kind = kinds.kind_of(form)
    regions = [{"from_name": name, "value": value} for name in kind.controls]
    answer = kind.read(regions, {"text": "at noon"})
    assert answer == as_answer(answer)
    assert kind.read(kind.write(answer, {"text": "at noon"}), {"text": "at noon"}) == answer


def test_a_config_without_the_control_is_refused(form: str) -> None:
    kind = kinds.kind_of(form)
    with pytest.raises(BadInput, match="which is not there"):
        kind.with_config(kind.label_config.replace(f'"{kinds.CONTROL}"', '"other"'))


def test_a_config_of_another_form_is_refused(form: str) -> None:
    kind = kinds.kind_of(form)
    text = kinds.CONFIGS["number" if form != "number" else "choice"]
    with pytest.raises(BadInput, match=r"cannot hold|which is not there"):
        kind.with_config(text)


@pytest.mark.parametrize(
    "config", ["", "<View>", "no config", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>']
)
def test_what_is_no_config_is_refused(form: str, config: str) -> None:
    with pytest.raises(BadInput):
        kinds.kind_of(form).with_config(config)


def test_labels_are_those_of_the_live_config() -> None:
    kind = kinds.kind_of("choice")
    live = kind.with_config(kind.label_config.replace("Cancel", "Call off"))
    assert "Call off" in live.labels
    assert "Cancel" not in live.labels
    assert not live.offers((Mark(kinds.CONTROL, "Cancel"),))


def test_a_node_of_a_tree_is_named_by_the_way_to_it() -> None:
    assert kinds.kind_of("taxonomy").labels == (
        "Work", "Work > Meeting", "Work > Report", "Home", "Home > Garden", "Home > Dinner",
    )  # fmt: skip


def test_a_choice_about_a_span_that_is_not_marked_is_left_out() -> None:
    kind = kinds.kind_of("span_choices")
    lost, kept = Mark(kinds.ATTRIBUTE, "Sure", 0, 2), Mark(kinds.ATTRIBUTE, "Sure", 3, 7)
    span = Mark(kinds.CONTROL, "Date", 3, 7)
    regions = kind.write(as_answer([lost, kept, span]), {"text": "at noon"}, [0.1, 0.2, 0.3])
    assert [region["score"] for region in regions] == [0.2, 0.3]
    assert kind.read(regions, {"text": "at noon"}) == (kept, span)
