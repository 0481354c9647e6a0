"""When to train: what is due is found in the tables, and asked for under a key."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml import lineup, model_store
from backend_ml.settings import Settings
from backend_ml.tables import LabelRow, MarkRow, hold
from projects.kinds.base import Kind

SHARE = 0.01
"""New labels that are enough to train, as a share of all."""
MANY = 2000
"""Labels from which the quiet before a training of a few lasts longer."""
RETRY_SECONDS = 30
"""After a training that failed; after each further one in a row twice as long,"""
MOST_RETRY_SECONDS = 3_600
"""up to this."""
CHALLENGE_SECONDS = 60
"""A challenger that came to no decision is asked for again after so long at most."""


def is_asked_for(mark: MarkRow) -> bool:
    """Whether somebody pressed *Start Training*, and no training has answered to it yet."""
    return mark.forced > mark.forced_done


def is_due(mark: MarkRow, settings: Settings, labels: int, *, now: datetime) -> bool:
    """Enough new labels, or some and then quiet, or somebody asked for it.

    With many ``labels``, enough is a hundredth of them, and quiet lasts longer in
    proportion: a fit takes longer, and the cost per label stays what it was.
    """
    if is_asked_for(mark):
        return True
    new = mark.wanted - mark.trained
    if new <= 0 or mark.last_change_at is None:
        return False
    enough = max(settings.min_new_labels, math.ceil(labels * SHARE))
    patience = settings.quiet_seconds * max(1.0, labels / MANY)
    return new >= enough or now - mark.last_change_at >= timedelta(seconds=patience)


def rests(mark: MarkRow, *, now: datetime) -> bool:
    """Whether a training failed so lately that it is not tried again, however many labels came.

    What always fails would else take a core for ever. Whoever asks for a training is not
    kept waiting: pressing *Start Training* clears the count (:func:`force`).
    """
    if mark.fit_failures == 0 or mark.fit_failed_at is None:
        return False
    doubled = RETRY_SECONDS * 2.0 ** min(mark.fit_failures - 1, 30)
    return now - mark.fit_failed_at < timedelta(seconds=min(MOST_RETRY_SECONDS, doubled))


def due_key(session: Session, project_id: int, settings: Settings, *, now: datetime) -> str | None:
    """The key of the training to ask for now, ``None`` when there is none.

    The same labels give the same key for half a minute: asking again meanwhile
    asks for nothing. After failures it is tried again as :func:`rests` says.
    """
    mark = session.get(MarkRow, project_id)
    if mark is None or rests(mark, now=now):
        return None
    asked_for = is_asked_for(mark)
    if mark.wanted <= mark.trained and not asked_for:
        return None  # asked several times a second: counting labels takes longer
    known = count(session, project_id)
    if not is_due(mark, settings, known, now=now):
        return None
    if known < settings.min_labels_to_serve and not asked_for:
        return None
    return f"train-{project_id}-{mark.wanted}-{mark.forced}-{int(now.timestamp() // 30)}"


def count(session: Session, project_id: int) -> int:
    """The accepted labels of a project."""
    query = sa.select(sa.func.count()).where(LabelRow.project_id == project_id)
    return session.scalar(query) or 0


def challenges(
    session: Session, project_id: int, kind: Kind, *, now: datetime
) -> list[tuple[str, str]]:
    """The other learners to ask for now, each with the key to ask under.

    The kind's rules come first of all: they need no labels. The key of rules is
    made of their file, so each state of it makes one version.
    """
    found = []
    rules = lineup.rules_cause(project_id, kind)
    if rules is not None and model_store.made_by(session, rules) is None:
        found.append((lineup.RULES, rules))
    bucket = int(now.timestamp() // CHALLENGE_SECONDS)
    for learner in lineup.due(session, project_id, kind, count(session, project_id)):
        found.append((learner, f"challenge-{project_id}-{learner}-{bucket}"))
    return found


def force(session: Session, project_id: int) -> None:
    """Ask for a training whatever the labels are."""
    hold(session, project_id)
    mark = session.get(MarkRow, project_id)
    if mark is None:
        mark = MarkRow(project_id=project_id, wanted=0, trained=0, forced=0, forced_done=0)
        session.add(mark)
    mark.forced += 1
    mark.fit_failures, mark.fit_failed_at = 0, None
