"""Every form of answer goes through a real Label Studio, as its editor writes it, and is read."""

from __future__ import annotations

from typing import Any

import pytest

from projects import scheme as schemes
from projects.kit.label_studio import LabelStudioWriter
from projects.policy import Policy
from projects.vocabulary import Json, Mark, Shape, answer_from_json, answer_to_json

pytestmark = pytest.mark.live

PICTURE = '<Image name="it" value="$image"/>'
DATA: Json = {
    "image": "https://pictures.example/1.png",
    "sound": "https://pictures.example/1.wav",
    "film": "https://pictures.example/1.mp4",
    "text": "I am Maria, call me",
    "page": "<p>Dear <b>Maria</b>,</p>",
    "turns": [{"author": "A", "text": "Hello"}, {"author": "B", "text": "I am Maria"}],
    "things": [{"id": "a", "title": "A"}, {"id": "b", "title": "B"}],
}
LABEL = '<Label value="Car"/>'
PLACE = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0}
CORNERS = ((10.0, 20.0), (40.0, 20.0), (40.0, 60.0), (10.0, 60.0))
TRIANGLE = [[1, 1], [9, 1], [5, 8]]


def drawn(tag: str, value: Json) -> tuple[str, list[Json]]:
    config = f'<View>{PICTURE}<{tag} name="mark" toName="it">{LABEL}</{tag}></View>'
    return config, [
        one(tag, value | {tag.lower(): ["Car"]}, original_width=200, original_height=100)
    ]


def one(tag: str, value: Json, **more: Any) -> Json:
    row = {"id": "r1", "from_name": "mark", "to_name": "it", "type": tag.lower(), "value": value}
    return row | more


def about_text(tag: str, shown: str, value: Json, inside: str = "") -> tuple[str, list[Json]]:
    config = f'<View>{shown}<{tag} name="mark" toName="it">{inside}</{tag}></View>'
    return config, [one(tag, value)]


