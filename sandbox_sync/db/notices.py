"""The SQL of messages that are not about one comparison: kept first, then sent."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sandbox_sync.db.outcomes import FIRST_LOOK, PENDING
from sandbox_sync.db.tables import Notice
from sandbox_sync.db.writing import insert_once
from sandbox_sync.feedback import Message


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
        retry_at=now + FIRST_LOOK,
    )
    return session.scalar(sa.select(Notice.id).where(Notice.key == key)) if is_new else None


def message(session: Session, notice_id: int) -> Message | None:
    """What a notice says, if it is not out yet."""
    row = session.get(Notice, notice_id)
    if row is None or row.state != PENDING:
        return None
    return Message(row.text, tuple(row.blocks))
