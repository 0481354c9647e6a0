"""Events reach the label store, many in one transaction."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from backend_ml import digesting, events
from backend_ml.tables import Event, LabelRow
from projects.kit.database import transaction
from tests.backend_ml.conftest import Desk

MakeDesk = Callable[..., Desk]


def heard(desk: Desk, count: int) -> None:
    """Record the webhook calls of so many answers, and do no more."""
    desk.fake.deliver = lambda _url, _headers, body: bodies.append(body)
    bodies: list[dict[str, object]] = []
    desk.workshop.studio.ensure_webhook(desk.project_id, "http://backend.test/", headers={})
    desk.answer(count)
    with transaction(desk.workshop.sessions) as session:
        for body in bodies:
            one = events.read(body, desk.kind)
            assert one is not None
            events.record_once(session, one, now=desk.clock())


def test_many_events_are_handled_in_few_transactions(make_desk: MakeDesk) -> None:
    count = 2 * digesting.TOGETHER + 1
    desk = make_desk(tasks=count)
    heard(desk, count)
    commits: list[object] = []
    sa.event.listen(desk.workshop.sessions.kw["bind"], "commit", commits.append)
    assert digesting.digest(desk.workshop, desk.project_id) == count
    assert len(commits) <= 4  # what is waiting, and three parts
    with transaction(desk.workshop.sessions) as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(LabelRow)) == count
        waiting = sa.select(Event).where(Event.handled_at.is_(None))
        assert session.scalars(waiting).all() == []
    assert digesting.digest(desk.workshop, desk.project_id) == 0
