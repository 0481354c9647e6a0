"""Folders of labelled texts, as they come: rows into tasks, and a kind for each task."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from backend_ml.replaying import Row
from projects.forms.base import STEP
from projects.kinds.base import Kind
from projects.kit.errors import BadInput
from projects.vocabulary import Answer, Mark, as_answer

CONTROL = "answer"
FIELD = "text"
FORMS = {"label": "choice", "labels": "choices", "path": "taxonomy", "spans": "spans"}
"""Field of a row that holds the answer, and the form of that answer."""
ONE = ("label", "path")
"""Fields that hold exactly one answer, so that with one label there is nothing to tell apart."""
LEARNERS = {
    "choice": "choice_linear",
    "choices": "choices_linear",
    "taxonomy": "taxonomy_linear",
    "spans": "span_crf",
}
"""Those that learn first in the product."""
METRICS = {"choice": "choices", "choices": "choices", "taxonomy": "paths", "spans": "spans"}
OUT_OF_SCOPE = "oos"
"""CLINC150 marks texts that belong to none of its classes; they are no class to be learned."""
TEST_SHARE = 0.2
"""Of the rows, where a folder has no split of its own."""


@dataclass(frozen=True)
class Dataset:
    """One thing to learn from one folder."""

    name: str
    """``<folder>:<field>``."""
    kind: Kind
    train: tuple[Row, ...]
    test: tuple[Row, ...]


@dataclass(frozen=True)
class Found:
    """What a folder of folders holds."""

    datasets: tuple[Dataset, ...]
    skipped: dict[str, str]
    """Folders without labelled texts, and why."""


def read(folder: Path, *, seed: int) -> Found:
    """Every task of every folder below ``folder``.

    Raises
    ------
    BadInput
        When there is nothing to measure with, or a row cannot be read; it names file and line.
    """
    if not folder.is_dir():
        raise BadInput("there is no such folder", str(folder))
    datasets: list[Dataset] = []
    skipped: dict[str, str] = {}
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = [p for p in sorted(place.iterdir()) if p.name.endswith((".jsonl", ".jsonl.gz"))]
        rows = [row for file in files for row in _rows(file)]
        texts = [row for row in rows if "text" in row]
        if not texts:
            skipped[place.name] = "its rows have no text" if rows else "it has no rows"
            continue
        found = [_dataset(place.name, name, texts, seed=seed) for name in FORMS]
        usable = [one for one in found if one is not None]
        if not usable:
            skipped[place.name] = "its rows have no answers that differ"
        datasets += usable
    if not datasets:
        raise BadInput("no folder in it has labelled texts", str(folder))
    return Found(tuple(datasets), skipped)


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    opener = gzip.open if file.name.endswith(".gz") else open
    number = 0
    try:
        with opener(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                number += 1
                if line.strip():
                    yield _checked(json.loads(line))
    except BadInput as error:
        raise BadInput(error.what, f"{file}, line {number}") from error
    except (ValueError, OSError, EOFError) as error:
        what = f"not a line of JSON ({type(error).__name__})"
        raise BadInput(what, f"{file}, line {max(number, 1)}") from error


def _checked(row: Any) -> dict[str, Any]:
    """A row whose fields have the types that we use; raises :class:`BadInput`."""
    if not isinstance(row, dict):
        raise BadInput("a JSON object is expected")
    if "text" not in row:
        return row
    if not isinstance(row["text"], str):
        raise BadInput("'text' must be a text")
    if "label" in row and not isinstance(row["label"], str):
        raise BadInput("'label' must be a text")
    if not _names_a_node(row.get("path")):
        row.pop("path", None)
    for name in ("labels", "path"):
        _check_texts(row, name)
    spans = row.get("spans", [])
    if not isinstance(spans, list):
        raise BadInput("'spans' must be a list")
    for span in spans:
        _check_span(span, len(row["text"]))
    return row


def _check_texts(row: Mapping[str, Any], name: str) -> None:
    texts = row.get(name, [])
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        raise BadInput(f"'{name}' must be a list of texts")


def _names_a_node(path: Any) -> bool:
    """Or is it the path of a file, say, or of a pencil: then it is not for us."""
    return isinstance(path, list) and bool(path) and isinstance(path[0], str)


def _check_span(span: Any, length: int) -> None:
    if not isinstance(span, dict) or not isinstance(span.get("label"), str):
        raise BadInput("a span needs a 'label' that is a text")
    ends = (span.get("start"), span.get("end"))
    if not all(isinstance(end, int) and not isinstance(end, bool) for end in ends):
        raise BadInput("a span needs 'start' and 'end' that are whole numbers")
    if not 0 <= span["start"] < span["end"] <= length:
        raise BadInput(f"the span {span['start']} to {span['end']} is not inside its text")


def _dataset(
    folder: str, name: str, rows: Sequence[Mapping[str, Any]], *, seed: int
) -> Dataset | None:
    """What can be learned from one field; ``None`` when there is nothing to tell apart."""
    used = [row for row in rows if name in row and row["text"].strip() and _in_scope(row, name)]
    answers = [_answer(row, name) for row in used]
    labels = sorted({mark.label for answer in answers for mark in answer})
    if len(labels) < (2 if name in ONE else 1) or len(used) < 10:
        return None
    pairs = list(zip(used, answers, strict=True))
    train, test = _split(pairs, seed=seed)
    if not train or not test:
        return None
    kind = kind_for(FORMS[name], labels, name=folder)
    return Dataset(f"{folder}:{name}", kind, train, test)


def _in_scope(row: Mapping[str, Any], name: str) -> bool:
    return name != "label" or row["label"] != OUT_OF_SCOPE


def _answer(row: Mapping[str, Any], name: str) -> Answer:
    if name == "label":
        return (Mark(CONTROL, row["label"]),)
    if name == "path":
        return (Mark(CONTROL, STEP.join(row["path"])),)
    if name == "labels":
        return as_answer([Mark(CONTROL, label) for label in dict.fromkeys(row["labels"])])
    return as_answer([Mark(CONTROL, s["label"], s["start"], s["end"]) for s in row["spans"]])


def _split(
    pairs: Sequence[tuple[Mapping[str, Any], Answer]], *, seed: int
) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Train and test as the rows say; ``dev`` tests where nothing is called test.

    Rows without a split are drawn, the same for the same seed.
    """
    names = {str(row.get("split")) for row, _ in pairs}
    rows = [(str(row.get("split")), Row(row["text"], answer)) for row, answer in pairs]
    for tested in ("test", "dev"):
        if {"train", tested} <= names:
            train = tuple(one for split, one in rows if split == "train")
            return train, tuple(one for split, one in rows if split == tested)
    order = np.random.default_rng(seed).permutation(len(rows))
    cut = round(len(rows) * TEST_SHARE)
    return tuple(rows[i][1] for i in order[cut:]), tuple(rows[i][1] for i in order[:cut])


