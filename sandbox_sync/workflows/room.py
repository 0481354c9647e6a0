"""What all workflows work with, set once by the app before the engine starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Any, Protocol
from uuid import uuid4

from sqlalchemy.orm import Session

from projects import scheme as schemes
from projects.kinds import registry
from projects.kit import database
from projects.kit.database import now as this_moment
from projects.kit.engine import Lane
from projects.kit.label_studio import LabelStudioReader, LabelStudioWriter
from projects.scheme import Scheme
from sandbox_sync.db import by_hand, delivery, notices
from sandbox_sync.db.by_hand import Added
from sandbox_sync.db.delivery import RUN, TRY
from sandbox_sync.db.events import is_large
from sandbox_sync.db.tables import Event, Trainee
from sandbox_sync.feedback import Message
from sandbox_sync.notifiers.base import Notifier
from sandbox_sync.queueing import Draw
from sandbox_sync.settings import Settings
from sandbox_sync.workflows.hands import Hands
from sandbox_sync.workflows.looking import Seen

EVENTS = Lane("events", concurrency=4, poll_seconds=0.5)
LOOKS = Lane("looks", concurrency=1)
"""Looks at a whole project take seconds; feedback on one answer must not wait behind them."""
TENDING = Lane("tending", concurrency=2, one_per_key=True)
MESSAGES = Lane("messages", concurrency=4, one_per_key=True, poll_seconds=0.5)
SANDBOX_EVENTS = Lane("sandbox-events", concurrency=4, poll_seconds=0.5)
"""Apart: every member of the sandbox can send as many of these as they like."""
LANES = (EVENTS, LOOKS, SANDBOX_EVENTS, TENDING, MESSAGES)

AFTERWARDS = "afterwards"
"""Where a session keeps what is to begin after its commit."""
MOST_DUE = 200


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
    """Sandbox projects whose webhook this process has made sure of."""
    suggesting: set[int] = field(default_factory=set)
    """Sandbox projects in which this process has made sure that suggestions are shown."""
    seen_in_production: Seen = field(default_factory=Seen)
    seen_in_sandbox: Seen = field(default_factory=Seen)
    batches: dict[int, tuple[str, str, str, frozenset[int]]] = field(default_factory=dict)
    """By production project, what this process has recorded as published there."""
    refused: dict[int, datetime] = field(default_factory=dict)
    """Items whose reference the sandbox would not show, and when it was tried last."""
    looking: database.Sessions | None = None
    hands: Hands | None = None
    """Threads that begin what was accepted at once; without, the queue does."""
    project_looks: Lock = field(default_factory=Lock)
    run: str = field(default_factory=lambda: uuid4().hex[:12])
    """Names this run of the process."""
    added: Mapping[str, Added] = field(default_factory=dict)
    """The production projects that were added by hand, by name; see :meth:`refresh`."""

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One session, one transaction; what it accepted begins after the commit."""
        with database.transaction(self.sessions) as session:
            yield session
        for begin in session.info.pop(AFTERWARDS, ()):
            begin()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One session that only looks: on SQLite it waits for no writer, and keeps none waiting."""
        with (self.looking or self.sessions)() as session:
            yield session

    def refresh(self) -> None:
        """Learn which projects were added or removed by hand since the last time."""
        with self.reading() as session:
            self.added = by_hand.everything(session)

    @property
    def followed(self) -> dict[int, str]:
        """Kind by id of every production project that is practised on."""
        added = {a.project_id: a.kind for a in self.added.values() if a.removed_at is None}
        return added | self.settings.projects

    @property
    def draw(self) -> Draw:
        """What the queues draw by; nobody who practises can compute it."""
        return Draw(self.settings.session_secret.get_secret_value().encode())

    def scheme(self, kind: str, label_config: str) -> Scheme:
        """How answers of this kind, given with this labelling config, are read and compared."""
        if (added := self._by_hand(kind)) is not None:
            config = label_config or added.label_config
            return schemes.of_config(kind, config, added.policy, title=added.shown_title)
        return schemes.of_kind(registry.load(kind), label_config)

    def title(self, kind: str) -> str:
        """What people call this kind."""
        added = self._by_hand(kind)
        return registry.load(kind).title if added is None else added.shown_title

    def _by_hand(self, kind: str) -> Added | None:
        """The project behind a name that no folder has; it may have been added just now."""
        if not kind.startswith(by_hand.PREFIX):
            return None
        if kind not in self.added:
            self.refresh()
        return self.added.get(kind)

    def accept_event(self, session: Session, event: Event, *, at_once: bool = False) -> None:
        """Have somebody look at what an event hints at.

        ``at_once`` leaves it to this process when it has a hand free: the event
        is on record, and is looked at again when nobody has marked it.
        """
        lane = LOOKS if is_large(event.action, event.hint) else EVENTS
        if event.source == "sandbox":
            lane = SANDBOX_EVENTS
        if at_once and self._after(session, lane, "handle_event", event.key):
            return
        key = f"event:{event.key}:{event.told}:{event.attempts}"
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

    def accept_message(self, session: Session, feedback_id: int, trainee_id: int) -> None:
        """Have a message sent."""
        email = session.get_one(Trainee, trainee_id).email
        self._accept_delivery(session, email, key=f"feedback:{feedback_id}")

    def tell(self, session: Session, *, key: str, email: str, message: Message) -> bool:
        """Have one person told something, once per ``key``; False when they were.

        Kept in the caller's transaction, and sent after it: nothing is told that
        was not committed.
        """
        notice_id = notices.keep(session, key=key, email=email, message=message, now=this_moment())
        if notice_id is not None:
            self._accept_delivery(session, email, key=f"notice:{notice_id}")
        return notice_id is not None

    def deliver_due(self, *, now: datetime) -> int:
        """Have everybody told for whom the moment of the next try has come."""
        with self.reading() as session:
            emails = delivery.due(session, now=now, limit=MOST_DUE)
        if emails:
            with self.transaction() as session:
                for email in emails:
                    self._accept_delivery(session, email, key=uuid4().hex)
        return len(emails)

    def new_holder(self) -> str:
        """A name for one try of this process to send."""
        return f"{self.settings.executor_id}{RUN}{self.run}{TRY}{uuid4().hex[:12]}"

    def _accept_delivery(self, session: Session, email: str, *, key: str) -> None:
        email = email.lower()
        if not self._after(session, MESSAGES, "deliver", email):
            self.acceptor.accept(
                session, MESSAGES, "deliver", email, key=f"deliver:{key}", lane_key=email
            )

    def _after(self, session: Session, lane: Lane, name: str, *args: Any) -> bool:
        """Have a hand of this process begin after the commit; False when none is free."""
        hands = self.hands
        if hands is None or not hands.are_free(lane.name):
            return False
        work: list[Callable[[], None]] = session.info.setdefault(AFTERWARDS, [])
        work.append(partial(hands.take, lane.name, name, *args))
        return True


_bound: list[Room] = []


def bind(room: Room | None) -> None:
    """Set (or, with ``None``, clear) the room of this process."""
    _bound[:] = [] if room is None else [room]


def current() -> Room:
    """The room of this process."""
    if not _bound:
        raise RuntimeError("the app has not been started: no room is bound")
    return _bound[0]
