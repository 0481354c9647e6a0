"""Every table of the machine half. Moments are aware and in UTC."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from projects.kit.database import UtcTime

MIGRATIONS = Path(__file__).parent / "migrations"

Json = dict[str, Any] | list[Any]
Marks = list[dict[str, Any]]
"""An answer as ``answer_to_json`` writes it."""


class Base(DeclarativeBase):
    """The tables that Alembic knows."""

    type_annotation_map = {datetime: UtcTime, Json: sa.JSON, Marks: sa.JSON}  # noqa: RUF012 - SQLAlchemy's own form


class Event(Base):
    """One webhook call, reduced to what we use; its unique key makes repeats harmless."""

    __tablename__ = "event"
    __table_args__ = (sa.Index("ix_event_of_project", "project_id", "handled_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    action: Mapped[str]
    project_id: Mapped[int]
    body: Mapped[Json]
    received_at: Mapped[datetime]
    handled_at: Mapped[datetime | None] = mapped_column(index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]


class ProjectRow(Base):
    """What Label Studio says of a project, and what people decided about its models."""

    __tablename__ = "project"
    project_id: Mapped[int] = mapped_column(primary_key=True)
    config: Mapped[str] = mapped_column(default="")
    """Its labelling config at the last look; empty before the first."""
    config_problem: Mapped[str | None]
    """Why the kind cannot answer under that config."""
    overlap: Mapped[int] = mapped_column(default=1)
    """How many annotations finish a task (Label Studio's ``maximum_annotations``)."""
    skips_count: Mapped[bool] = mapped_column(default=False)
    """Whether a skip is one of them (Label Studio's ``IGNORE_SKIPPED``)."""
    people: Mapped[Json] = mapped_column(default=list)
    """Who annotated in the hour before the last look, by id."""
    gone: Mapped[bool] = mapped_column(default=False)
    """Deleted in Label Studio."""
    pinned: Mapped[bool] = mapped_column(default=False)
    """The serving version stays until a person says otherwise."""
    rolled_back_at: Mapped[datetime | None]
    """When live accuracy last made an older version serve again."""


class TaskRow(Base):
    """A Label Studio task: the text to learn from, and nothing else of its data."""

    __tablename__ = "task"
    project_id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    seen_at: Mapped[datetime]
    touched_at: Mapped[datetime | None]
    """When Label Studio said it was touched last, as it was when a look compared it."""
    deleted: Mapped[bool] = mapped_column(default=False)


class AnnotationRow(Base):
    """The newest state we know of one annotation; deleted ones stay, so that they stay deleted."""

    __tablename__ = "annotation"
    __table_args__ = (sa.Index("ix_annotation_of_task", "project_id", "task_id"),)
    annotation_id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(index=True)
    task_id: Mapped[int | None] = mapped_column(index=True)
    created_at: Mapped[datetime | None]
    updated_at: Mapped[datetime | None]
    completed_by: Mapped[int | None]
    lead_time_seconds: Mapped[float | None]
    usable: Mapped[bool] = mapped_column(default=False)
    skipped: Mapped[bool] = mapped_column(default=False)
    ground_truth: Mapped[bool] = mapped_column(default=False)
    answer: Mapped[Marks] = mapped_column(default=list)
    shown: Mapped[Json | None] = mapped_column(sa.JSON(none_as_null=True))
    """What Label Studio says the person saw: version, confidence, answer.

    Empty when it says that nothing was shown, ``None`` when it has not said.
    """
    shown_as_of: Mapped[datetime | None]
    deleted: Mapped[bool] = mapped_column(default=False)


class LabelRow(Base):
    """The accepted answer to a task, one a task: what training learns from."""

    __tablename__ = "label"
    project_id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(primary_key=True)
    annotation_id: Mapped[int]
    answer: Mapped[Marks]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    completed_by: Mapped[int | None]
    lead_time_seconds: Mapped[float | None]
    ground_truth: Mapped[bool]
    arm: Mapped[str]
    suggested_version: Mapped[str | None]
    suggested_confidence: Mapped[float | None]
    suggested_answer: Mapped[Marks | None] = mapped_column(sa.JSON(none_as_null=True))
    outcome: Mapped[str]
    suggestion_estimated: Mapped[bool]
    """Label Studio did not say what was shown; this is what had been published."""


class MarkRow(Base):
    """How far the labels of a project have come, and how far training has followed."""

    __tablename__ = "training_mark"
    project_id: Mapped[int] = mapped_column(primary_key=True)
    wanted: Mapped[int] = mapped_column(default=0)
    trained: Mapped[int] = mapped_column(default=0)
    forced: Mapped[int] = mapped_column(default=0)
    forced_done: Mapped[int] = mapped_column(default=0)
    first_change_at: Mapped[datetime | None]
    last_change_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None]
    fit_failures: Mapped[int] = mapped_column(default=0)
    """Trainings that failed one after the other."""
    fit_failed_at: Mapped[datetime | None]


