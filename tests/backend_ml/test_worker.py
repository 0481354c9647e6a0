"""The web process and the worker together, on a fake Label Studio."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import sqlalchemy as sa
from fastapi.testclient import TestClient

from backend_ml import evidence, lanes, promotion, worker
from backend_ml.app import create_app
from backend_ml.fit_process import Children
from backend_ml.tables import VersionRow
from projects.kit import database
from projects.kit.engine import Acceptor, Lane
from projects.kit.web import SECRET_HEADER
from tests.backend_ml.conftest import Desk
from tests.fakes.label_studio import deliver_to


def wait_until(check: Callable[[], bool], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)


def test_labels_become_a_model_and_a_published_batch(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(reconcile_seconds=3600.0)
    fitter = Children(60.0)
    desk.workshop = replace(desk.workshop, clock=database.now, fitter=fitter)
    studio = desk.workshop.studio
    app = create_app(desk.workshop.settings)
    client = TestClient(app)
    desk.fake.deliver = deliver_to(client)
    studio.ensure_webhook(
        desk.project_id, "http://backend.test/webhook", headers={SECRET_HEADER: "secret"}
    )
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(desk.workshop,), kwargs={"stop": stop})
    thread.start()
    try:
        wait_until(lambda: studio.project(desk.project_id).model_version == "")
        desk.answer(30)
        wait_until(
            lambda: (
                studio.project(desk.project_id).model_version.startswith("intent-")
                and settled(desk)
            )
        )
        before = studio.project(desk.project_id).model_version
        desk.answer(10, first=30)
        wait_until(lambda: learned(desk) != [] and settled(desk))
        serving = studio.project(desk.project_id).model_version
        other = before if serving != before else learned(desk)[-1]  # rules may stay ahead
        promotion.promote(desk.workshop, other, pin=True, why="A test.")
        wait_until(lambda: studio.project(desk.project_id).model_version == other)
        stored = desk.stored()
        assert len(stored) == len(set(stored))
    finally:
        stop.set()
        thread.join(20)
        fitter.close()
        client.close()
        app.state.close()
    assert not thread.is_alive()


def learned(desk: Desk) -> list[str]:
    """The versions that were learned from labels, oldest first."""
    query = sa.select(VersionRow.name).where(VersionRow.learner == "choice_linear")
    with desk.workshop.reading() as session:
        return list(session.scalars(query.order_by(VersionRow.id)))


def settled(desk: Desk) -> bool:
    with desk.workshop.reading() as session:
        return evidence.is_settled(session, desk.project_id)


class Accepted:
    """Takes work and only remembers what it was."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.lanes: list[Lane] = []

    def accept(self, _session: object, lane: Lane, name: str, *_: object, **__: object) -> bool:
        self.names.append(name)
        self.lanes.append(lane)
        return True


def test_a_training_that_is_due_does_not_hold_up_a_publication(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk()
    desk.answer(40)
    desk.hear()
    desk.train("one")
    desk.answer(10, first=40)
    desk.hear()
    desk.clock.forward(60)
    accepted = Accepted()
    worker.Nudger(desk.workshop, cast(Acceptor, accepted)).nudge()
    assert accepted.names == [lanes.TRAIN, lanes.PUBLISH]
    assert accepted.lanes == [lanes.TRAINING, lanes.PUBLISHING]
