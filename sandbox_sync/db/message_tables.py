"""The tables of what people are told: feedback, notices, and how they are reached."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from sandbox_sync.db.base import Base


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
    not_before: Mapped[datetime | None]
    """Quiet hours, or a digest that it waits for."""
    notice_id: Mapped[int | None] = mapped_column(sa.ForeignKey("notice.id"), index=True)
    """The digest in which it is told."""


class Notice(Base):
    """A message that is not about one comparison: a digest, a ruling, a report to trainers."""

    __tablename__ = "notice"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    """Names the occasion, so that it is told once."""
    email: Mapped[str]
    text: Mapped[str]
    blocks: Mapped[list[Any]]
    state: Mapped[str] = mapped_column(index=True)
    """``pending`` or ``sent``."""
    attempts: Mapped[int] = mapped_column(default=0)
    made_at: Mapped[datetime]
    retry_at: Mapped[datetime]
    not_before: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    receipt: Mapped[str | None]


class Delivery(Base):
    """How messages reach one person: who is sending to them now, and what went wrong."""

    __tablename__ = "delivery"
    email: Mapped[str] = mapped_column(primary_key=True)
    """In lower case."""
    channel: Mapped[str | None]
    """Slack's conversation with them, once it was found."""
    held_by: Mapped[str | None]
    """The process that is sending to them: one at a time."""
    held_until: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    trouble: Mapped[str] = mapped_column(default="")
    """Why the last try failed, in words; empty when it did not."""
    told_at: Mapped[datetime | None]
    """When the last message got out."""


class SendingPause(Base):
    """Until when one method of Slack may not be called; it said so with 429."""

    __tablename__ = "sending_pause"
    method: Mapped[str] = mapped_column(primary_key=True)
    until: Mapped[datetime]


class OutboxMessage(Base):
    """A message of the console notifier."""

    __tablename__ = "outbox"
    key: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str]
    text: Mapped[str]
    blocks: Mapped[list[Any]]
    stored_at: Mapped[datetime]
