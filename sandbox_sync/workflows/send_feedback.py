"""Tell one trainee about one comparison."""

from __future__ import annotations

from projects.kit import engine, intervals, logs
from projects.kit.database import now as this_moment
from sandbox_sync import feedback
from sandbox_sync.comparing import differences_from_json
from sandbox_sync.db import messages, outcomes
from sandbox_sync.workflows.room import Room, current

log = logs.get(__name__)


@engine.workflow(name="send_feedback")
def send_feedback(feedback_id: int) -> None:
    """Send one message. One at a time per trainee, so never two of the same."""
    _step(feedback_id)


@engine.step(name="send")
def _step(feedback_id: int) -> None:
    send(current(), feedback_id)


def send(room: Room, feedback_id: int) -> None:
    """Send the message unless it is out already, and note that it is."""
    with room.transaction() as session:
        letter = messages.letter(session, feedback_id)
        if letter is None:
            return
        is_correction = messages.told_before(session, letter)
        values = outcomes.agreements(session, letter.trainee_id, letter.kind)
    scheme = room.scheme(letter.kind, letter.label_config)
    message = feedback.compose(
        feedback.Report(
            kind_title=scheme.title,
            text=scheme.text(letter.data),
            reference=letter.reference,
            candidate=letter.candidate,
            agreement=letter.agreement,
            differences=differences_from_json(letter.differences),
            running=intervals.mean(values, seed=room.settings.seed),
            link=room.settings.link(f"feedback/{letter.comparison_id}"),
            is_correction=is_correction,
        )
    )
    receipt = room.notifier.send(letter.email, message, key=f"feedback-{feedback_id}")
    with room.transaction() as session:
        messages.mark_sent(session, feedback_id, receipt, now=this_moment())
    log.info("feedback.sent", feedback=feedback_id, comparison=letter.comparison_id)
