"""Tasks and the serving model in, Label Studio's prediction items out."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from backend_ml import model_store
from backend_ml.learners.base import Guess, Learner, ModelUnreadable, sure
from backend_ml.model_store import ModelStore
from backend_ml.tables import VersionRow
from projects.kinds.base import Kind
from projects.kit import logs
from projects.kit.database import Sessions
from projects.kit.errors import BadInput

log = logs.get(__name__)

ABSTAIN: list[Any] = []
"""Label Studio stores nothing for it and asks again next time."""
FRESH_SECONDS = 0.05
"""Where many ask at once, a look at which model serves is good for so long: it takes as long
as a prediction."""
CONFIGS = 64
"""So many labelling configs are kept as they were read."""


@dataclass(frozen=True)
class _Held:
    """A model in memory, and the labelling config that it was read for."""

    version: str
    config: str
    learner: Learner


class Serving:
    """The model that serves each project, in memory; a new champion is noticed by its name."""

    def __init__(
        self,
        reading: Sessions,
        store: ModelStore,
        *,
        abstain_below: float = 0.0,
        fresh_seconds: float = 0.0,
    ) -> None:
        self._reading = reading
        self._store = store
        self._abstain_below = abstain_below
        self._fresh_seconds = fresh_seconds
        self._looked: dict[int, tuple[float, VersionRow | None]] = {}
        self._loaded: dict[int, _Held] = {}
        self._lock = threading.Lock()
        self._under = lru_cache(maxsize=CONFIGS)(_under)

    def version(self, project_id: int) -> str:
        """The version that :meth:`predict` would stamp now; empty when nothing serves."""
        row = self._champion(project_id)
        return "" if row is None else row.name

    def versions(self) -> list[str]:
        """Every version that serves or has served."""
        with self._reading() as session:
            return list(model_store.names(session))

    def predict(
        self, project_id: int, kind: Kind, tasks: Sequence[Mapping[str, Any]], *, config: str = ""
    ) -> list[Any]:
        """One item a task, in order; ``[]`` where there is nothing to say.

        ``config`` is the labelling config as people see it now. Under one that the kind
        cannot serve there is nothing to say: the annotator, who asks, did not write it.
        """
        live = self._under(project_id, kind, config)
        current = None if live is None else self._current(project_id, live)
        if live is None or current is None:
            return [ABSTAIN for _ in tasks]
        data = [_data(task) for task in tasks]
        guesses = current.learner.predict([live.text(one) for one in data]).items
        return [
            _item(live, one, sure(guess, least=self._abstain_below), version=current.version)
            for one, guess in zip(data, guesses, strict=True)
        ]

    def _current(self, project_id: int, kind: Kind) -> _Held | None:
        row = self._lately(project_id)
        if row is None:
            return None
        with self._lock:
            held = self._loaded.get(project_id)
            if held is None or (held.version, held.config) != (row.name, kind.label_config):
                try:
                    learner = self._store.load(row, kind)
                except ModelUnreadable as error:
                    log.error(
                        "model.unreadable", project=project_id, version=row.name, why=error.why
                    )
                    return None  # the worker trains a new one; annotators see no error meanwhile
                held = _Held(row.name, kind.label_config, learner)
                self._loaded[project_id] = held
                log.info("model.loaded", project=project_id, version=row.name)
        return held

    def _lately(self, project_id: int) -> VersionRow | None:
        """The champion of at most ``fresh_seconds`` ago."""
        moment = time.monotonic()
        seen = self._looked.get(project_id)
        if seen is None or moment - seen[0] >= self._fresh_seconds:
            seen = self._looked[project_id] = (moment, self._champion(project_id))
        return seen[1]

    def _champion(self, project_id: int) -> VersionRow | None:
        with self._reading() as session:
            return model_store.champion(session, project_id)


def _under(project_id: int, kind: Kind, config: str) -> Kind | None:
    """The kind under a labelling config; ``None``, and a line in the log, where it cannot be."""
    if not config:
        return kind
    try:
        return kind.with_config(config)
    except BadInput as error:
        log.warning("config.unservable", project=project_id, kind=kind.name, why=str(error))
        return None


def _data(task: Mapping[str, Any]) -> Mapping[str, Any]:
    data = task.get("data")
    return data if isinstance(data, Mapping) else {}


def _item(kind: Kind, data: Mapping[str, Any], guess: Guess | None, *, version: str) -> Any:
    """A prediction as Label Studio wants it: version a string, score a float."""
    if guess is None or not kind.text(data):
        return ABSTAIN
    if not kind.offers(guess.answer):
        return ABSTAIN  # the label was taken out of the config since
    confidence = float(guess.confidence)
    if not all(map(math.isfinite, (confidence, *guess.mark_confidences))):
        raise ValueError("a confidence that is no number")
    return {
        "result": kind.write(guess.answer, data, guess.mark_confidences),
        "score": confidence,
        "model_version": version,
    }
