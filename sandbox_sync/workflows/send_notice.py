"""Send one message that is not about one comparison: a ruling, or a report to a trainer."""

from __future__ import annotations

from projects.kit import engine, logs
from projects.kit.database import now as this_moment
from sandbox_sync.db import notices
from sandbox_sync.workflows.room import Room, current

log = logs.get(__name__)


@engine.workflow(name="send_notice")
def send_notice(notice_id: int) -> None:
    """Send one notice. One at a time per person, so never two of the same."""
    _step(notice_id)


@engine.step(name="send")
def _step(notice_id: int) -> None:
    send(current(), notice_id)


def send(room: Room, notice_id: int) -> None:
    """Send the notice unless it is out already, and note that it is."""
    with room.transaction() as session:
        found = notices.waiting(session, notice_id)
    if found is None:
        return
    receipt = room.notifier.send(found.email, found.message, key=f"notice-{notice_id}")
    with room.transaction() as session:
        notices.mark_sent(session, notice_id, receipt, now=this_moment())
    log.info("notice.sent", notice=notice_id)