TEXT = '<Text name="it" value="$text"/>'
BOX = Shape("rectangle", CORNERS)
CHOICE = '<Choice value="Yes"/>'
XPATH = "/p[1]/b[1]/text()[1]"
KEY = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0, "time": 0.04, "enabled": True}
CASES: dict[str, tuple[tuple[str, list[Json]], Mark]] = {
    "rectangle": (drawn("RectangleLabels", PLACE), Mark("mark", "Car", shape=BOX)),
    "polygon": (
        drawn("PolygonLabels", {"points": TRIANGLE, "closed": True}),
        Mark("mark", "Car", shape=Shape("polygon", ((1, 1), (9, 1), (5, 8)))),
    ),
    "point": (
        drawn("KeyPointLabels", {"x": 3, "y": 4, "width": 0.5}),
        Mark("mark", "Car", shape=Shape("point", ((3, 4),))),
    ),
    "span": (
        about_text(
            "Labels", TEXT, {"start": 5, "end": 10, "text": "Maria", "labels": ["Car"]}, LABEL
        ),
        Mark("mark", "Car", 5, 10),
    ),
    "html": (
        about_text(
            "HyperTextLabels",
            '<HyperText name="it" value="$page"/>',
            {
                "start": XPATH,
                "end": XPATH,
                "startOffset": 0,
                "endOffset": 5,
                "globalOffsets": {"start": 5, "end": 10},
                "text": "Maria",
                "hypertextlabels": ["Car"],
            },
            LABEL,
        ),
        Mark("mark", "Car", 5, 10),
    ),
    "dialogue": (
        about_text(
            "ParagraphLabels",
            '<Paragraphs name="it" value="$turns"/>',
            {
                "start": "1",
                "end": "1",
                "startOffset": 5,
                "endOffset": 10,
                "text": "Maria",
                "paragraphlabels": ["Car"],
            },
            LABEL,
        ),
        Mark("mark", "Car", 11, 16),
    ),
    "sound": (
        about_text(
            "Labels",
            '<Audio name="it" value="$sound"/>',
            {"start": 1.5, "end": 3, "channel": 0, "labels": ["Car"]},
            LABEL,
        ),
        Mark("mark", "Car", shape=Shape("seconds", ((1.5, 3),))),
    ),
    "timeline": (
        about_text(
            "TimelineLabels",
            '<Video name="it" value="$film"/>',
            {"ranges": [{"start": 2, "end": 9}], "timelinelabels": ["Car"]},
            LABEL,
        ),
        Mark("mark", "Car", shape=Shape("frames", ((2, 10),))),
    ),
    "track": (
        (
            f'<View><Video name="it" value="$film"/><VideoRectangle name="mark" toName="it"/>'
            f'<Labels name="what" toName="it">{LABEL}</Labels></View>',
            [
                one(
                    "VideoRectangle",
                    {
                        "framesCount": 10,
                        "duration": 0.4,
                        "sequence": [KEY | {"frame": 1}, KEY | {"frame": 9, "enabled": False}],
                        "labels": ["Car"],
                    },
                )
            ],
        ),
        Mark(
            "mark",
            "Car",
            shape=Shape("track", ((1, 10, 20, 30, 40, 1), (9, 10, 20, 30, 40, 0))),
        ),
    ),
    "choices": (
        about_text("Choices", TEXT, {"choices": ["Yes"]}, CHOICE),
        Mark("mark", "Yes"),
    ),
    "taxonomy": (
        about_text("Taxonomy", TEXT, {"taxonomy": [["Yes", "Sure"]]}, '<Choice value="Yes"/>'),
        Mark("mark", "Yes > Sure"),
    ),
    "rating": (about_text("Rating", TEXT, {"rating": 4}), Mark("mark", "4")),
    "number": (about_text("Number", TEXT, {"number": 2.5}), Mark("mark", "2.5")),
    "date": (about_text("DateTime", TEXT, {"datetime": "2026-11-26"}), Mark("mark", "2026-11-26")),
    "text": (about_text("TextArea", TEXT, {"text": ["call  her"]}), Mark("mark", "call her")),
    "order": (
        about_text(
            "Ranker",
            '<List name="it" value="$things" title="T"/>',
            {"ranker": {"mark": ["b", "a"]}},
        ),
        Mark("mark", "b > a"),
    ),
    "pair": (
        (
            '<View><Text name="it" value="$text"/><Text name="other" value="$text"/>'
            '<Pairwise name="mark" toName="it,other"/></View>',
            [one("Pairwise", {"selected": "left"})],
        ),
        Mark("mark", "left"),
    ),
    "attribute": (
        (
            f'<View>{PICTURE}<Rectangle name="mark" toName="it"/>'
            f'<Labels name="what" toName="it">{LABEL}</Labels>'
            f'<Choices name="ok" toName="it" perRegion="true">{CHOICE}</Choices></View>',
            [
                one("Rectangle", PLACE),
                one("Labels", PLACE | {"labels": ["Car"]}, from_name="what"),
                one("Choices", PLACE | {"choices": ["Yes"]}, from_name="ok"),
            ],
        ),
        Mark("mark", "Car", attributes=(("ok", "Yes"),), shape=BOX),
    ),
}


@pytest.mark.parametrize("form", CASES)
def test_what_the_editor_writes_is_read(form: str, live_production: LabelStudioWriter) -> None:
    (config, regions), expected = CASES[form]
    project = live_production.create_project(f"Tag {form}", label_config=config)
    (task,) = live_production.import_tasks(project.id, [{"data": DATA}])
    live_production.create_annotation(task, regions)
    scheme = schemes.of_config("any", live_production.project(project.id).label_config, Policy())
    scheme.check()
    (stored,) = live_production.annotations(task)
    answer = scheme.read(stored.regions, live_production.task(task).data)
    assert answer == (expected,)
    assert answer_from_json(answer_to_json(answer)) == answer
    assert scheme.compare(answer, answer).agreement == 1


def test_relations_are_read(live_production: LabelStudioWriter) -> None:
    config = f"""<View>{TEXT}<Labels name="mark" toName="it">{LABEL}</Labels>
        <Relations><Relation value="knows"/></Relations></View>"""
    project = live_production.create_project("Tag relations", label_config=config)
    (task,) = live_production.import_tasks(project.id, [{"data": DATA}])
    ends = [(0, 1, "a"), (5, 10, "b")]
    rows = [
        one("Labels", {"start": s, "end": e, "text": "", "labels": ["Car"]}, id=key)
        for s, e, key in ends
    ]
    joined = {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"}
    live_production.create_annotation(task, [*rows, joined | {"labels": ["knows"]}])
    (stored,) = live_production.annotations(task)
    answer = schemes.of_config("any", config, Policy()).read(stored.regions, DATA)
    assert answer[-1] == Mark("relations", "knows", ends=(answer[0], answer[1]))
