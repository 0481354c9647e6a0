"""Exports: what is written is what is there, whole, and nothing goes missing in silence."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import spacy
from spacy.tokens import Doc, DocBin
from sqlalchemy.orm import Session

from backend_ml import exporting
from backend_ml.exporting import Labelled
from projects.kinds.base import Kind
from projects.kit.errors import BadInput, UnknownName
from projects.vocabulary import Answer, Mark, as_answer
from tests.backend_ml import paper
from tests.support.kinds import ATTRIBUTE, CONTROL, corpus, kind_of

FORMS = ("choice", "choices", "taxonomy", "spans", "span_choices", "number")
WHEN = datetime(2026, 3, 1, 9, 0, 0, 250_000, tzinfo=UTC)
SPANS = kind_of("spans")


def labelled(task_id: int, text: str, answer: Answer, **more: object) -> Labelled:
    values: dict[str, object] = {
        "annotation_id": task_id, "annotator": 4, "created_at": WHEN, "updated_at": WHEN,
        "lead_time_seconds": 3.5, "ground_truth": False, "arm": "random", "outcome": "accepted",
        "suggested_version": "v-1", "suggested_confidence": 0.75, "suggested": answer,
        "suggestion_estimated": False,
    }  # fmt: skip
    return Labelled(task_id, text, answer, **(values | more))  # type: ignore[arg-type]


def of_form(form: str, count: int = 12) -> list[Labelled]:
    texts, answers = corpus(form, count)
    rows = [labelled(n, text, a) for n, (text, a) in enumerate(zip(texts, answers, strict=True), 1)]
    bare = labelled(
        99, 'Zoë said "hi, 😀"\nand, left', (), annotator=None, lead_time_seconds=None,
        suggested=None, suggested_version=None, suggested_confidence=None, outcome="unaided",
    )  # fmt: skip
    return [*rows, bare]


@pytest.mark.parametrize("form", FORMS)
def test_jsonl_comes_back_as_it_went(form: str, tmp_path: Path) -> None:
    rows, path = of_form(form), tmp_path / "labels.jsonl"
    assert exporting.write(rows, kind_of(form), path, "jsonl").labels == 13
    lines = path.read_text("utf-8").splitlines()
    assert [exporting.from_json(json.loads(line)) for line in lines] == rows


@pytest.mark.parametrize("form", FORMS)
def test_parquet_comes_back_as_it_went(form: str, tmp_path: Path) -> None:
    rows, path = of_form(form), tmp_path / "labels.parquet"
    exporting.write(rows, kind_of(form), path, "parquet")
    found = pd.read_parquet(path)
    assert found["text"].tolist() == [row.text for row in rows]
    assert [tuple(one) for one in found["labels"]] == [
        tuple(mark.label for mark in row.answer) for row in rows
    ]
    assert [tuple(map(tuple, _marks(one))) for one in found["answer"]] == [
        tuple((m.control, m.label, m.start, m.end) for m in row.answer) for row in rows
    ]
    assert found["created_at"].tolist() == [row.created_at for row in rows]
    assert found["annotator"].isna().tolist() == [False] * 12 + [True]
    assert found["annotator"].tolist()[:2] == [4, 4]


def _marks(text: str) -> list[list[object]]:
    return [[m["control"], m["label"], m["start"], m["end"]] for m in json.loads(text)]


def test_csv_comes_back_with_commas_quotes_and_line_ends(tmp_path: Path) -> None:
    rows, path = of_form("choices"), tmp_path / "labels.csv"
    exporting.write(rows, kind_of("choices"), path, "csv")
    found = pd.read_csv(path, keep_default_na=False)
    assert found["text"].tolist() == [row.text for row in rows]
    assert found["labels"].tolist() == ["|".join(m.label for m in row.answer) for row in rows]


def docs(path: Path) -> Sequence[Doc]:
    words = spacy.blank("en")
    return list(DocBin().from_disk(path).get_docs(words.vocab))


def test_spacy_has_the_spans_of_the_answer(tmp_path: Path) -> None:
    rows, path = of_form("spans"), tmp_path / "labels.spacy"
    written = exporting.write(rows, SPANS, path, "spacy")
    found = docs(path)
    assert [doc.text for doc in found] == [row.text for row in rows]
    for doc, row in zip(found, rows, strict=True):
        wanted = {(m.start, m.end, m.label) for m in row.answer}
        assert {(s.start_char, s.end_char, s.label_) for s in doc.spans["sc"]} == wanted
        assert {(s.start_char, s.end_char, s.label_) for s in doc.ents} == wanted
        assert doc.user_data["task_id"] == row.task_id
    assert (written.misaligned, written.lost, written.overlapping) == ((), (), ())


def test_spacy_tells_of_spans_that_do_not_fit_its_words(tmp_path: Path) -> None:
    text = "Meet Maria   on Monday"
    row = labelled(
        7,
        text,
        as_answer(
            [
                Mark(CONTROL, "Person", 5, 8),  # "Mar": half a word, moved outwards
                Mark(CONTROL, "Date", 16, 22),  # "Monday"
                Mark(CONTROL, "Date", 13, 22),  # "on Monday": overlaps it
                Mark(CONTROL, "Date", 11, 12),  # white space only
            ]
        ),
    )
    path = tmp_path / "labels.spacy"
    written = exporting.write([row], SPANS, path, "spacy")
    assert written.misaligned == ((7, "Person"),)
    assert written.lost == ((7, "Date"),)
    assert written.overlapping == (7,)
    (doc,) = docs(path)
    assert [(s.text, s.label_) for s in doc.spans["sc"]] == [
        ("Maria", "Person"), ("on Monday", "Date"), ("Monday", "Date"),
    ]  # fmt: skip
    assert [ent.text for ent in doc.ents] == ["Maria", "on Monday"]


@pytest.mark.parametrize("form", ["choice", "choices", "taxonomy"])
def test_spacy_has_every_choice_as_a_category(form: str, tmp_path: Path) -> None:
    kind, rows, path = kind_of(form), of_form(form), tmp_path / "labels.spacy"
    exporting.write(rows, kind, path, "spacy")
    for doc, row in zip(docs(path), rows, strict=True):
        assert set(doc.cats) == set(kind.labels) | {m.label for m in row.answer}
        assert {name for name, value in doc.cats.items() if value == 1.0} == {
            mark.label for mark in row.answer
        }


def test_spacy_keeps_what_is_chosen_for_a_span_out_of_the_spans(tmp_path: Path) -> None:
    answer = as_answer([Mark(CONTROL, "Person", 0, 5), Mark(ATTRIBUTE, "Sure", 0, 5)])
    path = tmp_path / "labels.spacy"
    exporting.write([labelled(1, "Maria", answer)], kind_of("span_choices"), path, "spacy")
    (doc,) = docs(path)
    assert [span.label_ for span in doc.spans["sc"]] == ["Person"]


def test_a_file_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    rows, path = of_form("choice"), tmp_path / "labels.jsonl"
    path.write_text("precious")
    with pytest.raises(exporting.FileIsThere, match="--force"):
        exporting.write(rows, kind_of("choice"), path, "jsonl")
    assert path.read_text() == "precious"
    exporting.write(rows, kind_of("choice"), path, "jsonl", force=True)
    assert len(path.read_text("utf-8").splitlines()) == 13


def test_an_export_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_rows: Sequence[Labelled], _kind: Kind, path: Path) -> exporting.Written:
        path.write_text("half")
        raise OSError("the disk is full")

    monkeypatch.setitem(exporting.FORMATS, "jsonl", fail)
    path = tmp_path / "labels.jsonl"
    path.write_text("precious")
    with pytest.raises(OSError, match="full"):
        exporting.write(of_form("choice"), kind_of("choice"), path, "jsonl", force=True)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [
        ("labels.jsonl", "precious")
    ]


def test_only_the_owner_can_read_an_export(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    exporting.write(of_form("choice"), kind_of("choice"), path, "jsonl")
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    rows, kind = of_form("choice"), kind_of("choice")
    with pytest.raises(UnknownName, match="jsonl, spacy, parquet, csv"):
        exporting.write(rows, kind, tmp_path / "x", "xml")
    with pytest.raises(exporting.NothingToExport):
        exporting.write([], kind, tmp_path / "x", "csv")
    with pytest.raises(BadInput, match="it is a folder"):
        exporting.write(rows, kind, tmp_path, "csv")
    with pytest.raises(BadInput, match="no such folder"):
        exporting.write(rows, kind, tmp_path / "a" / "b", "csv")


def test_labels_come_with_what_is_known_of_them(session: Session) -> None:
    answer, other = (Mark(CONTROL, "a"),), (Mark(CONTROL, "b"),)
    for number, text in ((2, "second"), (1, "first")):
        paper.task(session, number, text)
    paper.label(session, 2, answer, suggested=other, confidence=0.5)
    paper.label(session, 1, answer, project=1)
    paper.task(session, 3, "of another project", project=2)
    paper.label(session, 3, answer, project=2)
    session.flush()
    first, second = exporting.labelled(session, 1)
    assert (first.task_id, first.text, first.suggested) == (1, "first", None)
    assert (second.text, second.answer, second.suggested) == ("second", answer, other)
    assert (second.outcome, second.suggested_confidence) == ("corrected", 0.5)
    assert second.created_at == paper.BEGAN
