"""The SQL of messages that are not about one comparison: kept first, then sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sandbox_sync.db.outcomes import PENDING, SENT
from sandbox_sync.db.tables import Notice, Trainee
from sandbox_sync.db.writing import insert_once
from sandbox_sync.feedback import Message

SENDING = timedelta(seconds=30)
"""How long the first try may take before the message is due again."""


@dataclass(frozen=True)
class Waiting:
    """A notice that is still to be sent."""

    key: str
    email: str
    message: Message


def keep(session: Session, *, key: str, email: str, message: Message, now: datetime) -> int | None:
    """Store a notice that is to be sent; ``None`` when its occasion is known."""
    is_new = insert_once(
        session,
        Notice,
        key=key,
        email=email,
        text=message.text,
        blocks=list(message.blocks),
        state=PENDING,
        attempts=0,
        made_at=now,
        retry_at=now + SENDING,
    )
    return session.scalar(sa.select(Notice.id).where(Notice.key == key)) if is_new else None


def waiting(session: Session, notice_id: int) -> Waiting | None:
    """A notice, if it is not out yet."""
    row = session.get(Notice, notice_id)
    if row is None or row.state != PENDING:
        return None
    return Waiting(row.key, row.email, Message(row.text, tuple(row.blocks)))


def mark_sent(session: Session, notice_id: int, receipt: str, *, now: datetime) -> None:
    """The notice is out."""
    session.execute(
        sa.update(Notice)
        .where(Notice.id == notice_id)
        .values(state=SENT, sent_at=now, receipt=receipt)
    )


def take_due(session: Session, *, now: datetime, limit: int) -> list[tuple[int, str, int]]:
    """Id, e-mail and attempt of the notices that did not get out and are due again."""
    due = session.scalars(
        sa.select(Notice)
        .where(Notice.state == PENDING, Notice.retry_at <= now)
        .order_by(Notice.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = []
    for row in due:
        row.attempts += 1
        row.retry_at = now + timedelta(seconds=min(3600, 15 * 2 ** min(row.attempts, 8)))
        taken.append((row.id, row.email, row.attempts))
    session.flush()
    return taken


def lane_of(session: Session, email: str) -> str:
    """What messages to one person wait for each other by: their number, or else their address."""
    number = session.scalar(
        sa.select(sa.func.max(Trainee.id)).where(sa.func.lower(Trainee.email) == email.lower())
    )
    return email.lower() if number is None else str(number)
