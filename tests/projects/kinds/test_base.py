from __future__ import annotations

from typing import Any

import pytest

from projects.kinds import registry
from projects.kit.errors import UnknownName
from projects.vocabulary import Mark

INTENT = registry.load("intent")
DETAILS = registry.load("details")


def region(name: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"from_name": name, "to_name": "message", "value": value}


def test_the_registry_reads_the_folders() -> None:
    assert registry.names() == ("details", "intent")
    assert registry.by_title("Message intent") == INTENT
    assert registry.by_title("Something else") is None
    with pytest.raises(UnknownName, match="Known: details, intent"):
        registry.load("tone")


def test_a_choice_is_read_and_other_controls_are_not() -> None:
    regions = [
        region("intent", {"choices": ["Cancel"]}),
        region("note", {"text": ["by the way"]}),
    ]
    assert INTENT.read(regions, {"text": "x"}) == (Mark("intent", "Cancel"),)
    assert DETAILS.read(regions, {"text": "x"}) == ()


def test_spans_count_characters_although_label_studio_counts_utf16_units() -> None:
    # "😀 at noon": the emoji is one character and two units, so "noon" is 5..9 and 6..10.
    data = {"text": "😀 at noon"}
    answer = (Mark("details", "Time", 5, 9),)
    written = DETAILS.write(answer, data)
    assert written[0]["value"] == {"start": 6, "end": 10, "text": "noon", "labels": ["Time"]}
    assert DETAILS.read(written, data) == answer


def test_marks_are_read_in_the_order_of_the_text() -> None:
    spans = [(3, 5, "Time"), (0, 2, "Date")]
    regions = [region("details", {"start": s, "end": e, "labels": [n]}) for s, e, n in spans]
    found = DETAILS.read(regions, {"text": "on at"})
    assert [mark.label for mark in found] == ["Date", "Time"]


def test_a_region_without_offsets_is_left_out() -> None:
    assert DETAILS.read([region("details", {"labels": ["Date"]})], {"text": "x"}) == ()


def test_confidences_belong_to_marks() -> None:
    answer = (Mark("intent", "Cancel"),)
    assert INTENT.write(answer, {"text": "x"}, [0.123456])[0]["score"] == 0.1235
    with pytest.raises(ValueError, match="2 confidences for 1 marks"):
        INTENT.write(answer, {"text": "x"}, [0.5, 0.5])


def test_other_guidelines_are_another_version() -> None:
    versions = {kind.guideline_version for kind in registry.all_kinds()}
    assert len(versions) == 2
    assert all(len(version) == 12 for version in versions)
