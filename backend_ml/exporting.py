"""Accepted labels in the formats that other tools read; written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml.tables import LabelRow, TaskRow
from projects.kinds.base import Kind
from projects.kit.errors import BadInput, PlatformError, UnknownName
from projects.vocabulary import Answer, answer_from_json, answer_to_json

if TYPE_CHECKING:
    import pandas as pd
    from spacy.tokens import Doc

SPANS = "sc"
"""Where spaCy's span categorizer looks; it may hold spans that overlap."""
NAMED = 20
"""So many task ids are named in a report; the others are counted."""


class FileIsThere(PlatformError):
    """The file exists, and nobody said that it may go."""

    status = 409

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path} is there already. Choose another name, or --force to replace it."


class NothingToExport(PlatformError):
    """The project has no accepted label."""

    status = 409

    def __str__(self) -> str:
        return "The project has no accepted label yet."


@dataclass(frozen=True)
class Labelled:
    """One accepted label, with what is known about it."""

    task_id: int
    text: str
    answer: Answer
    annotation_id: int
    annotator: int | None
    """The person's id in Label Studio."""
    created_at: datetime
    updated_at: datetime
    lead_time_seconds: float | None
    ground_truth: bool
    arm: str
    outcome: str
    suggested_version: str | None
    suggested_confidence: float | None
    suggested: Answer | None
    suggestion_estimated: bool


@dataclass(frozen=True)
class Written:
    """What an export did."""

    labels: int
    misaligned: tuple[tuple[int, str], ...] = ()
    """(task id, label) of spans that do not end where spaCy's words end: moved outwards."""
    overlapping: tuple[int, ...] = ()
    """Tasks of which ``doc.ents`` leaves spans out, for it cannot hold overlapping ones."""
    lost: tuple[tuple[int, str], ...] = ()
    """(task id, label) of spans that no word holds: nothing but white space."""


def labelled(session: Session, project_id: int) -> list[Labelled]:
    """Every accepted label of a project, in the order of task ids."""
    query = (
        sa.select(LabelRow, TaskRow.text)
        .join(
            TaskRow,
            (TaskRow.project_id == LabelRow.project_id) & (TaskRow.task_id == LabelRow.task_id),
        )
        .where(LabelRow.project_id == project_id)
        .order_by(LabelRow.task_id)
    )
    return [_labelled(row, text) for row, text in session.execute(query)]


def write(
    rows: Sequence[Labelled], kind: Kind, path: Path, form: str, *, force: bool = False
) -> Written:
    """Write ``rows`` to ``path`` in a format of ``FORMATS``, whole or not at all.

    Raises
    ------
    UnknownName
        When there is no such format.
    FileIsThere
        When ``path`` exists and not ``force``.
    NothingToExport
        Without rows.
    BadInput
        When ``path`` is a folder, or its folder is not there.
    """
    if form not in FORMATS:
        raise UnknownName(form, tuple(FORMATS))
    if not rows:
        raise NothingToExport
    if path.is_dir():
        raise BadInput("it is a folder; name a file", str(path))
    if not path.parent.is_dir():
        raise BadInput("there is no such folder", str(path.parent))
    if path.exists() and not force:
        raise FileIsThere(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    staged = Path(name)
    try:
        written = FORMATS[form](rows, kind, staged)
        _publish(staged, path, force=force)
    finally:
        staged.unlink(missing_ok=True)
    return written


def to_json(row: Labelled) -> dict[str, Any]:
    """One row as plain JSON; :func:`from_json` is the inverse."""
    return asdict(row) | {
        "answer": answer_to_json(row.answer),
        "suggested": None if row.suggested is None else answer_to_json(row.suggested),
        "created_at": row.created_at.isoformat(),
        "updated_at": row.updated_at.isoformat(),
    }


def from_json(found: Mapping[str, Any]) -> Labelled:
    """The inverse of :func:`to_json`."""
    suggested = found["suggested"]
    values = dict(found) | {
        "answer": answer_from_json(found["answer"]),
        "suggested": None if suggested is None else answer_from_json(suggested),
        "created_at": datetime.fromisoformat(found["created_at"]),
        "updated_at": datetime.fromisoformat(found["updated_at"]),
    }
    return Labelled(**values)


def frame(rows: Sequence[Labelled]) -> pd.DataFrame:
    """A table with a row a label; ``labels`` are the label names of the answer.

    ``answer`` and ``suggested`` are JSON texts, so that any format can hold them.
    """
    import pandas as pd

    return pd.DataFrame(
        {
            "labels": [mark.label for mark in row.answer],
            **asdict(row),
            "answer": json.dumps(answer_to_json(row.answer), ensure_ascii=False),
            "suggested": None
            if row.suggested is None
            else json.dumps(answer_to_json(row.suggested), ensure_ascii=False),
        }
        for row in rows
    ).astype(
        {
            "annotator": "Int64",
            "lead_time_seconds": "Float64",
            "suggested_confidence": "Float64",
        }
    )


def _labelled(row: LabelRow, text: str) -> Labelled:
    suggested = row.suggested_answer
    return Labelled(
        task_id=row.task_id,
        text=text,
        answer=answer_from_json(row.answer),
        annotation_id=row.annotation_id,
        annotator=row.completed_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        lead_time_seconds=row.lead_time_seconds,
        ground_truth=row.ground_truth,
        arm=row.arm,
        outcome=row.outcome,
        suggested_version=row.suggested_version,
        suggested_confidence=row.suggested_confidence,
        suggested=None if suggested is None else answer_from_json(suggested),
        suggestion_estimated=row.suggestion_estimated,
    )


def _publish(staged: Path, path: Path, *, force: bool) -> None:
    """Give the finished file its name; a file that appeared meanwhile stays, unless ``force``."""
    with staged.open("rb") as stream:
        os.fsync(stream.fileno())
    staged.chmod(0o600)  # people's texts
    if force:
        os.replace(staged, path)
        return
    try:
        os.link(staged, path)
    except FileExistsError:
        raise FileIsThere(path) from None


def _jsonl(rows: Sequence[Labelled], kind: Kind, path: Path) -> Written:
    del kind
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(to_json(row), ensure_ascii=False) + "\n" for row in rows)
    return Written(len(rows))


