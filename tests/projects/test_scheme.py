"""Answers of any labelling config: what is read, how it is compared, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from projects import scheme as schemes
from projects.kinds import registry
from projects.kit.errors import BadInput
from projects.policy import Policy
from projects.scheme import Scheme
from projects.vocabulary import Json, Mark, answer_from_json, answer_to_json

PICTURE = """<View>
  <Image name="img" value="$image"/>
  <RectangleLabels name="box" toName="img">
    <Label value="Car"/><Label value="Bus"/>
  </RectangleLabels>
  <Choices name="colour" toName="img" perRegion="true" choice="multiple">
    <Choice value="Red"/><Choice value="Blue"/><Choice value="Dirty"/>
  </Choices>
  <Rating name="light" toName="img"/>
</View>"""


def scheme(config: str, **policy: Any) -> Scheme:
    return schemes.of_config("project-7", config, Policy(**policy))


def box(key: str, label: str, *corners: float, **value: Any) -> Json:
    x, y, width, height = corners
    return {
        "id": key,
        "type": "rectanglelabels",
        "from_name": "box",
        "to_name": "img",
        "original_width": 200,
        "original_height": 100,
        "value": {"x": x, "y": y, "width": width, "height": height, "rotation": 0}
        | value
        | {"rectanglelabels": [label]},
    }


def said(key: str, name: str, kind: str, value: Any) -> Json:
    return {
        "id": key,
        "type": kind,
        "from_name": name,
        "to_name": "img",
        "value": {kind: value, "x": 1, "y": 1, "width": 5, "height": 5},
    }


def test_regions_attributes_and_the_whole_are_one_weighted_mean() -> None:
    own = scheme(PICTURE, weights={"box": 2})
    reference = own.read(
        [
            box("a", "Car", 0, 0, 10, 10),
            said("a", "colour", "choices", ["Red", "Dirty"]),
            said("r", "light", "rating", 4),
        ],
        {},
    )
    candidate = own.read(
        [
            box("x", "Car", 0, 0, 10, 5),
            said("x", "colour", "choices", ["Red"]),
            said("s", "light", "rating", 2),
        ],
        {},
    )
    outcome = own.compare(reference, candidate)
    # Boxes: half of the larger one, IoU 0.5. Colours: 2 * 1 / (2 + 1). Stars: 1 - 2 / 4.
    assert outcome.agreement == pytest.approx((2 * 0.5 + 2 / 3 + 0.5) / 4)
    assert [d.kind for d in outcome.differences] == ["boundary", "wrong label"]


def test_another_attribute_of_the_same_region_is_named() -> None:
    own = scheme(PICTURE)
    ours = own.read([box("a", "Car", 0, 0, 9, 9), said("a", "colour", "choices", ["Red"])], {})
    theirs = own.read([box("b", "Car", 0, 0, 9, 9), said("b", "colour", "choices", ["Blue"])], {})
    outcome = own.compare(ours, theirs)
    assert [d.kind for d in outcome.differences] == ["wrong attribute"]
    assert outcome.agreement == 0.5  # the box is right, the colour is not


def test_attributes_of_a_missed_region_are_missed_too() -> None:
    own = scheme(PICTURE)
    ours = own.read(
        [
            box("a", "Car", 0, 0, 9, 9),
            said("a", "colour", "choices", ["Red"]),
            box("b", "Bus", 50, 50, 9, 9),
            said("b", "colour", "choices", ["Blue"]),
        ],
        {},
    )
    theirs = own.read([box("c", "Car", 0, 0, 9, 9), said("c", "colour", "choices", ["Red"])], {})
    # Two thirds of the boxes (2 * 1 / 3), and two thirds of what was said about them.
    assert own.compare(ours, theirs).agreement == pytest.approx(2 / 3)


def test_rotation_is_as_it_looks_in_pixels() -> None:
    own = scheme(PICTURE)
    # A square of 20 by 20 pixels in a picture of 200 by 100: 10% by 20%. Turned by 90 degrees
    # about its left top corner (50, 50) it lies to the left of it.
    turned = own.read([box("a", "Car", 50, 50, 10, 20, rotation=90)], {})
    beside = own.read([box("b", "Car", 40, 50, 10, 20)], {})
    assert own.compare(turned, beside).agreement == pytest.approx(1)
    assert [d.kind for d in own.compare(turned, beside).differences] == ["same"]


def test_a_hair_of_difference_is_the_same_box_to_a_person() -> None:
    own = scheme(PICTURE)
    ours = own.read([box("a", "Car", 0, 0, 10, 10)], {})
    theirs = own.read([box("b", "Car", 0, 0, 10, 9.5)], {})
    outcome = own.compare(ours, theirs)
    assert outcome.agreement == pytest.approx(0.95)
    assert [d.kind for d in outcome.differences] == ["same"]


def test_nothing_on_both_sides_is_undefined() -> None:
    assert scheme(PICTURE).compare((), ()).agreement is None


def test_a_control_of_weight_nothing_is_left_out() -> None:
    own = scheme(PICTURE, weights={"light": 0})
    assert own.read([said("r", "light", "rating", 4)], {}) == ()
    assert [control.name for control in own.left_out] == ["light"]


def test_labels_beside_bare_shapes_name_them() -> None:
    own = scheme(
        """<View><Image name="img" value="$image"/><Rectangle name="rect" toName="img"/>
        <Labels name="what" toName="img"><Label value="Car"/></Labels></View>"""
    )
    place = {"x": 0, "y": 0, "width": 10, "height": 10, "rotation": 0}
    answer = own.read(
        [
            {"id": "a", "from_name": "rect", "type": "rectangle", "value": place},
            {
                "id": "a",
                "from_name": "what",
                "type": "labels",
                "value": {**place, "labels": ["Car"]},
            },
        ],
        {},
    )
    assert [(mark.control, mark.label) for mark in answer] == [("rect", "Car")]


DIALOGUE = """<View>
<ParagraphLabels name="ner" toName="talk"><Label value="Name"/></ParagraphLabels>
<Paragraphs name="talk" value="$turns" nameKey="who" textKey="says"/>
<Relations><Relation value="knows"/></Relations></View>"""
TURNS = {
    "turns": [{"who": "A", "says": "I am Maria"}, {"who": "B", "says": "Hello Maria, I am Tom"}]
}


def named(key: str, turn: int, start: int, end: int) -> Json:
    return {
        "id": key,
        "from_name": "ner",
        "to_name": "talk",
        "type": "paragraphlabels",
        "value": {
            "start": str(turn),
            "end": str(turn),
            "startOffset": start,
            "endOffset": end,
            "paragraphlabels": ["Name"],
        },
    }


def relation(one: str, other: str, way: str = "right") -> Json:
    return {
        "type": "relation",
        "from_id": one,
        "to_id": other,
        "direction": way,
        "labels": ["knows"],
    }


def test_turns_of_a_dialogue_are_lines_of_one_text() -> None:
    own = scheme(DIALOGUE)
    answer = own.read([named("a", 1, 18, 21)], TURNS)
    assert own.text(TURNS) == "I am Maria\nHello Maria, I am Tom"
    assert answer == (Mark("ner", "Name", 29, 32),)
    assert answer[0].words == "Tom"


def test_relations_join_regions_whatever_they_are_called() -> None:
    own = scheme(DIALOGUE)
    regions = [named("a", 0, 5, 10), named("b", 1, 18, 21)]
    ours = own.read([*regions, relation("b", "a")], TURNS)
    theirs = own.read(
        [named("x", 1, 18, 21), named("y", 0, 5, 10), relation("y", "x", "left")], TURNS
    )
    assert own.compare(ours, theirs).agreement == 1
    turned = own.read([*regions, relation("a", "b")], TURNS)
    outcome = own.compare(ours, turned)
    assert outcome.agreement == 0.5  # both names are right, who knows whom is not
    kinds = sorted(d.kind for d in outcome.differences)
    assert kinds == ["missed", "same", "same", "spurious"]


def test_an_answer_of_every_form_survives_storage() -> None:
    own = scheme(DIALOGUE)
    answer = own.read([named("a", 0, 5, 10), named("b", 1, 18, 21), relation("b", "a")], TURNS)
    assert answer_from_json(answer_to_json(answer)) == answer
    picture = scheme(PICTURE)
    drawn = picture.read(
        [box("a", "Car", 0, 0, 9, 9, rotation=12), said("a", "colour", "choices", ["Red"])], {}
    )
    assert answer_from_json(answer_to_json(drawn)) == drawn


def test_an_old_row_is_still_an_answer() -> None:
    row = {"control": "details", "label": "Person", "start": 3, "end": 8}
    assert answer_from_json([row]) == (Mark("details", "Person", 3, 8),)
    assert answer_to_json((Mark("details", "Person", 3, 8),)) == [row]


def test_html_is_counted_as_its_text() -> None:
    own = scheme(
        """<View><HyperTextLabels name="ner" toName="page"><Label value="Name"/></HyperTextLabels>
        <HyperText name="page" value="$html"/></View>"""
    )
    data = {"html": "<p>Dear <b>Maria</b> &amp; Tom,<br>see you</p>"}
    region = {
        "id": "a",
        "from_name": "ner",
        "type": "hypertextlabels",
        "value": {
            "start": "/p[1]/b[1]/text()[1]",
            "end": "/p[1]/b[1]/text()[1]",
            "startOffset": 0,
            "endOffset": 5,
            "globalOffsets": {"start": 5, "end": 10},
            "hypertextlabels": ["Name"],
        },
    }
    assert own.read([region], data)[0].words == "Maria"


@pytest.mark.parametrize("tag", ["BrushLabels", "TimeSeriesLabels", "MagicWand"])
def test_what_cannot_be_compared_is_refused_by_name(tag: str) -> None:
    config = f"""<View><Image name="img" value="$image"/><{tag} name="mask" toName="img"/>
        <Rating name="stars" toName="img"/></View>"""
    with pytest.raises(BadInput, match=f"mask: <{tag}> cannot be compared"):
        scheme(config).check()
    scheme(config, weights={"mask": 0}).check()


def test_a_policy_about_what_is_not_there_is_refused() -> None:
    with pytest.raises(BadInput, match="nobody"):
        scheme(PICTURE, weights={"nobody": 2}).check()
    with pytest.raises(BadInput, match="cannot compare"):
        scheme(PICTURE, metrics={"box": "texts"}).check()
    with pytest.raises(BadInput, match="nothing that could be compared"):
        scheme("<View><Text name='t' value='$t'/></View>").check()


def test_other_controls_of_a_kind_s_config_are_compared_too() -> None:
    kind = registry.load("intent")
    config = kind.label_config.replace(
        "</Choices>", '</Choices><TextArea name="why" toName="message"/>', 1
    )
    own = schemes.of_kind(kind, config)
    choice = {"from_name": "intent", "type": "choices", "value": {"choices": ["Cancel"]}}
    why = {"from_name": "why", "type": "textarea", "value": {"text": ["abcd"]}}
    other = {"from_name": "why", "type": "textarea", "value": {"text": ["abcx"]}}
    ours, theirs = own.read([choice, why], {}), own.read([choice, other], {})
    assert own.compare(ours, theirs).agreement == pytest.approx((1 + 0.75) / 2)
    assert own.compare(own.read([choice], {}), own.read([choice], {})).agreement == 1


ODD: list[object] = [
    None,
    7,
    {},
    {"from_name": "box"},
    {"from_name": ["box"], "value": {}},
    {"from_name": "box", "value": {"x": "1", "y": None, "width": 3, "height": True}},
    {"from_name": "box", "value": {"points": [[1]]}, "id": {"a": 1}},
    {"from_name": "colour", "value": {"choices": [None, 3]}},
    {"from_name": "light", "value": {"rating": float("nan")}},
    {"type": "relation", "from_id": None, "to_id": 3},
]


@pytest.mark.parametrize("region", ODD, ids=range(len(ODD)))
def test_what_cannot_be_read_is_left_out(region: object) -> None:
    assert scheme(PICTURE).read([region], {}) == ()