class VersionRow(Base):
    """One trained model: an immutable folder, and how it came to serve or not."""

    __tablename__ = "model_version"
    __table_args__ = (sa.UniqueConstraint("project_id", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(index=True)
    number: Mapped[int]
    name: Mapped[str]
    kind: Mapped[str]
    state: Mapped[str]
    """``champion`` serves, ``retired`` did, ``rejected`` never will."""
    learner: Mapped[str] = mapped_column(default="")
    """The file of ``learners`` that learned it."""
    reason: Mapped[str] = mapped_column(default="")
    """Why it serves or does not, in a sentence for engineers."""
    cause: Mapped[str] = mapped_column(index=True)
    """The key of the training that made it, so that a repeated training makes it once."""
    labels: Mapped[int]
    """Labels known when it was trained, the held-out ones included."""
    trained_on: Mapped[int]
    """Labels that it learned from."""
    held_out: Mapped[float | None]
    held_out_low: Mapped[float | None]
    held_out_high: Mapped[float | None]
    held_out_n: Mapped[int]
    calibration_error: Mapped[float | None]
    """Expected calibration error on held-out labels, in [0, 1], and its 95% interval.

    On those of the random arm, where there is one.
    """
    calibration_error_low: Mapped[float | None]
    calibration_error_high: Mapped[float | None]
    calibration_error_n: Mapped[int] = mapped_column(default=0)
    line_slope: Mapped[float] = mapped_column(default=1.0)
    line_offset: Mapped[float] = mapped_column(default=0.0)
    """What its learner's confidence is put on (:mod:`backend_ml.recalibration`)."""
    full_fit_labels: Mapped[int] = mapped_column(default=0)
    """Labels at the last fit from scratch that this version goes back to."""
    tracked: Mapped[str | None]
    """The run in the tracking server that tells of it."""
    seconds: Mapped[float]
    first_change_at: Mapped[datetime | None]
    last_change_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    serving_at: Mapped[datetime | None]


class AssignmentRow(Base):
    """The arm in which a task was drawn for publication."""

    __tablename__ = "assignment"
    project_id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(primary_key=True)
    arm: Mapped[str]
    epoch: Mapped[int]
    drawn_at: Mapped[datetime]


class PlanRow(Base):
    """A decision what to publish next; unfinished ones are carried out again."""

    __tablename__ = "publish_plan"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(index=True)
    version: Mapped[str]
    epoch: Mapped[int]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class PublicationRow(Base):
    """One prediction of one version for one task, decided on once and pushed once."""

    __tablename__ = "publication"
    __table_args__ = (sa.Index("ix_publication_project_task", "project_id", "task_id"),)
    project_id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(primary_key=True)
    plan_id: Mapped[int] = mapped_column(sa.ForeignKey("publish_plan.id"), index=True)
    confidence: Mapped[float]
    answer: Mapped[Marks]
    mark_confidences: Mapped[Json]
    abstained: Mapped[bool] = mapped_column(default=False)
    """The model had nothing worth showing; pushed empty, so that the task has its place."""
    pushed_at: Mapped[datetime | None]
    pruning_at: Mapped[datetime | None]
    """When it was decided to remove it from Label Studio again."""
    pruned_at: Mapped[datetime | None]


class LookRow(Base):
    """When a project was last compared with Label Studio."""

    __tablename__ = "look"
    project_id: Mapped[int] = mapped_column(primary_key=True)
    looked_at: Mapped[datetime | None]
    looks: Mapped[int] = mapped_column(default=0)
    config: Mapped[str | None]
    """The labelling config under which every answer was read."""


def hold(session: Session, project_id: int) -> None:
    """Make this transaction the only one that changes the project, until it ends.

    SQLite transactions have the write lock from their beginning.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(7_090, project_id)))