def _parquet(rows: Sequence[Labelled], kind: Kind, path: Path) -> Written:
    del kind
    frame(rows).to_parquet(path, index=False)
    return Written(len(rows))


def _csv(rows: Sequence[Labelled], kind: Kind, path: Path) -> Written:
    """``labels`` are joined by ``|``."""
    del kind
    table = frame(rows)
    table["labels"] = ["|".join(labels) for labels in table["labels"]]
    table.to_csv(path, index=False)
    return Written(len(rows))


def _spacy(rows: Sequence[Labelled], kind: Kind, path: Path) -> Written:
    """A ``DocBin``: ``doc.ents`` and ``doc.spans["sc"]`` of spans, ``doc.cats`` of choices.

    ``doc.user_data`` has the task's id. The words are those of spaCy's blank English.
    """
    import spacy
    from spacy.tokens import DocBin

    words = spacy.blank("en")
    words.max_length = 10**9
    store = DocBin(store_user_data=True)
    misaligned: list[tuple[int, str]] = []
    lost: list[tuple[int, str]] = []
    overlapping: list[int] = []
    for row in rows:
        doc = words.make_doc(row.text)
        doc.user_data["task_id"] = row.task_id
        moved, gone = _mark(doc, row, kind)
        misaligned += moved
        lost += gone
        spans = doc.spans.get(SPANS, [])
        doc.ents = spacy.util.filter_spans(spans)
        if len(doc.ents) < len(spans):
            overlapping.append(row.task_id)
        store.add(doc)
    store.to_disk(path)
    return Written(len(rows), tuple(misaligned), tuple(overlapping), tuple(lost))


def _mark(
    doc: Doc, row: Labelled, kind: Kind
) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """Put the answer into the document; returns the spans that were moved, and those lost."""
    spans, moved, gone = [], [], []
    for mark in row.answer:
        if mark.start is None or mark.end is None or mark.control != kind.control:
            continue
        span = doc.char_span(mark.start, mark.end, label=mark.label, alignment_mode="expand")
        if span is None or not span.text.strip():
            gone.append((row.task_id, mark.label))
            continue
        if (span.start_char, span.end_char) != (mark.start, mark.end):
            moved.append((row.task_id, mark.label))
        spans.append(span)
    chosen = {mark.label for mark in row.answer if not mark.is_span}
    doc.spans[SPANS] = spans
    if chosen or kind.form in ("choice", "choices", "taxonomy"):
        doc.cats = {label: float(label in chosen) for label in {*kind.labels, *chosen}}
    return moved, gone


FORMATS: dict[str, Callable[[Sequence[Labelled], Kind, Path], Written]] = {
    "jsonl": _jsonl,
    "spacy": _spacy,
    "parquet": _parquet,
    "csv": _csv,
}