def kind_for(form: str, labels: Sequence[str], *, name: str) -> Kind:
    """A kind that lives in no folder, with a labelling config that offers these labels."""
    return Kind(
        name=name,
        title=name,
        folder=Path(),
        form=form,
        control=CONTROL,
        field=FIELD,
        metric=METRICS[form],
        learner=LEARNERS[form],
        config=config_for(form, labels),
    )


def config_for(form: str, labels: Sequence[str], *, control: str = CONTROL) -> str:
    """A labelling config for answers of one form."""
    tag, inside, more = ("Labels", "Label", "") if form == "spans" else ("Choices", "Choice", "")
    if form == "choices":
        more = ' choice="multiple"'
    if form == "taxonomy":
        tag, offers = "Taxonomy", _nodes([label.split(STEP) for label in labels])
    else:
        offers = "".join(f"<{inside} value={quoteattr(label)}/>" for label in labels)
    text = f'<Text name="text" value="${FIELD}"/>'
    return f'<View>{text}<{tag} name="{control}" toName="text"{more}>{offers}</{tag}></View>'


def _nodes(paths: Sequence[Sequence[str]]) -> str:
    """Choices inside choices, of paths that start at the same node."""
    tops = dict.fromkeys(path[0] for path in paths if path)
    return "".join(
        f"<Choice value={quoteattr(top)}>"
        + _nodes([path[1:] for path in paths if path and path[0] == top])
        + "</Choice>"
        for top in tops
    )
