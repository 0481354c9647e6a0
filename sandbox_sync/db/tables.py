"""The tables; every "once" of the product is a unique constraint here."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from projects.kit.database import UtcTime


class Base(DeclarativeBase):
    """The parent of all tables."""

    type_annotation_map = {datetime: UtcTime(), dict[str, Any]: sa.JSON(), list[Any]: sa.JSON()}  # noqa: RUF012 - as SQLAlchemy wants


class Event(Base):
    """One webhook call: which ids it hints at, and whether we have looked."""

    __tablename__ = "event"
    key: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str]
    action: Mapped[str]
    hint: Mapped[dict[str, Any]]
    received_at: Mapped[datetime]
    retry_at: Mapped[datetime]
    """When its work is accepted again, if nobody has finished it by then."""
    attempts: Mapped[int] = mapped_column(default=0)
    handled_at: Mapped[datetime | None] = mapped_column(index=True)


class ProductionProject(Base):
    """What we last saw of a production project."""

    __tablename__ = "production_project"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    label_config: Mapped[str] = mapped_column(default="")
    guidelines: Mapped[str] = mapped_column(default="")
    sampling: Mapped[str] = mapped_column(default="")
    model_version: Mapped[str] = mapped_column(default="")
    task_count: Mapped[int] = mapped_column(default=0)
    looked_until: Mapped[datetime | None]


class ProductionTask(Base):
    """A production task that is, or was, eligible for practice."""

    __tablename__ = "production_task"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    project_id: Mapped[int] = mapped_column(sa.ForeignKey("production_project.id"), index=True)
    kind: Mapped[str]
    eligible_at: Mapped[datetime]
    snapshot: Mapped[str]
    """Digest of the newest snapshot."""
    data_digest: Mapped[str]
    looked_at: Mapped[datetime]
    """Label Studio's own moment of the newest state that we stored; older ones come too late."""
    deleted_at: Mapped[datetime | None]


class SnapshotRow(Base):
    """A frozen production task; never changed."""

    __tablename__ = "snapshot"
    digest: Mapped[str] = mapped_column(primary_key=True)
    production_task_id: Mapped[int] = mapped_column(index=True)
    kind: Mapped[str]
    data: Mapped[dict[str, Any]]
    data_digest: Mapped[str]
    label_config: Mapped[str]
    guidelines: Mapped[str]
    guideline_version: Mapped[str]
    suggestion: Mapped[dict[str, Any] | None]
    taken_at: Mapped[datetime]


class Trainee(Base):
    """A member of the sandbox instance who practises."""

    __tablename__ = "trainee"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Their user id in the sandbox Label Studio."""
    email: Mapped[str]
    since: Mapped[datetime]
    left_at: Mapped[datetime | None]


class LaneRow(Base):
    """One trainee's queue of one kind: a project of their own in the sandbox."""

    __tablename__ = "lane"
    __table_args__ = (sa.UniqueConstraint("trainee_id", "production_project_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    trainee_id: Mapped[int] = mapped_column(sa.ForeignKey("trainee.id"))
    production_project_id: Mapped[int] = mapped_column(sa.ForeignKey("production_project.id"))
    kind: Mapped[str]
    sandbox_project_id: Mapped[int | None] = mapped_column(unique=True)
    applied: Mapped[str] = mapped_column(default="")
    """Digest of the config and guidelines that we last brought there."""
    seen: Mapped[str] = mapped_column(default="")
    """Digest of the same as the sandbox then showed it; another now: somebody changed it."""
    looked_until: Mapped[datetime | None]


class PracticeItem(Base):
    """One trainee's copy of one snapshot: reserved here first, then made in the sandbox."""

    __tablename__ = "practice_item"
    __table_args__ = (sa.UniqueConstraint("snapshot", "trainee_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    snapshot: Mapped[str] = mapped_column(sa.ForeignKey("snapshot.digest"), index=True)
    production_task_id: Mapped[int] = mapped_column(index=True)
    trainee_id: Mapped[int] = mapped_column(sa.ForeignKey("trainee.id"))
    lane_id: Mapped[int] = mapped_column(sa.ForeignKey("lane.id"), index=True)
    sandbox_task_id: Mapped[int | None] = mapped_column(unique=True)
    reserved_at: Mapped[datetime]
    attempted_at: Mapped[datetime | None]
    """When we last began to make the copy in Label Studio."""
    suggested_at: Mapped[datetime | None]
    """When the copy got its suggestion, or was found to have none to get."""
    skipped_at: Mapped[datetime | None]


class Submission(Base):
    """The trainee's first answer to an item, as we first saw it; never changed."""

    __tablename__ = "submission"
    item_id: Mapped[int] = mapped_column(sa.ForeignKey("practice_item.id"), primary_key=True)
    annotation_id: Mapped[int]
    answer: Mapped[list[Any]]
    candidate_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    lead_time_seconds: Mapped[float | None]


class Reference(Base):
    """Production's committed answer to a task, as it is now; no row when there is none."""

    __tablename__ = "reference"
    production_task_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    annotation_id: Mapped[int] = mapped_column(index=True)
    answer: Mapped[list[Any]]
    data_digest: Mapped[str]
    reference_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class Comparison(Base):
    """The outcome of one practice item; ``revision`` counts how often it changed."""

    __tablename__ = "comparison"
    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(sa.ForeignKey("practice_item.id"), unique=True)
    revision: Mapped[int] = mapped_column(default=1)
    outcome: Mapped[str]
    """Digest; the same outcome is told once."""
    agreement: Mapped[float | None]
    differences: Mapped[list[Any]]
    reference_answer: Mapped[list[Any]]
    reference_at: Mapped[datetime]
    candidate_at: Mapped[datetime]
    compared_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    """Set while production has no answer to compare with."""


class Feedback(Base):
    """One message to one trainee about one state of a comparison."""

    __tablename__ = "feedback"
    __table_args__ = (sa.UniqueConstraint("comparison_id", "revision"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    comparison_id: Mapped[int] = mapped_column(sa.ForeignKey("comparison.id"))
    revision: Mapped[int]
    state: Mapped[str] = mapped_column(index=True)
    """``pending``, ``sent`` or ``superseded``."""
    attempts: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime]
    answers_at: Mapped[datetime]
    """When the later of the two answers was given; latency counts from here."""
    sent_at: Mapped[datetime | None]
    receipt: Mapped[str | None]


class OutboxMessage(Base):
    """A message of the console notifier."""

    __tablename__ = "outbox"
    key: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str]
    text: Mapped[str]
    blocks: Mapped[list[Any]]
    stored_at: Mapped[datetime]
