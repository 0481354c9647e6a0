"""The SQL of the inbox."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sandbox_sync.db.tables import Event
from sandbox_sync.db.writing import insert_once

ANSWERED = "ANSWERED"
"""Something was answered, or answered otherwise, in a project: which task it was is not said."""
PROJECT_UPDATED = "PROJECT_UPDATED"
MOST_TASKS = 50
"""An event of production with more ids than this has its whole project looked at instead."""
STALE = timedelta(seconds=30)
"""Work that was accepted longer ago than this and is not done is accepted again."""
LARGE_STALE = timedelta(minutes=5)
LONGEST = timedelta(hours=1)
SOON = timedelta(seconds=2)
"""Work that failed waits so long for its second attempt, and twice as long for each further one."""


def record(
    session: Session,
    *,
    key: str,
    source: str,
    action: str,
    hint: dict[str, Any],
    now: datetime,
    told: int = 0,
) -> bool:
    """Store one event; True only the first time its key is seen."""
    return insert_once(
        session,
        Event,
        key=key,
        source=source,
        action=action,
        hint=hint,
        received_at=now,
        retry_at=now + patience(action, hint, attempts=0),
        attempts=0,
        told=told,
        begun=0,
    )


def will_be_seen(session: Session, key: str) -> bool:
    """Whether a look at this has been asked for that has not begun, and so will see all."""
    event = session.get(Event, key)
    return event is not None and event.handled_at is None and event.begun < event.told


def tell(session: Session, *, key: str, source: str, hint: dict[str, Any], now: datetime) -> bool:
    """Ask for a look at what was answered; True when nobody is at it, so that work has to begin.

    A look that goes on sees at its end that it was told again, and looks again.
    """
    event = session.get(Event, key, with_for_update=True)
    if event is None:
        return record(session, key=key, source=source, action=ANSWERED, hint=hint, told=1, now=now)
    if event.handled_at is None:
        event.told += event.begun == event.told
        return False
    event.told += 1
    event.handled_at, event.attempts = None, 0
    event.received_at, event.retry_at = now, now + patience(ANSWERED, hint, attempts=0)
    return True


def begin_look(session: Session, key: str) -> int | None:
    """From now on whoever tells again has another look made; ``None`` when there is nothing new."""
    event = session.get(Event, key, with_for_update=True)
    if event is None or event.handled_at is not None:
        return None
    event.begun = event.told
    return event.told


def end_look(session: Session, key: str, told: int, *, now: datetime) -> bool:
    """The look that began with this count is over; False when we were told again meanwhile."""
    done = sa.update(Event).where(Event.key == key, Event.told == told).values(handled_at=now)
    return bool(session.execute(done.returning(Event.key)).all())


def get(session: Session, key: str) -> Event | None:
    """One event."""
    return session.get(Event, key)


def mark_handled(session: Session, key: str, *, now: datetime) -> None:
    """We have looked at what this event hinted at."""
    session.execute(sa.update(Event).where(Event.key == key).values(handled_at=now))


def mark_same_look(session: Session, event: Event, *, begun: datetime, now: datetime) -> None:
    """A look at a project does for every hint at it that came before the look began."""
    same = sa.select(Event).where(
        Event.source == event.source,
        Event.action == PROJECT_UPDATED,
        Event.handled_at.is_(None),
        Event.received_at <= begun,
    )
    for other in session.scalars(same):
        if other.hint.get("projects") == event.hint.get("projects"):
            other.handled_at = now


def is_large(action: str, hint: dict[str, Any]) -> bool:
    """Whether one look at the project is less work than a look at each task."""
    sizes = [len(found) for found in hint.values() if isinstance(found, (list, dict))]
    return action == PROJECT_UPDATED or max(sizes, default=0) > MOST_TASKS


def patience(action: str, hint: dict[str, Any], *, attempts: int) -> timedelta:
    """How long the work on an event may take; every attempt gets twice as long as the last."""
    return _doubled(LARGE_STALE if is_large(action, hint) else STALE, attempts)


def _doubled(first: timedelta, attempts: int) -> timedelta:
    return min(first * (1 << min(attempts, 11)), LONGEST)


def still_at_work(session: Session, event: Event, *, now: datetime) -> None:
    """The work on this event goes on: it is not accepted again for a while."""
    later = now + patience(event.action, event.hint, attempts=event.attempts)
    session.execute(sa.update(Event).where(Event.key == event.key).values(retry_at=later))


def make_due(session: Session, *, now: datetime) -> None:
    """Every unhandled event is due, whoever was at it: a second look changes nothing."""
    session.execute(
        sa.update(Event)
        .where(Event.handled_at.is_(None), Event.retry_at > now)
        .values(retry_at=now)
    )


def make_due_soon(session: Session, key: str, *, now: datetime) -> None:
    """The work on this event has failed: nobody is at it any more."""
    event = session.get(Event, key)
    if event is not None and event.handled_at is None:
        event.retry_at = min(event.retry_at, now + _doubled(SOON, event.attempts))


def take_stale(session: Session, *, now: datetime, limit: int) -> list[Event]:
    """Unhandled events that are due again, with their next attempt begun."""
    stale = session.scalars(
        sa.select(Event)
        .where(Event.handled_at.is_(None), Event.retry_at <= now)
        .order_by(Event.retry_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for event in stale:
        event.attempts += 1
        event.retry_at = now + patience(event.action, event.hint, attempts=event.attempts)
    session.flush()
    return list(stale)


def forget(session: Session, *, before: datetime) -> int:
    """Delete events handled before this moment."""
    done = sa.delete(Event).where(Event.handled_at < before).returning(Event.key)
    return len(session.scalars(done).all())


def oldest_unhandled(session: Session) -> datetime | None:
    """When the oldest event came that nobody has looked at."""
    return session.scalar(
        sa.select(sa.func.min(Event.received_at)).where(Event.handled_at.is_(None))
    )


def counts(session: Session) -> tuple[int, int]:
    """How many events there are, and how many are unhandled."""
    unhandled = sa.func.count().filter(Event.handled_at.is_(None))
    row = session.execute(sa.select(sa.func.count(), unhandled).select_from(Event)).one()
    return int(row[0]), int(row[1])
