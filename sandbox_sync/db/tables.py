"""The tables; every "once" of the product is a unique constraint here."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from sandbox_sync.db.base import Base as Base
from sandbox_sync.db.message_tables import Delivery as Delivery
from sandbox_sync.db.message_tables import Feedback as Feedback
from sandbox_sync.db.message_tables import Notice as Notice
from sandbox_sync.db.message_tables import OutboxMessage as OutboxMessage
from sandbox_sync.db.message_tables import SendingPause as SendingPause


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
    told: Mapped[int] = mapped_column(default=0)
    """How often we were told of the same thing; only that a project has answers is told again."""
    begun: Mapped[int] = mapped_column(default=0)
    """``told`` as it was when the newest look began."""


class ProductionProject(Base):
    """What we last saw of a production project."""

    __tablename__ = "production_project"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    label_config: Mapped[str] = mapped_column(default="")
    guidelines: Mapped[str] = mapped_column(default="")
    sampling: Mapped[str] = mapped_column(default="")
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Its other fields that change how tasks are worked on; ``vocabulary.WORK_SETTINGS``."""
    model_version: Mapped[str] = mapped_column(default="")
    task_count: Mapped[int] = mapped_column(default=0)
    looked_until: Mapped[datetime | None]
    title: Mapped[str] = mapped_column(default="")
    policy: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Of a project that was added by hand; a kind of the settings brings its own."""
    added_at: Mapped[datetime | None]
    """When it was added by hand; ``None`` for a project of the settings."""
    removed_at: Mapped[datetime | None]
    """When practice on it was ended by hand."""
    derived_with: Mapped[str] = mapped_column(default="")
    """Digest of the policy that its references were derived and compared with."""


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


class FrozenData(Base):
    """What the references in a production task's data stood for; kept from when it appeared."""

    __tablename__ = "frozen_data"
    production_task_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data_digest: Mapped[str]
    """Of production's own data; with other data everything begins anew."""
    data: Mapped[dict[str, Any] | None]
    """With everything resolved; ``None`` while something cannot be."""
    sources: Mapped[list[Any]]
    begun_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None] = mapped_column(index=True)
    missing: Mapped[int] = mapped_column(default=0, index=True)
    """How many references a mark stands for."""
    frozen_at: Mapped[datetime | None]


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
    sources: Mapped[list[Any]] = mapped_column(default=list)
    """What in ``data`` was resolved from where, when: field, provider, digest, moment, trouble."""
    taken_at: Mapped[datetime]


class Trainee(Base):
    """A member of the sandbox instance who practises."""

    __tablename__ = "trainee"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Their user id in the sandbox Label Studio."""
    email: Mapped[str]
    since: Mapped[datetime]
    left_at: Mapped[datetime | None]
    """When they were gone from the sandbox, or a trainer ended their practice."""
    ended_by: Mapped[str | None]
    """The trainer who ended it; such a one does not come back by being a member."""
    paused_at: Mapped[datetime | None]
    time_zone: Mapped[str] = mapped_column(default="UTC")
    quiet_from: Mapped[int | None]
    """Minute of their own day from which no message is sent; ``None`` for no quiet hours."""
    quiet_until: Mapped[int | None]
    digest: Mapped[str] = mapped_column(default="each")
    """``each``, ``hourly`` or ``daily``: how messages come."""
    digest_at: Mapped[int] = mapped_column(default=17 * 60)
    """Minute of their own day at which a daily digest comes."""


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
    paused_at: Mapped[datetime | None]
    generation: Mapped[int] = mapped_column(default=1)
    """Counts the lane's projects: a config that the old one cannot take begins a new one."""


class LaneProject(Base):
    """A project that a lane has or had in the sandbox."""

    __tablename__ = "lane_project"
    sandbox_project_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    lane_id: Mapped[int] = mapped_column(sa.ForeignKey("lane.id"), index=True)
    generation: Mapped[int]
    made_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]
    """When the next generation took its place; its answers stay and are still looked at."""
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
    sandbox_project_id: Mapped[int | None]
    """The project that the task is in; of an earlier generation, maybe."""
    gold_id: Mapped[int | None] = mapped_column(sa.ForeignKey("gold_item.id"), index=True)
    """Set when it was put into the queue because it is gold."""
    instead_of: Mapped[int | None]
    """The production task whose place such an item took; the trainee does not get that one."""
    reserved_at: Mapped[datetime]
    attempted_at: Mapped[datetime | None]
    """When we last began to make the copy in Label Studio."""
    suggested_at: Mapped[datetime | None]
    """When the copy got its suggestion, or was found to have none to get."""
    skipped_at: Mapped[datetime | None]
    looked_at: Mapped[datetime | None]
    """Label Studio's own moment of the newest state that we stored; older ones come too late."""
    answer_count: Mapped[int] = mapped_column(default=0)
    """How many answers have counted so far, one after the other; see ``Submission.revision``."""
    expired_at: Mapped[datetime | None]
    """When it was taken out of the queue unanswered; it does not come back."""
    revealed_at: Mapped[datetime | None]
    """When the reference was put beside the trainee's answer in the sandbox."""
    reveal_prediction_id: Mapped[int | None]
    """Of the reference there; ``None`` while we do not know."""
    revealed_revision: Mapped[int | None]
    """The comparison's revision when it was put there."""


