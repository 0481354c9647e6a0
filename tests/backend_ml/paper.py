"""A project's tables filled by hand, as if people and models had worked for a while."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from sqlalchemy.orm import Session

from backend_ml.tables import (
    AnnotationRow,
    AssignmentRow,
    LabelRow,
    MarkRow,
    PlanRow,
    PublicationRow,
    TaskRow,
    VersionRow,
)
from projects.kinds.base import Kind
from projects.vocabulary import Answer, answer_to_json
from tests.support.kinds import CONTROL, corpus

BEGAN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def task(session: Session, task_id: int, text: str, *, project: int = 1) -> None:
    session.add(TaskRow(project_id=project, task_id=task_id, text=text, seen_at=BEGAN))


def label(
    session: Session,
    task_id: int,
    answer: Answer,
    *,
    project: int = 1,
    when: datetime = BEGAN,
    suggested: Answer | None = None,
    confidence: float | None = None,
    **more: object,
) -> LabelRow:
    """A label, and the annotation it comes from."""
    session.add(
        AnnotationRow(
            annotation_id=project * 1_000_000 + task_id, project_id=project, task_id=task_id,
            created_at=when, updated_at=when, usable=True, answer=answer_to_json(answer),
        )
    )  # fmt: skip
    outcome = "unaided"
    if suggested is not None:
        outcome = "accepted" if suggested == answer else "corrected"
    values = {
        "annotation_id": project * 1_000_000 + task_id,
        "answer": answer_to_json(answer),
        "created_at": when,
        "updated_at": when,
        "completed_by": 5,
        "lead_time_seconds": 12.5,
        "ground_truth": False,
        "arm": "active",
        "suggested_version": None if suggested is None else "sample-0001",
        "suggested_confidence": confidence,
        "suggested_answer": None if suggested is None else answer_to_json(suggested),
        "outcome": outcome,
        "suggestion_estimated": False,
    }
    row = LabelRow(project_id=project, task_id=task_id, **(values | more))
    session.add(row)
    return row


def version(session: Session, number: int, *, project: int = 1, **more: object) -> None:
    values: dict[str, object] = {
        "name": f"sample-{number:04d}",
        "kind": "sample",
        "state": "retired",
        "learner": "choice_linear",
        "reason": "not worse than the serving one",
        "cause": f"{project}-{number}",
        "labels": 50,
        "trained_on": 40,
        "held_out_n": 0,
        "seconds": 0.4,
        "first_change_at": BEGAN,
        "last_change_at": BEGAN + timedelta(seconds=10),
        "created_at": BEGAN,
        "serving_at": BEGAN + timedelta(seconds=15),
    }
    session.add(VersionRow(project_id=project, number=number, **(values | more)))


def busy_project(
    session: Session,
    kind: Kind,
    *,
    project: int = 1,
    labels: int = 600,
    open_tasks: int = 200,
    seed: int = 0,
) -> None:
    """A model that gets better: right with the probability that it states, more so later."""
    rng = np.random.default_rng(seed)
    texts, answers = corpus(kind.form, labels + open_tasks, seed=seed)
    session.add(PlanRow(id=project, project_id=project, version="sample-0001", epoch=1,
                        created_at=BEGAN, started_at=BEGAN, finished_at=BEGAN))  # fmt: skip
    session.add(MarkRow(project_id=project, wanted=labels, trained=labels - 4, failures=0))
    moment = BEGAN
    for number, (text, answer) in enumerate(zip(texts, answers, strict=True), 1):
        task(session, number, text, project=project)
        if number > labels:
            continue
        moment += timedelta(seconds=float(rng.exponential(14)))
        if rng.random() < 0.01:
            moment += timedelta(hours=2)
        arm = "random" if rng.random() < 0.1 else "active"
        confidence = _confidence(rng, number / labels, arm)
        suggested = answer if rng.random() < confidence else _other(rng, answers, answer)
        if number <= 25:
            label(session, number, answer, project=project, when=moment, arm="unpublished")
            continue
        session.add(AssignmentRow(project_id=project, task_id=number, arm=arm,
                                  epoch=1 + number // 40, drawn_at=moment))  # fmt: skip
        session.add(PublicationRow(project_id=project, version="sample-0001", task_id=number,
                                   plan_id=project, confidence=confidence,
                                   answer=answer_to_json(suggested), mark_confidences=[],
                                   pushed_at=moment))  # fmt: skip
        label(session, number, answer, project=project, when=moment, arm=arm,
              suggested=suggested, confidence=confidence)  # fmt: skip
    _versions(session, labels, project)


def _confidence(rng: np.random.Generator, part: float, arm: str) -> float:
    middle = (0.75 if arm == "random" else 0.5) + 0.2 * part
    return float(np.clip(rng.normal(middle, 0.15), 0.05, 0.99))


def _other(rng: np.random.Generator, answers: Sequence[Answer], answer: Answer) -> Answer:
    others = [one for one in answers[:200] if one != answer and CONTROL]
    return others[int(rng.integers(len(others)))]


def _versions(session: Session, labels: int, project: int) -> None:
    sizes = list(range(25, labels + 1, max(25, labels // 24)))
    for number, size in enumerate(sizes, 1):
        value = 0.95 - 0.6 * (size / 25) ** -0.5
        half = 0.5 / (size * 0.2) ** 0.5
        when = BEGAN + timedelta(seconds=14 * size)
        rejected = number % 7 == 5 and number < len(sizes)
        state = "rejected" if rejected else "champion" if number == len(sizes) else "retired"
        version(
            session, number, project=project, labels=size, trained_on=int(size * 0.8),
            state=state, created_at=when, held_out=value, held_out_low=max(0.0, value - half),
            held_out_high=min(1.0, value + half), held_out_n=int(size * 0.2),
            calibration_error=0.05, calibration_error_low=0.02, calibration_error_high=0.11,
            calibration_error_n=int(size * 0.2),
            first_change_at=when, last_change_at=when + timedelta(seconds=20),
            serving_at=None if rejected else when + timedelta(seconds=24 + number % 5),
            learner="rules" if number < 3 else "choice_linear",
            reason="worse than the serving one by 0.03 [0.01, 0.05]" if rejected
            else "not worse than the serving one",
        )  # fmt: skip
