"""What a changed labelling config takes away and adds."""

from __future__ import annotations

import pytest

from sandbox_sync import changes
from sandbox_sync.changes import Change

BEFORE = """<View><Text name="message" value="$text"/>
<Choices name="intent" toName="message"><Choice value="order"/><Choice value="question"/></Choices>
<Labels name="details" toName="message"><Label value="place"/><Label value="time"/></Labels></View>
"""
REGION = {
    "from_name": "intent",
    "to_name": "message",
    "type": "choices",
    "value": {"choices": ["order"]},
}


def changed(old: str, new: str) -> Change:
    assert old in BEFORE
    return changes.between(BEFORE, BEFORE.replace(old, new))


def test_looks_are_no_change() -> None:
    found = changed('<Choice value="order"/>', '<Choice value="order" hotkey="1"/>')
    assert found == Change()
    assert not found.matters


def test_a_removed_label_orphans_the_answers_that_chose_it() -> None:
    found = changed('<Choice value="order"/>', "")
    assert found == Change(removed_labels=(("intent", "order"),))
    assert found.orphans
    assert changes.uses([{"control": "intent", "label": "order"}], found)
    assert not changes.uses([{"control": "details", "label": "order"}], found)


def test_a_label_in_the_place_of_another_is_it_renamed() -> None:
    found = changed('value="order"', 'value="purchase"')
    assert found == Change(renamed_labels=(("intent", "order", "purchase"),))
    assert changes.uses([{"control": "intent", "label": "order"}], found)


def test_one_label_for_two_is_removed_and_added() -> None:
    found = changed('<Choice value="order"/><Choice value="question"/>', '<Choice value="other"/>')
    assert found.removed_labels == (("intent", "order"), ("intent", "question"))
    assert found.added_labels == (("intent", "other"),)


def test_a_control_that_differs_in_the_name_alone_is_renamed() -> None:
    found = changed('name="intent"', 'name="purpose"')
    assert found == Change(renamed_controls=(("intent", "purpose"),))
    assert changes.uses([{"control": "intent", "label": "question"}], found)


def test_a_control_of_another_tag_is_another_control() -> None:
    found = changes.between(
        BEFORE, BEFORE.replace("Choices", "Labels").replace("Choice ", "Label ")
    )
    assert (found.removed_controls, found.added_controls) == (("intent",), ("intent",))


def test_what_is_added_orphans_nothing_but_matters() -> None:
    found = changed("</Choices>", '<Choice value="complaint"/></Choices>')
    assert found == Change(added_labels=(("intent", "complaint"),))
    assert (found.orphans, found.matters) == (False, True)


def test_another_field_is_noticed() -> None:
    found = changed("$text", "$body")
    assert (found.removed_fields, found.added_fields) == (("text",), ("body",))


def test_the_levels_of_a_taxonomy_are_one_label() -> None:
    config = (
        '<View><Text name="t" value="$text"/><Taxonomy name="topic" toName="t">'
        '<Choice value="Food"><Choice value="Bread"/></Choice></Taxonomy></View>'
    )
    assert changes.read(config).controls["topic"].labels == ("Food", "Food / Bread")
    region = {"from_name": "topic", "to_name": "t", "type": "taxonomy"}
    kept = region | {"value": {"taxonomy": [["Food", "Bread"]]}}
    lost = region | {"value": {"taxonomy": [["Food", "Cheese"]]}}
    assert changes.fitting([kept, lost], config) == [kept]


@pytest.mark.parametrize(
    ("old", "new", "fits"),
    [
        ('<Choice value="question"/>', "", True),
        ('<Choice value="order"/>', "", False),
        ('name="intent"', 'name="purpose"', False),
        ('"message"', '"mail"', False),
    ],
)
def test_a_suggestion_fits_when_all_it_says_can_be_said(old: str, new: str, fits: bool) -> None:  # noqa: FBT001
    assert changes.fitting([REGION], BEFORE.replace(old, new)) == ([REGION] if fits else [])