class Submission(Base):
    """The trainee's answer that counts: the first, or the newest where the policy says so."""

    __tablename__ = "submission"
    item_id: Mapped[int] = mapped_column(sa.ForeignKey("practice_item.id"), primary_key=True)
    annotation_id: Mapped[int]
    answer: Mapped[list[Any]]
    regions: Mapped[list[Any]] = mapped_column(default=list)
    """As Label Studio had it."""
    candidate_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    lead_time_seconds: Mapped[float | None]
    revision: Mapped[int] = mapped_column(default=1)
    """Counts the answers that counted, one after the other."""


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
    """Of several acceptable answers the closest."""
    reference_source: Mapped[str] = mapped_column(default="production")
    """``production`` or ``gold``."""
    reference_at: Mapped[datetime]
    candidate_at: Mapped[datetime]
    compared_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    """Set while production has no answer to compare with."""


class GoldItem(Base):
    """A snapshot whose acceptable answers are settled; they go before production's answer."""

    __tablename__ = "gold_item"
    id: Mapped[int] = mapped_column(primary_key=True)
    production_project_id: Mapped[int] = mapped_column(
        sa.ForeignKey("production_project.id"), index=True
    )
    kind: Mapped[str]
    snapshot: Mapped[str] = mapped_column(sa.ForeignKey("snapshot.digest"), unique=True)
    origin: Mapped[str]
    """``file``, ``workers`` (they agreed), ``trainer`` or ``appeal``."""
    source_key: Mapped[str | None] = mapped_column(unique=True)
    """The name that a file gives it."""
    in_queue: Mapped[bool] = mapped_column(default=True)
    """Whether it is mixed into queues; a repaired key of an ordinary item need not be."""
    revision: Mapped[int] = mapped_column(default=1)
    made_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]
    """From then on it is given to nobody; what was compared with it stays."""
    retired_why: Mapped[str] = mapped_column(default="")
    counts: Mapped[bool] = mapped_column(default=True)
    """Off for a retired key that was wrong: what was compared with it does not count either."""


class GoldRevision(Base):
    """One state of a gold key; never changed."""

    __tablename__ = "gold_revision"
    __table_args__ = (sa.UniqueConstraint("gold_id", "revision"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    gold_id: Mapped[int] = mapped_column(sa.ForeignKey("gold_item.id"))
    revision: Mapped[int]
    answers: Mapped[list[Any]]
    """Every acceptable answer, as :func:`projects.vocabulary.answer_to_json` writes them."""
    regions: Mapped[list[Any]]
    """The same as Label Studio's regions, one list an answer."""
    made_by: Mapped[str]
    why: Mapped[str]
    made_at: Mapped[datetime]


class CommittedAnswer(Base):
    """One production worker's answer to one task, as it is now."""

    __tablename__ = "committed_answer"
    annotation_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    production_task_id: Mapped[int] = mapped_column(index=True)
    worker_id: Mapped[int | None] = mapped_column(index=True)
    answer: Mapped[list[Any]]
    regions: Mapped[list[Any]]
    data_digest: Mapped[str]
    """Of what the task said when the answer was seen."""
    is_reviewed: Mapped[bool]
    committed_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class ProductionWorker(Base):
    """What a trainer has said about a production worker; nobody here is simply a worker."""

    __tablename__ = "production_worker"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    is_good: Mapped[bool]
    said_by: Mapped[str]
    said_at: Mapped[datetime]


class Appeal(Base):
    """A trainee contests a comparison; a trainer rules."""

    __tablename__ = "appeal"
    __table_args__ = (sa.UniqueConstraint("comparison_id", "revision"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    comparison_id: Mapped[int] = mapped_column(sa.ForeignKey("comparison.id"), index=True)
    revision: Mapped[int]
    """Of the comparison that is contested."""
    trainee_id: Mapped[int] = mapped_column(sa.ForeignKey("trainee.id"), index=True)
    reason: Mapped[str]
    filed_at: Mapped[datetime]
    ruling: Mapped[str | None]
    """``upheld`` (the key was wrong), ``also`` (both are right) or ``dismissed``."""
    ruled_by: Mapped[str | None]
    ruled_at: Mapped[datetime | None]
    note: Mapped[str] = mapped_column(default="")


class ConfigChange(Base):
    """Production changed a labelling config, and what became of answers that it left behind."""

    __tablename__ = "config_change"
    id: Mapped[int] = mapped_column(primary_key=True)
    production_project_id: Mapped[int] = mapped_column(
        sa.ForeignKey("production_project.id"), index=True
    )
    before: Mapped[str]
    after: Mapped[str]
    report: Mapped[dict[str, Any]]
    """What was removed and added, how many answers use it, and what was done."""
    seen_at: Mapped[datetime]


class PracticeTime(Base):
    """Active seconds on one annotation between two looks at it; never changed."""

    __tablename__ = "practice_time"
    __table_args__ = (sa.UniqueConstraint("annotation_id", "annotation_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    trainee_id: Mapped[int] = mapped_column(sa.ForeignKey("trainee.id"), index=True)
    item_id: Mapped[int] = mapped_column(sa.ForeignKey("practice_item.id"))
    kind: Mapped[str]
    annotation_id: Mapped[int]
    annotation_at: Mapped[datetime]
    """Label Studio's moment of the state that was seen."""
    lead_time_seconds: Mapped[float]
    """As Label Studio counts it: all time on this annotation so far."""
    active_seconds: Mapped[float]
    """What is new of it since the last look, idle time left out."""
    day: Mapped[str] = mapped_column(index=True)
    """The trainee's own day, ``2026-05-04``."""
