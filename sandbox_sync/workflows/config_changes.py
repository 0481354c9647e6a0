"""What production's projects look like now; trainers hear of answers that are left behind."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy.orm import Session

from projects.kit import logs
from projects.kit.database import now as this_moment
from projects.vocabulary import Project
from sandbox_sync import blocks, changes
from sandbox_sync.changes import Change
from sandbox_sync.db import config_changes as rows
from sandbox_sync.db import production
from sandbox_sync.feedback import Message
from sandbox_sync.workflows.room import Room

log = logs.get(__name__)


def look(room: Room, project_id: int, *, kind: str) -> Project:
    """Read a production project again and remember it, with what changed in its config.

    One at a time in a process: Label Studio tells no version of a project, so of two
    answers that overtake each other nobody could say which is the newer.
    """
    with room.project_looks:
        project = room.production.project(project_id)
        with room.reading() as session:
            known = production.project(session, project_id)
            before = known.label_config if known is not None else ""
        change = changes.between(before, project.label_config) if before else Change()
        with room.reading() as session:
            used = rows.count_users(session, project_id, change)
        with room.transaction() as session:
            production.save_project(session, project, kind=kind)
            if before and before != project.label_config:
                _note(room, session, project, before, change=change, used=used)
    return project


def _note(
    room: Room,
    session: Session,
    project: Project,
    before: str,
    *,
    change: Change,
    used: dict[str, int],
) -> None:
    retired = rows.retire_gold(session, project.id, change, now=this_moment())
    report = {"change": asdict(change), "used": used, "done": {"gold_retired": retired}}
    number = rows.note(
        session, project.id, before, project.label_config, report=report, now=this_moment()
    )
    log.info("config.changed", project=project.id, change=number, orphans=change.orphans, **used)
    if change.orphans:
        message = _message(room, project.title, changes.in_words(asdict(change)), used)
        for email in sorted(room.settings.trainers):
            room.tell(session, key=f"config:{number}:{email}", email=email, message=message)


def _message(room: Room, title: str, lines: list[str], used: dict[str, int]) -> Message:
    headline = f"{title}: production changed its labelling config, and answers were left behind."
    counted = (
        f"It is used by {used['submissions']} answers of trainees, {used['references']} of "
        f"production and {used['gold']} gold keys."
    )
    link = room.settings.link("trainer/changes")
    shown = blocks.fitting(lines, blocks.SECTION, rest="… and {} more on the page.")
    text = "\n".join([headline, shown, counted, link])
    return Message(
        text,
        (
            blocks.section(headline),
            blocks.section(shown),
            blocks.section(counted),
            blocks.links([blocks.button("What was done", link)]),
        ),
    )
