"""When to train, and the one training: fit, measure, let the better model serve."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml import labels, model_store, plans, training
from backend_ml.labels import Label
from backend_ml.learners.base import ModelUnreadable
from backend_ml.model_store import Facts
from backend_ml.settings import Settings
from backend_ml.tables import LabelRow, MarkRow, VersionRow, hold
from backend_ml.training import Trained
from backend_ml.workshop import Workshop
from projects.kinds.base import Kind
from projects.kit import intervals, logs
from projects.kit.database import transaction

log = logs.get(__name__)


@dataclass(frozen=True)
class Wanted:
    """The state of the labels that a training answers to."""

    wanted: int
    forced: int
    first_change_at: datetime | None
    last_change_at: datetime | None
    labels: tuple[Label, ...]
    champion: VersionRow | None


def is_due(mark: MarkRow, settings: Settings, *, now: datetime) -> bool:
    """Enough new labels, or some and then quiet, or somebody asked for it."""
    if mark.forced > mark.forced_done:
        return True
    new = mark.wanted - mark.trained
    if new <= 0 or mark.last_change_at is None:
        return False
    quiet = now - mark.last_change_at >= timedelta(seconds=settings.quiet_seconds)
    return new >= settings.min_new_labels or quiet


def due_key(session: Session, project_id: int, settings: Settings, *, now: datetime) -> str | None:
    """The key of the training to ask for now, ``None`` when there is none.

    The same labels give the same key for half a minute: asking again meanwhile
    asks for nothing, and after a failure it is tried again.
    """
    mark = session.get(MarkRow, project_id)
    if mark is None or not is_due(mark, settings, now=now):
        return None
    count = sa.select(sa.func.count()).where(LabelRow.project_id == project_id)
    if (session.scalar(count) or 0) < settings.min_labels_to_serve and mark.forced == (
        mark.forced_done
    ):
        return None
    return f"train-{project_id}-{mark.wanted}-{mark.forced}-{int(now.timestamp() // 30)}"


def force(session: Session, project_id: int) -> None:
    """Ask for a training whatever the labels are."""
    hold(session, project_id)
    mark = session.get(MarkRow, project_id)
    if mark is None:
        mark = MarkRow(project_id=project_id, wanted=0, trained=0, forced=0, forced_done=0)
        session.add(mark)
    mark.forced += 1


def retrain(workshop: Workshop, project_id: int, cause: str) -> str | None:
    """One training; returns the version that serves because of it, if any.

    ``cause`` is the key under which it was asked for: the same cause makes one
    version, however often it runs. When another training has meanwhile seen the
    labels, nothing happens.
    """
    kind, now = workshop.kind(project_id), workshop.clock()
    with transaction(workshop.sessions) as session:
        made = model_store.made_by(session, cause)
        if made is not None:
            return made.name if made.state == model_store.CHAMPION else None
        mark = session.get(MarkRow, project_id)
        if mark is None or not is_due(mark, workshop.settings, now=now):
            return None
        wanted = _wanted(session, mark, kind)
    train, measure = training.split(project_id, wanted.labels)
    trained = None
    if training.can_serve(kind, wanted.labels, minimum=workshop.settings.min_labels_to_serve):
        trained = training.train(kind, train, seed=workshop.settings.seed)
    if trained is None:
        with transaction(workshop.sessions) as session:
            _mark_done(session, project_id, wanted)
        return None
    return _judge(workshop, project_id, cause, wanted, (trained, measure))


def record_failure(workshop: Workshop, project_id: int, error: Exception) -> None:
    """Keep what went wrong where a person looks; the next nudge tries again."""
    with transaction(workshop.sessions) as session:
        hold(session, project_id)
        mark = session.get(MarkRow, project_id)
        if mark is not None:
            mark.failures += 1
            mark.last_error = f"{type(error).__name__}: {error}"[:300]
            if isinstance(error, ModelUnreadable) and mark.forced == mark.forced_done:
                mark.forced += 1  # the model is lost; only a new one helps
    log.warning("learning.failed", project=project_id, error=type(error).__name__)


def _wanted(session: Session, mark: MarkRow, kind: Kind) -> Wanted:
    """What there is to learn; answers with a label that the config has lost are left out."""
    accepted = labels.accepted(session, mark.project_id)
    champion = model_store.champion(session, mark.project_id)
    return Wanted(
        wanted=mark.wanted,
        forced=mark.forced,
        first_change_at=mark.first_change_at,
        last_change_at=mark.last_change_at,
        labels=tuple(one for one in accepted if kind.offers(one.answer)),
        champion=champion,
    )


def _judge(
    workshop: Workshop,
    project_id: int,
    cause: str,
    wanted: Wanted,
    result: tuple[Trained, list[Label]],
) -> str | None:
    """Measure the challenger beside the champion on the same labels, and record it."""
    trained, measure = result
    kind = workshop.kind(project_id)
    values = training.examine(trained.learner, measure, kind)
    promote = not training.is_worse(
        values, _champion_values(workshop, project_id, wanted.champion, measure)
    )
    facts = Facts(
        cause=cause,
        learner=kind.learner,
        labels=len(wanted.labels),
        trained_on=trained.labels,
        held_out=intervals.mean(values),
        seconds=trained.seconds,
        first_change_at=wanted.first_change_at,
        last_change_at=wanted.last_change_at,
    )
    row = _record(workshop, project_id, wanted, (trained, facts), promote=promote)
    log.info(
        "model.trained",
        project=project_id,
        version=row.name,
        labels=facts.labels,
        promoted=promote,
        seconds=round(facts.seconds, 2),
    )
    return row.name if promote else None


def _record(
    workshop: Workshop,
    project_id: int,
    wanted: Wanted,
    result: tuple[Trained, Facts],
    *,
    promote: bool,
) -> VersionRow:
    """Give the challenger its version and, if promoted, clear away what is older."""
    trained, facts = result
    kind, now = workshop.kind(project_id), workshop.clock()
    staged = workshop.store.stage(trained.learner, project_id)
    with transaction(workshop.sessions) as session:
        hold(session, project_id)
        row = workshop.store.add(
            session, staged, project_id, kind, facts=facts, promote=promote, now=now
        )
        if promote:
            plans.abandon(session, project_id, keep=row.name, now=now)
        _mark_done(session, project_id, wanted)
    if promote:
        with workshop.reading() as session:
            workshop.store.tidy(session, project_id)
    return row


def _champion_values(
    workshop: Workshop, project_id: int, champion: VersionRow | None, measure: list[Label]
) -> list[float]:
    """The champion's agreement on the same labels; 0 for each where there is none to be read."""
    if champion is None:
        return [0.0] * len(measure)
    kind = workshop.kind(project_id)
    try:
        learner = workshop.store.load(champion, kind)
    except ModelUnreadable as error:
        log.warning("champion.unreadable", project=project_id, version=champion.name, why=error.why)
        return [0.0] * len(measure)
    return training.examine(learner, measure, kind)


def _mark_done(session: Session, project_id: int, wanted: Wanted) -> None:
    hold(session, project_id)
    mark = session.get(MarkRow, project_id)
    if mark is None:
        return
    mark.trained = max(mark.trained, wanted.wanted)
    mark.forced_done = max(mark.forced_done, wanted.forced)
    # Labels that came while it ran wait since then at the latest.
    mark.first_change_at = None if mark.trained == mark.wanted else mark.last_change_at
