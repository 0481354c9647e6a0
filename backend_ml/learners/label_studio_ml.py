"""Any model that was written for ``label-studio-ml``, unchanged, in a process of its own.

It says what it likes in Label Studio's own words; here that becomes an answer and
confidences. It is measured, promoted and rolled back as every other learner.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import tempfile
import weakref
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from backend_ml.hosting.host import Host
from backend_ml.learners.base import Guess, Guesses, ModelUnreadable
from projects.forms.base import MOST_MARKS
from projects.kinds.base import HostedModel, Kind
from projects.kit.errors import BadInput
from projects.vocabulary import Answer, Json

FORMS: tuple[str, ...] = ("choice", "choices", "number", "span_choices", "spans", "taxonomy")
NOTES_FILE = "learner.json"
STATE_FILE = "model_dir.zip"
UNKNOWN = 0.5
"""The confidence of a model that gives none: it may as well be wrong."""
ONE_ONLY = ("choice", "number")
MOMENT = "2020-01-01T00:00:00.000000Z"


class LabelStudioModel:
    """A hosted model. What it has learned is the contents of its folder ``MODEL_DIR``.

    It learns in one process and predicts in another that was started from that folder,
    so that what is measured is what will be served from a saved version.
    """

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._classes: tuple[str, ...] = ()
        self._folder: Path | None = None
        self._host: Host | None = None

    @property
    def classes_(self) -> tuple[str, ...]:
        return self._classes

    def fit(self, texts: Sequence[str], answers: Sequence[Answer], *, seed: int) -> None:
        """Teach the model these labels, from an empty folder.

        Raises
        ------
        HostedModelFailed
            When it raises for every call, ends, or takes too long.
        BadInput
            When the kind names no model.
        """
        self._classes, self._folder, self._host = (), None, None
        classes = {mark.label for answer in answers for mark in answer}
        if len(classes) < (2 if self._kind.form == "choice" else 1):
            return
        folder = self._new_folder()
        tasks = [
            _labelled(self._kind, number, text, answer)
            for number, (text, answer) in enumerate(zip(texts, answers, strict=True), 1)
        ]
        teacher = self._hosted(folder, seed=seed)
        try:
            teacher.fit(tasks, {"id": 1, "title": "", "label_config": self._kind.label_config})
        finally:
            teacher.close()
        self.use(folder, tuple(sorted(classes)), seed=seed)

    def predict(self, texts: Sequence[str]) -> Guesses:
        """What the model says of each text; it may abstain."""
        if self._host is None or not texts:
            return Guesses(tuple(None for _ in texts))
        tasks = [_task(self._kind, number, text) for number, text in enumerate(texts, 1)]
        items = self._host.predict(tasks)
        pairs = zip(tasks, items, strict=True)
        return Guesses(tuple(read_guess(self._kind, task["data"], item) for task, item in pairs))

    def use(self, folder: Path, classes: tuple[str, ...], *, seed: int = 0) -> None:
        """Predict from this folder from now on."""
        self._folder, self._classes = folder, classes
        self._host = self._hosted(folder, seed=seed)

    def restore(self, archive: Path, classes: tuple[str, ...]) -> None:
        """Predict from a copy of an archived folder from now on."""
        folder = self._new_folder()
        with zipfile.ZipFile(archive) as saved:
            saved.extractall(folder)
        self.use(folder, classes)

    def save(self, folder: Path) -> None:
        """Write ``learner.json``, and the model's folder as one file."""
        notes: Json = {"format": 1, "classes": list(self._classes), "digest": ""}
        if self._folder is not None:
            _pack(self._folder, folder / STATE_FILE)
            notes["digest"] = _digest(folder / STATE_FILE)
        (folder / NOTES_FILE).write_text(json.dumps(notes), encoding="utf-8")

    def _new_folder(self) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="understudy-model-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder

    def _hosted(self, folder: Path, *, seed: int) -> Host:
        config = self._kind.label_config
        return Host(_model_of(self._kind), model_dir=folder, label_config=config, seed=seed)


def new(kind: Kind) -> LabelStudioModel:
    """An unfitted learner."""
    return LabelStudioModel(kind)


def load(folder: Path, kind: Kind) -> LabelStudioModel:
    """The learner saved in ``folder``; its process starts with the first text."""
    learner = LabelStudioModel(kind)
    try:
        notes = json.loads((folder / NOTES_FILE).read_text(encoding="utf-8"))
        if notes["digest"]:
            _model_of(kind)
            if _digest(folder / STATE_FILE) != notes["digest"]:
                raise ValueError("the model is not the one that was saved")
            learner.restore(folder / STATE_FILE, tuple(notes["classes"]))
    except Exception as error:
        raise ModelUnreadable(str(folder), type(error).__name__) from error
    return learner


def read_guess(kind: Kind, data: Mapping[str, Any], item: object) -> Guess | None:
    """A prediction in Label Studio's words as a guess; ``None`` where it says nothing.

    The confidence is its score, cut to [0, 1]; without one that of its least sure
    region, and ``UNKNOWN`` where those have none either. What the labelling config
    does not offer is left out.
    """
    if not isinstance(item, Mapping) or not isinstance(item.get("result"), list):
        return None
    regions = item["result"][:MOST_MARKS]
    answer = kind.read(regions, data)
    if not answer and (regions or not kind.form_file.EMPTY_IS_AN_ANSWER):
        return None
    pairs = [(mark, _confidence(r)) for r in regions for mark in kind.read_region(r, data)]
    known = {mark: value for mark, value in reversed(pairs) if value is not None}
    whole = _confidence(item)
    if whole is None:
        whole = min(known.values(), default=UNKNOWN)
    if kind.form in ONE_ONLY:
        answer = (max(answer, key=lambda mark: known.get(mark, whole)),)
    return Guess(answer, whole, tuple(known.get(mark, whole) for mark in answer))


def _confidence(row: object) -> float | None:
    value = row.get("score") if isinstance(row, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return None
    return min(max(float(value), 0.0), 1.0)


def _model_of(kind: Kind) -> HostedModel:
    if kind.hosted is None:
        raise BadInput(f"kind {kind.name!r} names no hosted model", "BACKEND_ML_LEARNERS")
    return kind.hosted


def _task(kind: Kind, number: int, text: str) -> Json:
    """A task as Label Studio sends it, as far as models look."""
    return {
        "id": number,
        "data": {kind.field: text},
        "meta": {},
        "created_at": MOMENT,
        "updated_at": MOMENT,
        "is_labeled": False,
        "project": 1,
        "total_annotations": 0,
        "total_predictions": 0,
        "annotations": [],
        "predictions": [],
    }


def _labelled(kind: Kind, number: int, text: str, answer: Answer) -> Json:
    """A task with one annotation; ``completions`` is what they were called before 2021."""
    task = _task(kind, number, text)
    annotation = {
        "id": number,
        "task": number,
        "project": 1,
        "completed_by": 1,
        "result": kind.write(answer, task["data"]),
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": MOMENT,
        "updated_at": MOMENT,
        "lead_time": None,
        "prediction": {},
    }
    rows = [annotation]
    return task | {
        "is_labeled": True,
        "total_annotations": 1,
        "annotations": rows,
        "completions": rows,
    }


def _pack(folder: Path, target: Path) -> None:
    """Every file below ``folder``, in the order of names."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
