"""The SQL of reaching one person: one sender at a time, what waits, and what went wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from projects.kit import database
from sandbox_sync import sending
from sandbox_sync.db.outcomes import PENDING, SENT
from sandbox_sync.db.tables import (
    Comparison,
    Delivery,
    Feedback,
    Notice,
    PracticeItem,
    SendingPause,
    Trainee,
)
from sandbox_sync.db.writing import insert_once
from sandbox_sync.sending import Piece, Wishes

HOLD = timedelta(seconds=120)
"""Longer than any try can take; then the sender is taken for dead."""
RUN, TRY = ":", "/"
"""Between the parts of a holder's name: executor, its run, its try."""


@dataclass(frozen=True)
class Waiting:
    """What waits for one person, and whether an earlier try may have got some of it out."""

    pieces: list[Piece]
    attempts: dict[Piece, int]
    since: datetime | None
    """The oldest of what was tried before with an end that we do not know."""


def take(session: Session, email: str, holder: str, *, now: datetime) -> bool | None:
    """Become the one who sends to this person; ``None`` when somebody else is.

    True when the one before has died in the middle of it: of another process by
    its silence, of this one by having been started again.
    """
    insert_once(session, Delivery, email=email, trouble="")
    row = _row(session, email)
    other = row.held_by if row.held_by != holder else None
    if other is not None and not _is_dead(other, holder) and (row.held_until or now) > now:
        return None
    row.held_by, row.held_until = holder, now + HOLD
    return other is not None


def holds(session: Session, email: str, holder: str) -> bool:
    """Whether this one still sends to this person."""
    row = session.get(Delivery, email, with_for_update=True, populate_existing=True)
    return row is not None and row.held_by == holder


def release(session: Session, email: str) -> None:
    """Somebody else may send to this person."""
    row = _row(session, email)
    row.held_by = row.held_until = None


def wishes(session: Session, email: str) -> Wishes:
    """How this person wants to be told."""
    row = session.scalar(sa.select(Trainee).where(_is(email)).order_by(Trainee.id.desc()).limit(1))
    return Wishes() if row is None else wishes_of(row)


def wishes_of(trainee: Trainee) -> Wishes:
    """How this trainee wants to be told."""
    return Wishes(
        time_zone=trainee.time_zone if sending.is_zone(trainee.time_zone) else "UTC",
        quiet_from=trainee.quiet_from,
        quiet_until=trainee.quiet_until,
        digest=trainee.digest,
        digest_at=trainee.digest_at,
    )


def waiting(session: Session, email: str) -> Waiting:
    """Everything that this person has not been told, in the order in which it came."""
    notices = session.scalars(
        sa.select(Notice)
        .where(Notice.state == PENDING, sa.func.lower(Notice.email) == email)
        .order_by(Notice.id)
    )
    feedback = session.scalars(_FEEDBACK.where(_is(email)).order_by(Feedback.id))
    rows: list[Notice | Feedback] = [*notices, *feedback]
    found = {Piece(row.id, isinstance(row, Feedback), row.not_before): row for row in rows}
    tried = [row for row in rows if row.attempts]
    moments = [row.answers_at if isinstance(row, Feedback) else row.made_at for row in tried]
    return Waiting(
        pieces=list(found),
        attempts={piece: row.attempts for piece, row in found.items()},
        since=min(moments, default=None),
    )


def keep_until(session: Session, moments: Mapping[Piece, datetime]) -> None:
    """These are not to be told before then."""
    for piece, moment in moments.items():
        if piece.not_before != moment:
            table = _table(piece)
            session.execute(
                sa.update(table)
                .where(table.id == piece.id)
                .values(not_before=moment, retry_at=moment)
            )


def mark_sent(
    session: Session, email: str, receipts: Mapping[Piece, str], *, now: datetime
) -> None:
    """These are out."""
    for piece, receipt in receipts.items():
        table = _table(piece)
        session.execute(
            sa.update(table)
            .where(table.id == piece.id)
            .values(state=SENT, sent_at=now, receipt=receipt)
        )
    row = _row(session, email)
    row.failing_since, row.trouble, row.told_at = None, "", now


def mark_digest(
    session: Session, pieces: Iterable[Piece], *, key: str, email: str, text: str, now: datetime
) -> None:
    """Remember that these were told in one message."""
    insert_once(
        session,
        Notice,
        key=key,
        email=email,
        text=text,
        blocks=[],
        state=SENT,
        attempts=0,
        made_at=now,
        retry_at=now,
        sent_at=now,
    )
    notice_id = session.scalar(sa.select(Notice.id).where(Notice.key == key))
    session.execute(
        sa.update(Feedback)
        .where(Feedback.id.in_([piece.id for piece in pieces]))
        .values(notice_id=notice_id)
    )


def mark_failed(
    session: Session,
    email: str,
    pieces: Sequence[Piece],
    *,
    trouble: str,
    retry_at: datetime,
    now: datetime,
) -> None:
    """The try failed: all that waits is due again together, so that the order stays."""
    for piece in pieces:
        table = _table(piece)
        session.execute(
            sa.update(table)
            .where(table.id == piece.id, table.state == PENDING)
            .values(retry_at=retry_at, attempts=table.attempts + 1)
        )
    row = _row(session, email)
    row.failing_since, row.trouble = row.failing_since or now, trouble


