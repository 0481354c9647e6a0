"""The background half: ``python -m backend_ml.worker``.

A process of its own, so that a fit never delays an answer of the web process.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import replace

from backend_ml import (
    digesting,
    embeddings,
    events,
    lanes,
    planning,
    pruning,
    publishing,
    reconciling,
    retraining,
    rollback,
    schedule,
    strategies,
)
from backend_ml.fit_process import Children
from backend_ml.settings import read_settings
from backend_ml.tracking import Mirror
from backend_ml.workshop import Workshop, open_workshop
from projects.kit import discovery, engine, garbage, logs
from projects.kit.database import transaction
from projects.kit.engine import Acceptor, Engine, Lane
from projects.kit.errors import PlatformError

NUDGE_SECONDS = 0.5
LINE_UP_SECONDS = 1.0
PRUNE_SECONDS = 60.0
PUBLISH_SECONDS = 5.0
REDRIVE_SECONDS = 15.0
WATCH_SECONDS = 2.0
TRACK_SECONDS = 10.0
NOWHERE = "none"
"""Value of ``BACKEND_ML_TRACKING_URL`` with which MLflow is not told anything."""

log = logs.get(__name__)


def register(workshop: Workshop, nudger: Nudger) -> None:
    """Tell the engine what the names of :mod:`backend_ml.lanes` mean."""
    _register_fits(workshop)

    @engine.step(name="digest.apply")
    def digest_step(project_id: int) -> int:
        handled = digesting.digest(workshop, project_id)
        _try("nudge", project_id, nudger.look)  # the last of enough labels waits for no clock
        return handled

    @engine.step(name="publish.push")
    def push_step(project_id: int) -> int:
        return publishing.publish(workshop, project_id)

    @engine.workflow(name=lanes.DIGEST)
    def digest(project_id: int) -> int:
        return digest_step(project_id)

    @engine.workflow(name=lanes.PUBLISH)
    def publish(project_id: int) -> int:
        try:
            return push_step(project_id)
        except Exception as error:
            retraining.record_failure(workshop, project_id, error)
            raise


def _register_fits(workshop: Workshop) -> None:
    @engine.step(name="train.fit")
    def fit_step(project_id: int, cause: str) -> str | None:
        return retraining.retrain(workshop, project_id, cause)

    @engine.step(name="challenge.fit")
    def challenge_step(project_id: int, learner: str, cause: str) -> str | None:
        return retraining.challenge(workshop, project_id, learner, cause)

    @engine.workflow(name=lanes.TRAIN)
    def train(project_id: int, cause: str) -> str | None:
        try:
            return fit_step(project_id, cause)
        except Exception as error:
            retraining.record_failure(workshop, project_id, error, fitting=True)
            raise

    @engine.workflow(name=lanes.CHALLENGE)
    def challenge(project_id: int, learner: str, cause: str) -> str | None:
        return challenge_step(project_id, learner, cause)


class Nudger:
    """Looks what is due and hands it to the engine; asking twice asks for one."""

    def __init__(self, workshop: Workshop, acceptor: Acceptor) -> None:
        self._workshop = workshop
        self._acceptor = acceptor
        self._served: dict[int, str] = {}
        """The version of each project that was last asked to be published."""

    def nudge(self) -> None:
        """Ask for the trainings and the publications that are due now.

        Both, if both are: a training that keeps failing must not stop the queue.
        """
        for project_id in self._workshop.settings.projects:
            self.look(project_id)

    def look(self, project_id: int) -> None:
        """Ask for what is due in one project: the training first, which takes least to find."""
        self._ask_for_training(project_id)
        self._ask_for_publication(project_id)

    def _ask_for_training(self, project_id: int) -> None:
        settings, now = self._workshop.settings, self._workshop.clock()
        with self._workshop.reading() as session:
            train = schedule.due_key(session, project_id, settings, now=now)
        if train is not None:
            self._accept(lanes.TRAINING, lanes.TRAIN, project_id, train, key=train)

    def _ask_for_publication(self, project_id: int) -> None:
        with self._workshop.reading() as session:
            serving = planning.serving(session, self._workshop, project_id)
            low = planning.runs_low(session, self._workshop, project_id)
        name = "" if serving is None else serving.name
        if low or (name and self._served.get(project_id) != name):
            # With the version in the key, a new one is published at once.
            key = f"publish-{project_id}-{name}-{self._bucket(PUBLISH_SECONDS)}"
            self._accept(lanes.PUBLISHING, lanes.PUBLISH, project_id, key=key)
            self._served[project_id] = name

    def line_up(self) -> None:
        """Ask for the other learners that are due to be tried."""
        for project_id in self._workshop.settings.projects:
            kind, now = self._workshop.kind(project_id), self._workshop.clock()
            with self._workshop.reading() as session:
                wanted = schedule.challenges(session, project_id, kind, now=now)
            for learner, cause in wanted:
                key = f"{cause}-{self._bucket(schedule.CHALLENGE_SECONDS)}"
                self._accept(
                    lanes.CHALLENGING, lanes.CHALLENGE, project_id, learner, cause, key=key
                )

    def redrive(self) -> None:
        """Ask again for events that are still unhandled."""
        with self._workshop.reading() as session:
            waiting = {event.project_id for event in events.unhandled(session)}
        for project_id in sorted(waiting & set(self._workshop.settings.projects)):
            key = f"digest-{project_id}-{self._bucket(REDRIVE_SECONDS)}"
            self._accept(lanes.EVENTS, lanes.DIGEST, project_id, key=key)

    def _accept(self, lane: Lane, name: str, project_id: int, *more: int | str, key: str) -> None:
        with transaction(self._workshop.sessions) as session:
            self._acceptor.accept(
                session, lane, name, project_id, *more, key=key, lane_key=str(project_id)
            )

    def _bucket(self, seconds: float) -> int:
        return int(self._workshop.clock().timestamp() // seconds)


def main() -> None:
    """Run until told to stop."""
    logs.configure(service="backend_ml.worker")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    settings = read_settings()
    fitter = Children(settings.fit_seconds, embeddings=settings.embeddings)
    fitter.start()
    garbage.spare_what_is_there()
    garbage.look_seldom()
    try:
        run(replace(open_workshop(settings), fitter=fitter), stop=stop)
    except PlatformError as error:
        raise SystemExit(str(error)) from error
    finally:
        fitter.close()


def run(workshop: Workshop, *, stop: threading.Event) -> None:
    """Serve the lanes and look around until ``stop`` is set."""
    settings = workshop.settings
    embeddings.configure(settings.embeddings)
    discovery.load(strategies, settings.strategy)  # a wrong name ends the start, not a training
    engine.prepare(settings.database_url)
    running = Engine(
        name=lanes.APPLICATION,
        url=settings.database_url,
        executor_id="backend-ml-worker",
        lock=settings.state_dir / "worker.lock",
    )
    acceptor = Acceptor(name=lanes.APPLICATION, url=settings.database_url)
    nudger = Nudger(workshop, acceptor)
    register(workshop, nudger)
    running.launch([lanes.EVENTS, lanes.PUBLISHING, lanes.TRAINING, lanes.CHALLENGING])
    running.every(NUDGE_SECONDS, nudger.nudge, name="nudge")
    running.every(LINE_UP_SECONDS, nudger.line_up, name="line-up")
    watch = rollback.Watch(workshop)
    running.every(WATCH_SECONDS, lambda: _each(workshop, "watch", watch.look), name="watch")
    if settings.tracking_url != NOWHERE:
        mirror = Mirror(workshop)
        running.every(TRACK_SECONDS, lambda: _each(workshop, "track", mirror.look), name="track")
    running.every(REDRIVE_SECONDS, nudger.redrive, name="redrive")
    running.every(settings.reconcile_seconds, lambda: _reconcile(workshop), name="reconcile")
    running.every(PRUNE_SECONDS, lambda: _prune(workshop), name="prune")
    log.info("worker.started", projects=sorted(settings.projects))
    _reconcile(workshop)
    stop.wait()
    running.stop()
    acceptor.close()
    log.info("worker.stopped")


def _reconcile(workshop: Workshop) -> None:
    """Look at every project."""
    _each(workshop, "reconcile", lambda one: reconciling.reconcile(workshop, one))


def _each(workshop: Workshop, name: str, look: Callable[[int], object]) -> None:
    """Do it for every project; what fails for one is tried again the next time."""
    for project_id in workshop.settings.projects:
        _try(name, project_id, look)


def _try(name: str, project_id: int, look: Callable[[int], object]) -> None:
    try:
        look(project_id)
    except Exception as error:  # noqa: BLE001 - it must not stop other work, and is done again
        log.warning("work.postponed", work=name, project=project_id, error=type(error).__name__)


def _prune(workshop: Workshop) -> None:
    _each(workshop, "prune", lambda one: pruning.prune(workshop, one))


if __name__ == "__main__":
    main()
