"""However many calls come, somebody looks after each of them, and few look."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

import pytest
import sqlalchemy as sa

from backend_ml import digesting, lanes
from backend_ml.intake import Inbox
from backend_ml.tables import Event
from projects.kit.database import transaction
from projects.kit.engine import Acceptor, Lane
from tests.backend_ml.conftest import Desk

MakeDesk = Callable[..., Desk]


class Accepted(threading.local):
    """Counts the work that each thread had accepted."""

    count = 0

    def accept(self, _session: object, lane: Lane, *_: object, **__: object) -> bool:
        assert lane is lanes.EVENTS
        self.count += 1
        return True


def calls(desk: Desk, count: int) -> list[dict[str, Any]]:
    """The webhook calls of so many answers."""
    bodies: list[dict[str, Any]] = []
    desk.fake.deliver = lambda _url, _headers, body: bodies.append(body)
    desk.workshop.studio.ensure_webhook(desk.project_id, "http://backend.test/", headers={})
    desk.answer(count)
    return bodies


def inbox_of(desk: Desk, accepted: Accepted) -> Inbox:
    return Inbox(desk.workshop.settings, desk.workshop.sessions, cast(Acceptor, accepted))


def unhandled(desk: Desk) -> int:
    query = sa.select(sa.func.count()).where(Event.handled_at.is_(None))
    with desk.workshop.reading() as session:
        return session.scalar(query) or 0


def test_calls_that_wait_together_are_one_piece_of_work(
    make_desk: MakeDesk, database_url: str
) -> None:
    desk, accepted = make_desk(tasks=6, database_url=database_url), Accepted()
    inbox, (first, second, third, fourth) = inbox_of(desk, accepted), calls(desk, 4)
    for body in (first, second, second, third):
        inbox.take(body)
    assert (accepted.count, unhandled(desk)) == (1, 3)
    assert digesting.digest(desk.workshop, desk.project_id) == 3
    inbox.take(fourth)
    inbox.take(fourth)
    assert (accepted.count, unhandled(desk)) == (2, 1)


def test_a_call_that_failed_before_is_nobody_who_will_look(make_desk: MakeDesk) -> None:
    desk, accepted = make_desk(tasks=6), Accepted()
    inbox, (first, second) = inbox_of(desk, accepted), calls(desk, 2)
    inbox.take(first)
    with transaction(desk.workshop.sessions) as session:
        session.execute(sa.update(Event).values(attempts=1))
    inbox.take(second)
    assert accepted.count == 2


def test_what_comes_while_others_are_handled_is_handled_with_them(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, accepted = make_desk(tasks=6), Accepted()
    inbox, (first, late) = inbox_of(desk, accepted), calls(desk, 2)
    inbox.take(first)
    together, told = digesting._handle_together, [late]

    def slowly(workshop: Any, project_id: int, event_ids: Sequence[int]) -> bool:
        if told:
            inbox.take(told.pop())  # the first one is not marked as handled yet
        return together(workshop, project_id, event_ids)

    monkeypatch.setattr(digesting, "_handle_together", slowly)
    assert digesting.digest(desk.workshop, desk.project_id) == 2
    assert (accepted.count, unhandled(desk)) == (1, 0)


def test_no_call_is_left_over_by_several_who_tell_at_once(
    make_desk: MakeDesk, database_url: str
) -> None:
    """Whoever was accepted begins after the call is recorded, one at a time, as in the lane."""
    desk, accepted = make_desk(tasks=120, database_url=database_url), Accepted()
    inbox, bodies, turn = inbox_of(desk, accepted), calls(desk, 120), threading.Lock()
    looks: list[Future[int]] = []

    def look() -> int:
        with turn:
            return digesting.digest(desk.workshop, desk.project_id)

    with ThreadPoolExecutor(2) as lookers:

        def tell(body: dict[str, Any]) -> None:
            before = accepted.count
            inbox.take(body)
            if accepted.count > before:
                looks.append(lookers.submit(look))

        with ThreadPoolExecutor(4) as senders:
            list(senders.map(tell, bodies))
    assert sum(one.result() for one in looks) == 120
    assert unhandled(desk) == 0
    assert len(looks) < 120
