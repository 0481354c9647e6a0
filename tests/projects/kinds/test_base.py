from __future__ import annotations

from typing import Any

import pytest

from projects.forms.base import MOST_MARKS
from projects.kinds import registry
from projects.kit.errors import UnknownName
from projects.vocabulary import Mark

INTENT = registry.load("intent")
DETAILS = registry.load("details")


def region(name: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"from_name": name, "to_name": "message", "value": value}


def test_the_registry_reads_the_folders() -> None:
    assert registry.names() == ("details", "intent")
    with pytest.raises(UnknownName, match="Known: details, intent"):
        registry.load("tone")


def test_a_choice_is_read_and_other_controls_are_not() -> None:
    regions = [
        region("intent", {"choices": ["Cancel"]}),
        region("note", {"text": ["by the way"]}),
    ]
    assert INTENT.read(regions, {"text": "x"}) == (Mark("intent", "Cancel"),)
    assert DETAILS.read(regions, {"text": "x"}) == ()


def test_spans_count_characters_also_beyond_the_basic_plane() -> None:
    # As Label Studio 1.23.2 stores it when "noon" is marked in its editor: an emoji counts as
    # the characters it is made of (one for the smile, four for the person at a computer).
    text = "\U0001f600 Hi Ana,\n\n\U0001f469\U0001f3fe\u200d\U0001f4bb meet at noon?\n  Best"
    value = {"start": 24, "end": 28, "text": "noon", "labels": ["Time"]}
    answer = (Mark("details", "Time", 24, 28),)
    assert text[24:28] == "noon"
    assert DETAILS.read([region("details", value)], {"text": text}) == answer
    assert DETAILS.write(answer, {"text": text})[0]["value"] == value


def test_a_span_past_the_end_stops_at_the_end() -> None:
    found = DETAILS.read(
        [region("details", {"start": 3, "end": 99, "labels": ["Time"]})], {"text": "at noon"}
    )
    assert found == (Mark("details", "Time", 3, 7),)


def test_marks_are_read_in_the_order_of_the_text() -> None:
    spans = [(3, 5, "Time"), (0, 2, "Date")]
    regions = [region("details", {"start": s, "end": e, "labels": [n]}) for s, e, n in spans]
    found = DETAILS.read(regions, {"text": "on at"})
    assert [mark.label for mark in found] == ["Date", "Time"]


def test_a_region_without_offsets_is_left_out() -> None:
    assert DETAILS.read([region("details", {"labels": ["Date"]})], {"text": "x"}) == ()


@pytest.mark.parametrize(
    "value",
    [
        None,
        "at noon",
        {"start": "0", "end": 2, "labels": ["Time"]},
        {"start": True, "end": 2, "labels": ["Time"]},
        {"start": 2.0, "end": 4.0, "labels": ["Time"]},
        {"start": -1, "end": 2, "labels": ["Time"]},
        {"start": 4, "end": 2, "labels": ["Time"]},
        {"start": 50, "end": 60, "labels": ["Time"]},
        {"start": 0, "end": 2, "labels": "Time"},
        {"start": 0, "end": 2, "labels": {"Time": 1}},
        {"start": 0, "end": 2, "labels": [["Time"], None, "Invented", "\ud800"]},
    ],
)
def test_a_region_that_cannot_be_read_is_left_out(value: Any) -> None:
    regions = [{"from_name": "details", "value": value}, None, "x", {"from_name": ["details"]}]
    assert DETAILS.read(regions, {"text": "at noon"}) == ()


def test_nobody_fills_an_answer_with_more_marks_than_can_be_compared() -> None:
    one = region("details", {"start": 0, "end": 2, "labels": ["Time"] * 400})
    assert len(DETAILS.read([one] * 3, {"text": "at noon"})) == MOST_MARKS


def test_confidences_belong_to_marks() -> None:
    answer = (Mark("intent", "Cancel"),)
    assert INTENT.write(answer, {"text": "x"}, [0.123456])[0]["score"] == 0.1235
    with pytest.raises(ValueError, match="2 confidences for 1 marks"):
        INTENT.write(answer, {"text": "x"}, [0.5, 0.5])


def test_other_guidelines_are_another_version() -> None:
    versions = {kind.guideline_version for kind in registry.all_kinds()}
    assert len(versions) == 2
    assert all(len(version) == 12 for version in versions)
