"""Compare what can be compared, and decide who hears of it. Within the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from projects.kit import logs
from projects.vocabulary import answer_to_json
from sandbox_sync import comparing
from sandbox_sync.db import outcomes
from sandbox_sync.workflows.apart import apart
from sandbox_sync.workflows.room import Room

log = logs.get(__name__)


def compare_items(room: Room, session: Session, items: Iterable[int], *, now: datetime) -> None:
    """Bring the comparison of each item up to date; messages are accepted with it."""
    for item_id in items:
        with apart("comparison", passing=False, item=item_id), session.begin_nested():
            pair = outcomes.pair(session, item_id)
            if pair is not None:
                _compare(room, session, pair, now=now)


def _compare(room: Room, session: Session, pair: outcomes.Pair, *, now: datetime) -> None:
    if not pair.references:
        outcomes.withdraw(session, pair.item_id, now=now)
        return
    scheme = room.scheme(pair.kind, pair.label_config)
    which, outcome = scheme.closest(pair.references, pair.candidate)
    values = {
        "outcome": comparing.digest_of(outcome.differences, submission=pair.submission),
        "agreement": outcome.agreement,
        "differences": comparing.differences_to_json(outcome.differences),
        "reference_answer": answer_to_json(pair.references[which]),
        "reference_source": pair.reference_source,
        "reference_at": pair.reference_at,
        "candidate_at": pair.candidate_at,
    }
    feedback_id = outcomes.save(session, pair.item_id, values, now=now)
    if feedback_id is not None:
        room.accept_message(session, feedback_id, pair.trainee_id)
        log.info("item.compared", item=pair.item_id, feedback=feedback_id)