def due(session: Session, *, now: datetime, limit: int) -> list[str]:
    """Whom something is to be told that no other moment is waited for."""
    feedback = (
        sa.select(sa.func.lower(Trainee.email))
        .join(PracticeItem, PracticeItem.trainee_id == Trainee.id)
        .join(Comparison, Comparison.item_id == PracticeItem.id)
        .join(Feedback, Feedback.comparison_id == Comparison.id)
        .where(Feedback.state == PENDING, Feedback.retry_at <= now)
    )
    notices = sa.select(sa.func.lower(Notice.email)).where(
        Notice.state == PENDING, Notice.retry_at <= now
    )
    return list(session.scalars(sa.union(feedback, notices).limit(limit)))


def ask_again(session: Session, trainee_id: int, *, now: datetime) -> None:
    """The wishes have changed: when to tell what waits is decided anew."""
    mine = (
        sa.select(Feedback.id)
        .join(Comparison, Comparison.id == Feedback.comparison_id)
        .join(PracticeItem, PracticeItem.id == Comparison.item_id)
        .where(PracticeItem.trainee_id == trainee_id, Feedback.state == PENDING)
    )
    session.execute(
        sa.update(Feedback).where(Feedback.id.in_(mine)).values(not_before=None, retry_at=now)
    )


@dataclass(frozen=True)
class State:
    """Whether messages reach one person."""

    pending: int
    oldest: datetime | None
    """When the later answer was given of what has waited longest."""
    failing_since: datetime | None
    trouble: str
    told_at: datetime | None


def state_of(session: Session, emails: Iterable[str]) -> dict[str, State]:
    """By e-mail in lower case, of those of these people to whom we ever had something to say."""
    wanted = sorted({email.lower() for email in emails})
    waiting: dict[str, list[datetime]] = {}
    mine = sa.func.lower(Trainee.email)
    feedback = _FEEDBACK.with_only_columns(mine, Feedback.answers_at).where(mine.in_(wanted))
    notices = sa.select(sa.func.lower(Notice.email), Notice.made_at).where(
        Notice.state == PENDING, sa.func.lower(Notice.email).in_(wanted)
    )
    for email, moment in [*session.execute(feedback), *session.execute(notices)]:
        waiting.setdefault(email, []).append(moment)
    rows = {
        row.email: row
        for row in session.scalars(sa.select(Delivery).where(Delivery.email.in_(wanted)))
    }
    return {
        email: State(
            pending=len(waiting.get(email, [])),
            oldest=min(waiting.get(email, []), default=None),
            failing_since=row.failing_since if row is not None else None,
            trouble=row.trouble if row is not None else "",
            told_at=row.told_at if row is not None else None,
        )
        for email in waiting.keys() | rows.keys()
        for row in [rows.get(email)]
    }


class SlackMemory:
    """What Slack told us, in the database: it holds for every process, and after a restart."""

    def __init__(self, sessions: database.Sessions, reading: database.Sessions) -> None:
        self._sessions = sessions
        self._reading = reading

    def channel(self, email: str) -> str | None:
        """The conversation with this person, if it was found before."""
        with self._reading() as session:
            return session.scalar(
                sa.select(Delivery.channel).where(Delivery.email == email.lower())
            )

    def keep_channel(self, email: str, channel: str | None) -> None:
        """Remember it, or with ``None`` forget it."""
        with database.transaction(self._sessions) as session:
            insert_once(session, Delivery, email=email.lower(), trouble="")
            _row(session, email.lower()).channel = channel

    def paused_until(self, method: str) -> datetime | None:
        """Until when this method may not be called."""
        with self._reading() as session:
            return session.scalar(
                sa.select(SendingPause.until).where(SendingPause.method == method)
            )

    def pause(self, method: str, until: datetime) -> None:
        """Slack wants this method left alone until then."""
        with database.transaction(self._sessions) as session:
            insert_once(session, SendingPause, method=method, until=until)
            row = session.get_one(SendingPause, method, with_for_update=True)
            row.until = max(row.until, until)


_FEEDBACK = (
    sa.select(Feedback)
    .join(Comparison, Comparison.id == Feedback.comparison_id)
    .join(PracticeItem, PracticeItem.id == Comparison.item_id)
    .join(Trainee, Trainee.id == PracticeItem.trainee_id)
    .where(Feedback.state == PENDING)
)


def _is(email: str) -> sa.ColumnElement[bool]:
    return sa.func.lower(Trainee.email) == email


def _row(session: Session, email: str) -> Delivery:
    return session.get_one(Delivery, email, with_for_update=True, populate_existing=True)


def _table(piece: Piece) -> type[Feedback] | type[Notice]:
    return Feedback if piece.is_feedback else Notice


def _is_dead(other: str, holder: str) -> bool:
    """Whether the other one is an earlier run of the same executor."""
    run = holder.partition(TRY)[0]
    executor = run.rpartition(RUN)[0]
    return other.startswith(f"{executor}{RUN}") and other.partition(TRY)[0] != run
