"""What all workflows work with, set once by the app before the engine starts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy.orm import Session

from projects import scheme as schemes
from projects.kinds import registry
from projects.kit import database
from projects.kit.database import now as this_moment
from projects.kit.engine import Lane
from projects.kit.label_studio import LabelStudioReader, LabelStudioWriter
from projects.scheme import Scheme
from sandbox_sync.db import messages, notices, production
from sandbox_sync.db.events import is_large
from sandbox_sync.db.tables import Event
from sandbox_sync.feedback import Message
from sandbox_sync.notifiers.base import Notifier
from sandbox_sync.settings import Settings

EVENTS = Lane("events", concurrency=4, poll_seconds=0.1)
LOOKS = Lane("looks", concurrency=1)
"""Looks at a whole project take seconds; feedback on one answer must not wait behind them."""
TENDING = Lane("tending", concurrency=2, one_per_key=True)
MESSAGES = Lane("messages", concurrency=4, one_per_key=True, poll_seconds=0.1)
SANDBOX_EVENTS = Lane("sandbox-events", concurrency=2, poll_seconds=0.1)
"""Apart: every member of the sandbox can send as many of these as they like."""
LANES = (EVENTS, LOOKS, SANDBOX_EVENTS, TENDING, MESSAGES)

OVERLAP = timedelta(seconds=60)
"""How far each look reaches back behind the newest change that was seen."""


class Accepts(Protocol):
    """Takes work on, within the caller's transaction."""

    def accept(
        self,
        session: Session,
        lane: Lane,
        workflow_name: str,
        *args: Any,
        key: str,
        lane_key: str | None = None,
    ) -> bool:
        """Once per ``key``; False when the key is known."""

    def close(self) -> None:
        """Give the connections back."""


@dataclass
class Room:
    """Clients, database and settings of one process."""

    settings: Settings
    sessions: database.Sessions
    acceptor: Accepts
    production: LabelStudioReader
    sandbox: LabelStudioWriter
    notifier: Notifier
    hooked: set[int] = field(default_factory=set)
    """Lanes whose webhook this process has made sure of."""
    added: dict[int, str] = field(default_factory=dict)
    """Kind by id of the production projects that were added by hand; see :meth:`refresh`."""

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One session, one transaction."""
        with database.transaction(self.sessions) as session:
            yield session

    def refresh(self) -> None:
        """Learn which projects were added or removed by hand since the last time."""
        with self.transaction() as session:
            self.added = production.added(session)

    @property
    def followed(self) -> dict[int, str]:
        """Kind by id of every production project that is practised on."""
        return self.added | self.settings.projects

    def scheme(self, kind: str, label_config: str) -> Scheme:
        """How answers of this kind, given with this labelling config, are read and compared."""
        return schemes.of_kind(registry.load(kind), label_config)

    def title(self, kind: str) -> str:
        """What people call this kind."""
        return registry.load(kind).title

    def accept_event(self, session: Session, event: Event) -> None:
        """Have somebody look at what an event hints at."""
        lane = LOOKS if is_large(event.action, event.hint) else EVENTS
        if event.source == "sandbox":
            lane = SANDBOX_EVENTS
        key = f"event:{event.key}:{event.attempts}"
        self.acceptor.accept(session, lane, "handle_event", event.key, key=key)

    def accept_tending(self, session: Session, lane_id: int, *, reason: str) -> None:
        """Have a lane brought into step; ``reason`` names the occasion, once each."""
        self.acceptor.accept(
            session,
            TENDING,
            "tend_lane",
            lane_id,
            key=f"tend:{lane_id}:{reason}",
            lane_key=str(lane_id),
        )

    def accept_message(
        self, session: Session, feedback_id: int, trainee_id: int, *, attempt: int = 0
    ) -> None:
        """Have a message sent."""
        self.acceptor.accept(
            session,
            MESSAGES,
            "send_feedback",
            feedback_id,
            key=f"feedback:{feedback_id}:{attempt}",
            lane_key=str(trainee_id),
        )

    def tell(self, session: Session, *, key: str, email: str, message: Message) -> bool:
        """Have one person told something, once per ``key``; False when they were.

        Kept in the caller's transaction, and sent after it: nothing is told that
        was not committed.
        """
        notice_id = notices.keep(session, key=key, email=email, message=message, now=this_moment())
        if notice_id is not None:
            self._accept_notice(session, notice_id, email)
        return notice_id is not None

    def _accept_notice(
        self, session: Session, notice_id: int, email: str, *, attempt: int = 0
    ) -> None:
        self.acceptor.accept(
            session,
            MESSAGES,
            "send_notice",
            notice_id,
            key=f"notice:{notice_id}:{attempt}",
            lane_key=notices.lane_of(session, email),
        )

    def accept_due_messages(self, session: Session, *, now: datetime) -> int:
        """Have every message sent that did not get out before."""
        due = messages.take_due(session, now=now, limit=200)
        for feedback_id, trainee_id, attempt in due:
            self.accept_message(session, feedback_id, trainee_id, attempt=attempt)
        notes = notices.take_due(session, now=now, limit=200)
        for notice_id, email, attempt in notes:
            self._accept_notice(session, notice_id, email, attempt=attempt)
        return len(due) + len(notes)


_bound: list[Room] = []


def bind(room: Room | None) -> None:
    """Set (or, with ``None``, clear) the room of this process."""
    _bound[:] = [] if room is None else [room]


def current() -> Room:
    """The room of this process."""
    if not _bound:
        raise RuntimeError("the app has not been started: no room is bound")
    return _bound[0]
