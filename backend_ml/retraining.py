"""The one training: fit, measure, let the better model serve."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from backend_ml import (
    judging,
    labels,
    lineup,
    model_store,
    random_arm,
    recalibration,
    schedule,
    training,
    warming,
)
from backend_ml.calibration import NO_CHANGE, Line
from backend_ml.fit_process import FitInterrupted
from backend_ml.fitting import Addition, Fitted
from backend_ml.judging import Bench
from backend_ml.learners.base import ModelUnreadable
from backend_ml.model_store import Facts
from backend_ml.tables import MarkRow, VersionRow, hold
from backend_ml.training import Exam
from backend_ml.workshop import Workshop
from projects.kinds.base import Kind
from projects.kit import intervals, logs
from projects.kit.database import transaction
from projects.kit.errors import PlatformError

log = logs.get(__name__)


class NothingLearned(PlatformError):
    """A learner has nothing to say after it was fitted."""

    def __init__(self, learner: str) -> None:
        super().__init__(learner)
        self.learner = learner

    def __str__(self) -> str:
        return f"The learner {self.learner} has learned no label."


@dataclass(frozen=True)
class Wanted:
    """How far the labels had come that a training answers to."""

    wanted: int
    forced: int
    first_change_at: datetime | None
    last_change_at: datetime | None


@dataclass(frozen=True)
class Order:
    """One training: who asked, which learner, on what."""

    cause: str
    learner: str
    bench: Bench
    wanted: Wanted | None
    """``None`` for a challenger, whose training leaves the regular one to be done."""
    is_asked_for: bool = False
    """Somebody pressed *Start Training*: then everything is learned anew."""


def retrain(workshop: Workshop, project_id: int, cause: str) -> str | None:
    """Fit the regular learner once; returns the version that serves because of it, if any.

    ``cause`` is the key under which it was asked for: the same cause makes one
    version, however often it runs. When another training has meanwhile seen the
    labels, nothing happens.
    """
    kind, now = workshop.kind(project_id), workshop.clock()
    with workshop.reading() as session:  # reading all labels must not hold up a webhook
        made = model_store.made_by(session, cause)
        if made is not None:
            return made.name if made.state == model_store.CHAMPION else None
        mark = session.get(MarkRow, project_id)
        known = schedule.count(session, project_id)
        if mark is None or not schedule.is_due(mark, workshop.settings, known, now=now):
            return None
        asked_for = schedule.is_asked_for(mark)
        wanted = Wanted(mark.wanted, mark.forced, mark.first_change_at, mark.last_change_at)
        bench = _bench(session, project_id, kind)
    everything = (*bench.train, *bench.held_out)
    if not training.can_serve(kind, everything, minimum=workshop.settings.min_labels_to_serve):
        _finish_without(workshop, wanted, project_id)
        return None
    learner = lineup.regular(kind, bench.champion.learner if bench.champion else None)
    return _carry_out(workshop, Order(cause, learner, bench, wanted, is_asked_for=asked_for))


def challenge(workshop: Workshop, project_id: int, learner: str, cause: str) -> str | None:
    """Try another learner than the regular one; returns its version if it serves from now on.

    A learner that cannot be fitted is recorded, so that it waits like one that lost.
    """
    kind = workshop.kind(project_id)
    with workshop.reading() as session:
        if model_store.made_by(session, cause) is not None:
            return None
        bench = _bench(session, project_id, kind)
        if learner != lineup.RULES and learner not in lineup.due(
            session, project_id, kind, bench.labels
        ):
            return None
    order = Order(cause, learner, bench, None)
    try:
        return _carry_out(workshop, order)
    except FitInterrupted:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a learner does, the regular one goes on
        why = f"It could not be fitted: {failure(error)}."
        with transaction(workshop.sessions) as session:
            hold(session, project_id)
            facts = _facts(order, why)
            workshop.store.add_failed(session, project_id, kind, facts=facts, now=workshop.clock())
        log.warning(
            "challenger.failed", project=project_id, learner=learner, error=type(error).__name__
        )
        return None


def failure(error: Exception) -> str:
    """An error in words that may be kept: its class, and our own errors' own words.

    Anybody else's could quote a message that somebody wrote.
    """
    if isinstance(error, PlatformError):
        return f"{type(error).__name__}: {error.in_logs()}"[:300]
    return type(error).__name__


def record_failure(
    workshop: Workshop, project_id: int, error: Exception, *, fitting: bool = False
) -> None:
    """Keep what went wrong where a person looks; it is tried again.

    After a failed ``fitting`` that waits (:func:`backend_ml.schedule.rests`), unless the fit
    was only ended with its worker.
    """
    with transaction(workshop.sessions) as session:
        hold(session, project_id)
        mark = session.get(MarkRow, project_id)
        if mark is not None:
            mark.failures += 1
            mark.last_error = failure(error)
            if fitting and not isinstance(error, FitInterrupted):
                mark.fit_failures += 1
                mark.fit_failed_at = workshop.clock()
            if isinstance(error, ModelUnreadable) and not schedule.is_asked_for(mark):
                mark.forced += 1  # the model is lost; only a new one helps
    log.warning("learning.failed", project=project_id, error=type(error).__name__)


def _bench(session: Session, project_id: int, kind: Kind) -> Bench:
    """What there is to learn; answers with a label that the config has lost are left out."""
    known = labels.accepted(session, project_id, kind)
    return judging.lay_out(session, project_id, kind, known)


def _carry_out(workshop: Workshop, order: Order) -> str | None:
    """Fit, measure beside the champion on the same labels, and record."""
    staged = workshop.store.stage_empty(order.bench.project_id)
    try:
        return _fit_and_record(workshop, order, staged)
    finally:
        shutil.rmtree(staged, ignore_errors=True)  # what was recorded has moved


def _fit_and_record(workshop: Workshop, order: Order, staged: Path) -> str | None:
    bench = order.bench
    fitted = _fit(workshop, order, staged)
    if fitted is None:
        if order.wanted is None:
            raise NothingLearned(order.learner)
        _finish_without(workshop, order.wanted, bench.project_id)
        return None
    learner = workshop.store.load_from(staged, order.learner, bench.kind)
    line = _line(workshop, order)
    exam, verdict = judging.judge(workshop, bench, order.learner, recalibration.on(learner, line))
    facts = _facts(order, verdict.reason, fitted, exam, line)
    row = _record(workshop, order, staged, facts, promote=verdict.promote)
    if row is None:
        return None
    log.info(
        "model.trained",
        project=bench.project_id,
        version=row.name,
        learner=row.learner,
        labels=facts.labels,
        promoted=verdict.promote,
        seconds=round(facts.seconds, 2),
    )
    return row.name if verdict.promote else None


def _fit(workshop: Workshop, order: Order, staged: Path) -> Fitted | None:
    """On top of the champion where that can be, else from scratch."""
    addition = _addition(workshop, order)
    fitted = None if addition is None else workshop.fitter.learn_more(addition, staged)
    if fitted is not None:
        return fitted
    return workshop.fitter.fit(judging.whole_job(workshop, order.bench, order.learner), staged)


def _line(workshop: Workshop, order: Order) -> Line:
    """How sure the learner should have been so far, by what became of its suggestions."""
    bench = order.bench
    if bench.kind.form not in recalibration.FORMS:
        return NO_CHANGE
    with workshop.reading() as session:
        known = random_arm.outcomes(
            session, bench.project_id, order.learner, most=recalibration.MOST
        )
    return recalibration.fit(known)


def _addition(workshop: Workshop, order: Order) -> Addition | None:
    """What is new since the champion, where that is of the same learner and large."""
    bench, champion = order.bench, order.bench.champion
    if champion is None or champion.learner != order.learner or order.is_asked_for:
        return None
    if not warming.is_wanted(len(bench.train), champion.full_fit_labels):
        return None
    base, seed = workshop.store.folder(champion), workshop.settings.seed
    learned = warming.read(base)
    parts = None if learned is None else warming.split(learned, bench.train, seed=seed)
    if parts is None:
        return None
    new, again = map(tuple, parts)
    return Addition(
        bench.kind, order.learner, base, champion.full_fit_labels, new, again, seed=seed
    )


def _facts(
    order: Order,
    reason: str,
    fitted: Fitted | None = None,
    exam: Exam | None = None,
    line: Line = NO_CHANGE,
) -> Facts:
    bench, wanted = order.bench, order.wanted
    return Facts(
        cause=order.cause,
        learner=order.learner,
        labels=bench.labels,
        trained_on=len(bench.train) if fitted else 0,
        held_out=intervals.mean(exam.agreement) if exam else None,
        seconds=fitted.seconds if fitted else 0.0,
        first_change_at=wanted.first_change_at if wanted else None,
        last_change_at=wanted.last_change_at if wanted else None,
        reason=reason,
        calibration=exam.calibration if exam else None,
        line=line,
        full_fit_labels=fitted.full_fit_labels if fitted else 0,
    )


def _record(
    workshop: Workshop, order: Order, staged: Path, facts: Facts, *, promote: bool
) -> VersionRow | None:
    """Give the challenger its version and, if promoted, clear away what is older.

    ``None`` when the champion that it was compared with serves no more: then the
    comparison says nothing, and the training is asked for again.
    """
    bench, now = order.bench, workshop.clock()
    project_id = bench.project_id
    with transaction(workshop.sessions) as session:
        hold(session, project_id)
        serving = model_store.champion(session, project_id)
        if (serving and serving.id) != (bench.champion and bench.champion.id):
            return None
        row = workshop.store.add(
            session, staged, project_id, bench.kind, facts=facts, promote=promote, now=now
        )
        if order.wanted is not None:
            _mark_done(session, project_id, order.wanted)
    if promote:
        with workshop.reading() as session:
            workshop.store.tidy(session, project_id, now=now)
    return row


def _finish_without(workshop: Workshop, wanted: Wanted, project_id: int) -> None:
    """There was not enough to learn from; it is looked at again with new labels."""
    with transaction(workshop.sessions) as session:
        _mark_done(session, project_id, wanted)


def _mark_done(session: Session, project_id: int, wanted: Wanted) -> None:
    hold(session, project_id)
    mark = session.get(MarkRow, project_id)
    if mark is None:
        return
    mark.trained = max(mark.trained, wanted.wanted)
    mark.forced_done = max(mark.forced_done, wanted.forced)
    mark.failures, mark.last_error = 0, None
    mark.fit_failures, mark.fit_failed_at = 0, None
    # Labels that came while it ran wait since then at the latest.
    mark.first_change_at = None if mark.trained == mark.wanted else mark.last_change_at
