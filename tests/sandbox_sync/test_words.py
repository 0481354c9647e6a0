"""Every form of mark in plain sentences, and both answers side by side."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from projects import scheme as schemes
from projects.agreement.base import Difference, DifferenceKind
from projects.policy import Policy
from projects.vocabulary import Mark, Shape
from sandbox_sync import feedback, showing, words
from tests.contracts.marks import MARKS


def box(label: str, x: float, y: float, width: float, height: float) -> Mark:
    corners = ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
    return Mark("box", label, shape=Shape("rectangle", corners))


def heard(label: str, start: float, end: float) -> Mark:
    return Mark("sound", label, shape=Shape("seconds", ((start, end),)))


def point(x: float, y: float) -> Mark:
    return Mark("eye", "Eye", shape=Shape("point", ((x, y),)))


def span(start: int, end: int, says: str) -> Mark:
    return Mark("ner", "Name", start, end, words=says)


def said(label: str, control: str = "topic", item: str = "") -> Mark:
    return Mark(control, label, item=item)


RED, BLUE = (("colour", "Red"),), (("colour", "Blue"),)
TAGS = {"topic": "Choices", "note": "TextArea", "rank": "Ranker", "stars": "Rating"}
CAR = box("Car", 0, 0, 40, 15)  # 6% of the picture
CASES: list[tuple[DifferenceKind, Mark | None, Mark | None, str]] = [
    (
        "boundary",
        box("Car", 0, 0, 40, 30),
        box("Car", 0, 0, 40, 15),
        "You marked Car at the top left, 6% of the picture; the reference has it larger, "
        "at the top left, 12% of the picture: 50% overlap.",
    ),
    ("missed", CAR, None, "You missed Car at the top left, 6% of the picture."),
    ("spurious", None, heard("Cough", 12, 75.5), "Only you have Cough 0:12 to 1:15.5."),
    (
        "boundary",
        heard("Cough", 10, 20),
        heard("Cough", 10, 15),
        "You marked Cough 0:10 to 0:15; the reference marks 0:10 to 0:20: 50% overlap.",
    ),
    (
        "wrong label",
        heard("Sneeze", 10, 20),
        heard("Cough", 10, 20),
        "You marked Cough 0:10 to 0:20; the reference marks it Sneeze 0:10 to 0:20: 100% overlap.",
    ),
    (
        "boundary",
        point(10, 10),
        point(13, 14),
        "You marked Eye at 13% from the left and 14% from the top; the reference marks "
        "at 10% from the left and 10% from the top: 5% of the picture apart.",
    ),
    (
        "wrong attribute",
        Mark("box", "Car", shape=CAR.shape, attributes=RED),
        Mark("box", "Car", shape=CAR.shape, attributes=BLUE),
        "Car at the top left, 6% of the picture: you said colour Blue; "
        "the reference says colour Red.",
    ),
    (
        "wrong label",
        said("Billing"),
        said("Other"),
        "topic: You chose Other; the reference answer is Billing.",
    ),
    (
        "wrong label",
        said("call her", "note"),
        said("call him", "note"),
        "note: You wrote “call him”; the reference answer is “call her”.",
    ),
    (
        "wrong label",
        said("b > a", "rank"),
        said("a > b", "rank"),
        "rank: You chose the order a, b; the reference answer is b, a.",
    ),
    (
        "wrong label",
        said("4", "stars"),
        said("2", "stars"),
        "stars: You answered 2; the reference answer is 4.",
    ),
    (
        "missed",
        Mark("relations", "knows", ends=(span(0, 3, "Tom"), span(9, 14, "Maria"))),
        None,
        "You missed knows “Tom” → “Maria”.",
    ),
    ("same", said("x", item="1"), said("x", item="1"), "Page 2: topic: Both: x."),
]


@pytest.mark.parametrize(("kind", "ours", "theirs", "words"), CASES, ids=range(len(CASES)))
def test_a_difference_is_a_plain_sentence(
    kind: DifferenceKind, ours: Mark | None, theirs: Mark | None, words: str
) -> None:
    (line,) = feedback.describe("", [Difference(kind, ours, theirs)], tags=TAGS)
    assert line.words == words
    assert line.sign


@settings(max_examples=100)
@given(one=MARKS, other=MARKS)
def test_every_pair_of_marks_has_a_name_and_a_sentence(one: Mark, other: Mark) -> None:
    assert words.name_mark("Dear Maria, see you", one)
    for kind in ("same", "boundary", "wrong label", "wrong attribute"):
        (line,) = feedback.describe("Dear Maria", [Difference(kind, one, other)], who="Ada")
        assert line.words.endswith(".")


CONFIG = """<View><Image name="img" value="$image"/><Text name="mail" value="$mail"/>
<RectangleLabels name="box" toName="img"><Label value="Car"/></RectangleLabels>
<Choices name="topic" toName="mail"><Choice value="Billing"/></Choices></View>"""
SOUND = """<View><Audio name="sound" value="$a"/>
<Labels name="what" toName="sound"><Label value="Cough"/></Labels></View>"""


def test_shapes_are_drawn_and_the_rest_is_listed() -> None:
    scheme = schemes.of_config("project-7", CONFIG, Policy())
    data = {"image": "https://pictures.example/1.png", "mail": "The bill is wrong."}
    marks = [(CAR, "same"), (said("Billing"), "missed")]
    drawn, rest = showing.parts(scheme, data, marks, marks)
    assert [(d.number, d.points) for d in drawn.drawings] == [
        (1, "0.00,0.00 40.00,0.00 40.00,15.00 0.00,15.00")
    ]
    assert rest.said == (("missed", "topic: Billing"),)
    assert showing.messages(scheme, data) == [("The message", "The bill is wrong.")]
    elsewhere = "https://pictures.example/1.png"
    assert showing.media(scheme, data, bool) == [showing.Media("img", elsewhere)]
    assert showing.media(scheme, {"image": "javascript:alert(1)"}, bool) == []


def test_only_a_file_that_was_kept_is_shown_and_drawn_on() -> None:
    scheme = schemes.of_config("project-7", CONFIG, Policy())
    name = f"{'0a' * 32}.png"
    data = {"image": f"https://practice.example/understudy/media/{name}", "mail": ""}
    marks = [(CAR, "same")]
    (kept,) = showing.media(scheme, data, {name}.__contains__)
    assert (kept.address, kept.player, kept.is_drawn_on) == (f"/media/{name}", "picture", True)
    assert showing.parts(scheme, data, marks, marks, [kept])[0].picture == f"/media/{name}"
    (gone,) = showing.media(scheme, data, set[str]().__contains__)
    assert gone == showing.Media("img", data["image"])
    assert showing.parts(scheme, data, marks, marks, [gone])[0].picture == ""


def test_a_kept_recording_is_played() -> None:
    scheme = schemes.of_config("project-7", SOUND, Policy())
    name = f"{'0a' * 32}.mp3"
    data = {"a": f"http://practice.example/media/{name}"}
    (kept,) = showing.media(scheme, data, {name}.__contains__)
    assert kept == showing.Media("sound", f"/media/{name}", "audio")


def test_time_is_drawn_on_one_scale_for_both() -> None:
    scheme = schemes.of_config("project-7", SOUND, Policy())
    own = [(Mark("what", "Cough", shape=Shape("seconds", ((0, 10),))), "boundary")]
    theirs = [(Mark("what", "Cough", shape=Shape("seconds", ((0, 20),))), "boundary")]
    (part,) = showing.parts(scheme, {}, own, [*own, *theirs])
    assert [(bar.start, bar.length) for bar in part.bars] == [(0, 200)]
    assert part.length == "0:20"
