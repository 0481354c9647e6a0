"""Tell one person everything that is to be told them now, in its order, and nothing twice.

One sender at a time per person, whichever process: it holds the person's row
from before it looks until nothing is left. Whoever comes meanwhile goes away
again; what they came for is seen by the one who holds.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from projects.kit import engine, intervals, logs
from projects.kit.database import now as this_moment
from projects.kit.intervals import Estimate
from sandbox_sync import feedback, sending
from sandbox_sync.comparing import differences_from_json
from sandbox_sync.db import delivery, messages, notices, outcomes
from sandbox_sync.db.messages import Letter
from sandbox_sync.feedback import Message
from sandbox_sync.notifiers.base import MessageNotSent
from sandbox_sync.notifiers.slack import KEYS_JOIN
from sandbox_sync.sending import Piece
from sandbox_sync.workflows.room import Room, current

MOST_TOGETHER = 100
"""Pieces in one digest; more come in the next."""

BROKEN = "Sending was interrupted on our side; it is tried again."
PAUSES = (0.0, 0.5, 2.0)
"""Seconds before each try to let go of a person; who cannot is taken for dead later."""

log = logs.get(__name__)


@dataclass(frozen=True)
class Post:
    """What one person is to be told now."""

    email: str
    holder: str
    pieces: tuple[Piece, ...]
    all_pieces: tuple[Piece, ...]
    attempts: int
    unknown_since: datetime | None
    """Set when an earlier try may have got some of it out."""
    receipts: Mapping[Piece, str] = field(default_factory=dict)


@engine.workflow(name="deliver")
def deliver_workflow(email: str) -> None:
    """Tell one person what waits. One at a time per person."""
    _step(email)


@engine.step(name="send")
def _step(email: str) -> None:
    deliver(current(), email)


def deliver(room: Room, email: str) -> None:
    """Send what is due; what fails is kept, with the moment of the next try."""
    email = email.lower()
    holder = room.new_holder()
    try:
        with room.transaction() as session:
            post = _next(session, email, holder)
        while post is not None:
            try:
                told = _tell(room, post)
            except MessageNotSent as error:
                _keep_for_later(room, post, error)
                return
            with room.transaction() as session:
                _note(session, told)
                post = _next(session, email, holder)
    except Exception:
        _let_go(room, email, holder)
        raise


def _next(session: Session, email: str, holder: str) -> Post | None:
    """Take the person, and what is to be told next; lets go when that is nothing."""
    now = this_moment()
    taken_over = delivery.take(session, email, holder, now=now)
    if taken_over is None:
        return None
    waiting = delivery.waiting(session, email)
    plan = sending.plan(delivery.wishes(session, email), waiting.pieces, now=now)
    delivery.keep_until(session, plan.keep)
    if not plan.tell:
        delivery.release(session, email)
        return None
    unknown = waiting.since
    if taken_over:
        unknown = min(unknown or now - delivery.HOLD, now - delivery.HOLD)
    return Post(
        email=email,
        holder=holder,
        pieces=plan.tell[:MOST_TOGETHER],
        all_pieces=tuple(piece for piece in waiting.pieces if piece not in plan.keep),
        attempts=max(waiting.attempts.values(), default=0),
        unknown_since=unknown,
    )


def _tell(room: Room, post: Post) -> Post:
    """Send it; the post with its receipts. What was withdrawn meanwhile is not told."""
    receipts: dict[Piece, str] = {}
    if post.unknown_since is not None:
        keys = {_key(piece): piece for piece in post.all_pieces}
        out = room.notifier.told(post.email, keys, since=post.unknown_since)
        receipts = {keys[key]: receipt for key, receipt in out.items()}
    left = [piece for piece in post.pieces if piece not in receipts]
    message, told = _write(room, left)
    if message is not None:
        key = KEYS_JOIN.join(_key(piece) for piece in told)
        receipt = room.notifier.send(post.email, message, key=key)
        receipts |= dict.fromkeys(told, receipt)
        log.info("message.sent", pieces=len(told), feedback=told[0].id, again=post.attempts)
    return replace(post, receipts=receipts)


def _note(session: Session, post: Post) -> None:
    if not post.receipts:
        return
    now = this_moment()
    delivery.mark_sent(session, post.email, post.receipts, now=now)
    together = [piece for piece in post.receipts if piece.is_feedback]
    if len(together) > 1:
        key = "digest:" + KEYS_JOIN.join(_key(piece) for piece in together)
        text = f"{len(together)} comparisons in one message"
        delivery.mark_digest(session, together, key=key, email=post.email, text=text, now=now)


def _keep_for_later(room: Room, post: Post, error: MessageNotSent) -> None:
    now = this_moment()
    wait = sending.next_try(post.attempts + 1, may_pass=error.retryable, wait=error.wait)
    with room.transaction() as session:
        delivery.mark_failed(
            session,
            post.email,
            post.all_pieces,
            trouble=error.in_words,
            retry_at=now + wait,
            now=now,
        )
        delivery.release(session, post.email)
    log.warning(
        "message.not_sent", pieces=len(post.pieces), why=error.reason, wait=wait.total_seconds()
    )


def _let_go(room: Room, email: str, holder: str) -> None:
    """Something broke on our side: the next try begins soon, and first asks what got out."""
    for pause in PAUSES:
        time.sleep(pause)
        try:
            with room.transaction() as session:
                if delivery.holds(session, email, holder):
                    _keep_all(session, email, now=this_moment())
        except OperationalError:
            continue
        return


def _keep_all(session: Session, email: str, *, now: datetime) -> None:
    waiting = delivery.waiting(session, email)
    pieces = [one for one in waiting.pieces if one.not_before is None or one.not_before <= now]
    attempts = max(waiting.attempts.values(), default=0) + 1
    retry_at = now + sending.next_try(attempts, may_pass=True)
    delivery.mark_failed(session, email, pieces, trouble=BROKEN, retry_at=retry_at, now=now)
    delivery.release(session, email)


def _write(room: Room, pieces: list[Piece]) -> tuple[Message | None, list[Piece]]:
    """The message about these, and which of them are still to be told."""
    if not pieces:
        return None, []
    with room.reading() as session:
        if not pieces[0].is_feedback:
            return notices.message(session, pieces[0].id), pieces[:1]
        found = messages.letters(session, [piece.id for piece in pieces])
        kinds = {letter.kind: letter for letter in found}
        running = {kind: _running(room, session, one) for kind, one in kinds.items()}
    told = {letter.feedback_id for letter in found}
    reports = [_report(room, letter, running[letter.kind]) for letter in found]
    if not reports:
        return None, []
    message = (
        feedback.compose(reports[0])
        if len(reports) == 1
        else feedback.digest(reports, link=room.settings.link(""))
    )
    return message, [piece for piece in pieces if piece.id in told]


def _running(room: Room, session: Session, letter: Letter) -> Estimate | None:
    values = outcomes.agreements(session, letter.trainee_id, letter.kind)
    return intervals.mean(values, seed=room.settings.seed)


def _report(room: Room, letter: Letter, running: Estimate | None) -> feedback.Report:
    scheme = room.scheme(letter.kind, letter.label_config)
    return feedback.Report(
        kind_title=scheme.title,
        text=scheme.text(letter.data),
        reference=letter.reference,
        candidate=letter.candidate,
        agreement=letter.agreement,
        differences=differences_from_json(letter.differences),
        running=running,
        link=room.settings.link(f"feedback/{letter.comparison_id}"),
        is_correction=letter.is_correction,
        tags=scheme.tags,
    )


def _key(piece: Piece) -> str:
    return f"{'feedback' if piece.is_feedback else 'notice'}-{piece.id}"
