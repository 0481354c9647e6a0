"""Huge, empty and strange texts, all the way: /predict, webhook, store, training, publication."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend_ml import digesting, events, learners, publishing
from backend_ml.features import Span, spans_to_tags, tags_to_spans, tokenize
from backend_ml.learners.base import LearnerFile
from backend_ml.tables import Event, LabelRow, TaskRow
from projects.forms.base import MOST_MARKS
from projects.kinds import registry
from projects.kinds.base import Kind
from projects.kit import discovery
from projects.kit.database import transaction
from projects.kit.text import storable
from projects.vocabulary import Mark, as_answer
from tests.abuse import seeds
from tests.abuse.conftest import DETAILS, INTENT
from tests.backend_ml.conftest import Desk
from tests.support import kinds

MakeDesk = Callable[..., Desk]
STRANGE = {
    "empty": "",
    "white": " \t\n\u00a0\u2003 ",
    "emoji": "😀😀 Meet Maria 👩‍👩‍👧 on Friday 🇫🇷",
    "right to left": "נפגש עם Maria ביום שישי \u202eabc\u202c",
    "combining": "e\u0301" * 40 + " Zo\u0308e tomorrow",
    "beyond": "\U0001d4b2\U0001d4bd \U0010ffff 𠜎𠜱 Monday",
    "halves": "call \ud83d Bo \udc00 tomorrow",
    "nul": "call\x00Bo tomorrow",
    "one word": "x" * 100_000,
    "many words": "please call Bo tomorrow 😀 " * 2_000,
    "no words": "!?…—" * 500,
    "control": "\x01\x02\x1b[31m\x7f\x85\u2028\u2029",
}
MEGABYTE = "please cancel the call with Bo tomorrow 😀 " * 25_000
FILES = {
    name: cast(LearnerFile, discovery.load(learners, name)) for name in discovery.names(learners)
}
CASES = [(name, form) for name, file in FILES.items() for form in file.FORMS]


@pytest.mark.parametrize("project", [INTENT, DETAILS])
def test_predict_takes_any_text(client: TestClient, project: int) -> None:
    kind = registry.load("intent" if project == INTENT else "details")
    texts = [*STRANGE.values(), MEGABYTE]
    tasks = [{"id": number, "data": {"text": text}} for number, text in enumerate(texts)]
    body = {"tasks": tasks, "project": f"{project}.1", "label_config": kind.label_config}
    answer = client.post("/predict", content=seeds.as_bytes(body))
    assert answer.status_code == 200
    for text, item in zip(texts, answer.json()["results"], strict=True):
        for region in item["result"] if item else ():
            value = region["value"]
            if "start" in value:
                assert value["text"] == storable(text)[value["start"] : value["end"]]
    assert answer.json()["results"][0] == []
    metrics = client.get("/metrics").text.splitlines()
    assert [line for line in metrics if "failures_total{" in line] == []


def told(kind: Kind, number: int, text: str, marks: list[Mark]) -> dict[str, Any]:
    """The webhook of an annotation."""
    result = kind.write(as_answer(marks), {"text": text})
    annotation = seeds.annotation(number) | {"task": number, "result": result, "prediction": {}}
    return seeds.heard(
        "ANNOTATION_CREATED",
        annotation=annotation,
        task=seeds.task(number) | {"data": {"text": text}},
    )


def first_mark(kind: Kind, text: str) -> list[Mark]:
    """Some label: of a span, of the last word."""
    if kind.form == "choice":
        return [Mark(kind.control, kind.labels[0])]
    start = len(text.rstrip()) - len(text.split()[-1]) if text.split() else 0
    return [Mark(kind.control, kind.labels[0], start, len(text.rstrip()))] if text.split() else []


@pytest.mark.parametrize("name", ["intent", "details"])
def test_every_text_can_be_stored_learned_and_published(
    make_desk: MakeDesk, name: str, database_url: str
) -> None:
    desk = make_desk(name, tasks=60, database_url=database_url)
    texts = [text for key, text in STRANGE.items() if key not in ("nul", "halves")]
    rows = [{"data": {"text": text, "heading": "", "context": ""}} for text in texts]
    desk.workshop.studio.import_tasks(desk.project_id, rows)
    for number, text in enumerate([*STRANGE.values(), MEGABYTE], 900):
        body = told(desk.kind, number, storable(text), first_mark(desk.kind, storable(text)))
        body["project"]["id"] = desk.project_id
        heard = events.read(body, desk.kind)
        assert heard is not None
        with transaction(desk.workshop.sessions) as session:
            assert events.record_once(session, heard, now=desk.clock())
    digesting.digest(desk.workshop, desk.project_id)
    with transaction(desk.workshop.sessions) as session:
        assert session.scalars(sa.select(Event.error).where(Event.handled_at.is_(None))).all() == []
        found = session.execute(sa.select(TaskRow.task_id, TaskRow.text))
        kept = {number: text for number, text in found}
        for row in session.scalars(sa.select(LabelRow)):
            for mark in row.answer:
                assert mark["end"] is None or mark["end"] <= len(kept[row.task_id])
    assert [kept[number] for number in range(900, 900 + len(STRANGE))] == [
        storable(text) for text in STRANGE.values()
    ]
    desk.answer(40)
    desk.hear()
    assert desk.train("strange") is not None
    assert publishing.publish(desk.workshop, desk.project_id) > 0


@pytest.mark.parametrize(("name", "form"), CASES, ids=lambda value: str(value))
def test_every_learner_takes_any_text(name: str, form: str, tmp_path: Path) -> None:
    kind = kinds.kind_of(form, learner=name)
    texts, answers = kinds.corpus(form, 40)
    learner = FILES[name].new(kind)
    learner.fit(texts, answers, seed=0)
    strange = [storable(text) for text in STRANGE.values()]
    for text, guess in zip(strange, learner.predict(strange).items, strict=True):
        if guess is not None:
            regions = kind.write(guess.answer, {"text": text}, guess.mark_confidences)
            assert kind.read(regions, {"text": text}) == guess.answer[:MOST_MARKS]


ANY_TEXT = st.text(
    st.characters(codec="utf-8") | st.sampled_from("ab \n😀🇫🇷\u0301\u202e\u200d\U0010ffff𠜎"),
    max_size=60,
)


@st.composite
def marked(draw: st.DrawFn) -> tuple[str, list[Mark]]:
    """A text and labelled stretches of it."""
    text = draw(ANY_TEXT.filter(bool))
    place = st.tuples(st.integers(0, len(text) - 1), st.integers(1, len(text)))
    ends = draw(st.lists(place.filter(lambda pair: pair[0] < pair[1]), max_size=4, unique=True))
    return text, [Mark("details", "Person", start, end) for start, end in ends]


@settings(suppress_health_check=list(HealthCheck), derandomize=True, deadline=None)
@given(row=marked())
def test_spans_survive_the_json_of_label_studio(row: tuple[str, list[Mark]]) -> None:
    kind, (text, marks) = registry.load("details"), row
    data, answer = {"text": text}, as_answer(marks)
    regions = kind.write(answer, data)
    marked_texts = [text[mark.start : mark.end] for mark in answer]
    assert [region["value"]["text"] for region in regions] == marked_texts
    sent = seeds.as_bytes(regions)
    assert kind.read(json.loads(sent), json.loads(seeds.as_bytes(data))) == answer


@settings(suppress_health_check=list(HealthCheck), derandomize=True, deadline=None)
@given(row=marked())
def test_spans_survive_the_words_of_a_learner(row: tuple[str, list[Mark]]) -> None:
    """Each comes back as the words that it touches, however the characters are counted."""
    text, marks = row
    words = tokenize(text)
    assert all(text[word.start : word.end] == word.text for word in words)
    for mark in marks:
        span = Span(mark.start or 0, mark.end or 0, mark.label)
        touched = [word for word in words if word.start < span.end and span.start < word.end]
        found = tags_to_spans(words, spans_to_tags(words, [span]))
        expected = [Span(touched[0].start, touched[-1].end, mark.label)] if touched else []
        assert found == expected


@given(text=st.text(st.characters() | st.sampled_from("\x00\ud800\udfff😀"), max_size=50))
def test_storable_text_keeps_every_place(text: str) -> None:
    kept = storable(text)
    assert len(kept) == len(text)
    assert storable(kept) == kept
    assert "\x00" not in kept
    assert kept.encode("utf-8").decode("utf-8") == kept
    assert all(a == b for a, b in zip(text, kept, strict=True) if b != "\ufffd")
