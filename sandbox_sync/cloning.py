"""What is copied for practice, and who gets it next. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from projects.vocabulary import Json, Prediction, Task

KEY = "practice"
"""The name of our key in the meta of a sandbox task. It says nothing about the answer."""
SHOWN_VERSION = "suggestion"
"""One name for all suggestions in the sandbox: items of different batches all show theirs."""
KEY_FORM = re.compile("[0-9a-f]{32}")
TITLE_LENGTH = 50
"""Label Studio takes no longer project titles."""


def canonical(value: Any) -> str:
    """JSON with one spelling per value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest_of(value: Any) -> str:
    """SHA-256 of the canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Snapshot:
    """Everything needed to do one production task, frozen; its digest is its name."""

    production_task_id: int
    kind: str
    data: Json
    label_config: str
    guidelines: str
    suggestion: Json | None
    """``model_version``, ``confidence`` in [0, 1] or ``None``, and ``regions``."""
    own_digest: str = ""
    """Of production's own data, where ``data`` has what its references stood for instead."""
    sources: tuple[Json, ...] = ()
    """What in ``data`` was resolved from where; not part of its name, because it has moments."""

    @cached_property
    def data_digest(self) -> str:
        """Of production's own data: its answers belong to what that said."""
        return self.own_digest or digest_of(self.data)

    @cached_property
    def guideline_version(self) -> str:
        """Short digest of the guidelines: the same words, the same version."""
        return hashlib.sha256(self.guidelines.encode()).hexdigest()[:12]

    @cached_property
    def digest(self) -> str:
        named = {
            "production_task_id": self.production_task_id,
            "kind": self.kind,
            "data": self.data,
            "label_config": self.label_config,
            "guidelines": self.guidelines,
            "suggestion": self.suggestion,
        }
        return digest_of(named | ({"own_digest": self.own_digest} if self.own_digest else {}))


def is_published(task: Task, model_version: str) -> bool:
    """Whether annotators are being served this task, with this version's suggestion."""
    return _confidence(task, model_version) is not None


def in_serving_order(tasks: Iterable[Task], model_version: str) -> list[Task]:
    """Published tasks as Label Studio hands them out: the least confident first."""
    return sorted(tasks, key=lambda task: (_confidence(task, model_version) or 0.0, task.id))


def is_eligible(task: Task, model_version: str | None, *, waiting: int, ahead: int) -> bool:
    """Whether this task may be practised on from now on.

    Production answered it; or it is published and fewer than ``ahead`` eligible
    tasks of its kind are still ``waiting`` for production's answer. Without
    that bound, every new batch would add tasks that production may never reach.
    A project without a model (``model_version`` is ``None``) publishes nothing: there
    every task may be the next.
    """
    if is_answered(task):
        return True
    return waiting < ahead and (model_version is None or is_published(task, model_version))


def _confidence(task: Task, model_version: str) -> float | None:
    shown = [p for p in task.predictions if model_version and p.model_version == model_version]
    return None if not shown else (shown[-1].confidence or 0.0)


def is_answered(task: Task) -> bool:
    """Whether somebody submitted an answer; skipping is none."""
    return any(not annotation.was_cancelled for annotation in task.annotations)


def suggestion_of(task: Task, model_version: str) -> Json | None:
    """What the production worker is shown with this task.

    The project's version counts, and for a task that was answered under an older
    version, the newest prediction it has. A prediction that is younger than the
    answer was on nobody's screen, and may have learned from it.
    """
    by_id = sorted(task.predictions, key=lambda p: p.id or 0)
    by_id = [p for p in by_id if not _is_after_answer(task, p)]
    choices = [p for p in by_id if model_version and p.model_version == model_version]
    choices = choices or (by_id if is_answered(task) else [])
    return _frozen(choices[-1]) if choices else None


def _is_after_answer(task: Task, prediction: Prediction) -> bool:
    answered = [a.created_at for a in task.annotations if not a.was_cancelled]
    made = prediction.created_at
    return bool(answered) and made is not None and made > min(answered)


def _frozen(prediction: Prediction) -> Json:
    return {
        "model_version": prediction.model_version,
        "confidence": prediction.confidence,
        "regions": [dict(region) for region in prediction.regions],
    }


def key_of(task: Task) -> str | None:
    """Our key, if a task carries one. Whoever practises can write what they like there."""
    key = task.meta.get(KEY)
    return key if isinstance(key, str) and KEY_FORM.fullmatch(key) else None


def shown_suggestion(suggestion: Mapping[str, Any], sandbox_task_id: int) -> Prediction:
    """What the trainee is shown: the same as the production worker was."""
    return Prediction(
        task_id=sandbox_task_id,
        model_version=SHOWN_VERSION,
        confidence=suggestion["confidence"],
        regions=tuple(suggestion["regions"]),
    )


def project_digest(
    label_config: str, guidelines: str, sampling: str, settings: Mapping[str, Any]
) -> str:
    """The part of a project that has to follow production, as one string."""
    return digest_of([label_config, guidelines, sampling, dict(settings)])


def lane_title(kind_title: str, email: str, generation: int = 1) -> str:
    """The title of a trainee's project: one per kind, e-mail and generation, never too long."""
    title = f"{kind_title} - practice of {email}"
    title = title if generation == 1 else f"{title} ({generation})"
    if len(title) <= TITLE_LENGTH:
        return title
    mark = hashlib.sha256(title.encode()).hexdigest()[:8]
    return f"{title[: TITLE_LENGTH - 9]}~{mark}"
