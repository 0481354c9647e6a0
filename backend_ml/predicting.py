"""Tasks and the serving model in, Label Studio's prediction items out."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from backend_ml import model_store
from backend_ml.learners.base import Guess, Learner, ModelUnreadable
from backend_ml.model_store import ModelStore
from backend_ml.tables import VersionRow
from projects.kinds.base import Kind
from projects.kit import logs
from projects.kit.database import Sessions

log = logs.get(__name__)

ABSTAIN: list[Any] = []
"""Label Studio stores nothing for it and asks again next time."""


class Serving:
    """The model that serves each project, in memory; a new champion is noticed by its name."""

    def __init__(self, reading: Sessions, store: ModelStore) -> None:
        self._reading = reading
        self._store = store
        self._loaded: dict[int, tuple[str, Learner]] = {}
        self._lock = threading.Lock()

    def version(self, project_id: int) -> str:
        """The version that :meth:`predict` would stamp now; empty when nothing serves."""
        row = self._champion(project_id)
        return "" if row is None else row.name

    def versions(self) -> list[str]:
        """Every version that serves or has served."""
        with self._reading() as session:
            return list(model_store.names(session))

    def predict(self, project_id: int, kind: Kind, tasks: Sequence[Mapping[str, Any]]) -> list[Any]:
        """One item a task, in order; ``[]`` where there is nothing to say."""
        current = self._current(project_id, kind)
        if current is None:
            return [ABSTAIN for _ in tasks]
        name, learner = current
        data = [_data(task) for task in tasks]
        guesses = learner.predict([kind.text(one) for one in data]).items
        return [
            _item(kind, one, guess, version=name) for one, guess in zip(data, guesses, strict=True)
        ]

    def _current(self, project_id: int, kind: Kind) -> tuple[str, Learner] | None:
        row = self._champion(project_id)
        if row is None:
            return None
        with self._lock:
            held = self._loaded.get(project_id)
            if held is None or held[0] != row.name:
                try:
                    held = (row.name, self._store.load(row, kind))
                except ModelUnreadable as error:
                    log.error(
                        "model.unreadable", project=project_id, version=row.name, why=error.why
                    )
                    return None  # the worker trains a new one; annotators see no error meanwhile
                self._loaded[project_id] = held
                log.info("model.loaded", project=project_id, version=row.name)
        return held

    def _champion(self, project_id: int) -> VersionRow | None:
        with self._reading() as session:
            return model_store.champion(session, project_id)


def _data(task: Mapping[str, Any]) -> Mapping[str, Any]:
    data = task.get("data")
    return data if isinstance(data, Mapping) else {}


def _item(kind: Kind, data: Mapping[str, Any], guess: Guess | None, *, version: str) -> Any:
    """A prediction as Label Studio wants it: version a string, score a float."""
    if guess is None or not kind.text(data):
        return ABSTAIN
    if not kind.offers(guess.answer):
        return ABSTAIN  # the label was taken out of the config since
    return {
        "result": kind.write(guess.answer, data, guess.mark_confidences),
        "score": float(guess.confidence),
        "model_version": version,
    }
