"""A trainee contests a comparison, a trainer rules, the key is repaired and all are told."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from projects.kit import logs
from projects.kit.database import now as this_moment
from projects.kit.errors import BadInput, PlatformError
from projects.scheme import Scheme
from projects.vocabulary import answer_from_json
from sandbox_sync import blocks, feedback
from sandbox_sync.db import appeals as rows
from sandbox_sync.db import gold, queries, voices
from sandbox_sync.db.gold import Given, NewKey
from sandbox_sync.db.tables import Reference
from sandbox_sync.feedback import Message
from sandbox_sync.workflows.keys import set_key
from sandbox_sync.workflows.room import Room

SHORTEST, LONGEST = 10, 2000
"""Characters of a reason."""
LONGEST_NOTE = 2000
REFERENCE = "reference"
"""Names the reference of the comparison, where an answer is chosen."""
WORDS = {
    rows.UPHELD: "you were right, and the reference answer was wrong. It has been corrected",
    rows.ALSO: "your answer is right too, beside the reference answer",
    rows.DISMISSED: "the reference answer stands",
}

log = logs.get(__name__)


class NotOpen(PlatformError):
    """There is nothing to contest, or nothing to rule on any more."""

    status = 409

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        return self.why


@dataclass(frozen=True)
class Ruling:
    """What a trainer says of an appeal; ``chosen`` names the answer that is right."""

    ruling: str
    by: str
    note: str = ""
    chosen: str = ""


def file(room: Room, comparison_id: int, trainee_id: int, reason: str, *, revision: int) -> None:
    """Contest a comparison as the trainee saw it."""
    reason = reason.strip()
    if not SHORTEST <= len(reason) <= LONGEST:
        raise BadInput(f"say in {SHORTEST} to {LONGEST} characters why", "reason")
    with room.transaction() as session:
        found = queries.comparison(session, comparison_id)
        if found is None or found.trainee_id != trainee_id or found.is_withdrawn:
            raise NotOpen("There is nothing to contest: it does not count at the moment.")
        if found.revision != revision:
            raise NotOpen("It has changed since you opened it. Look at it again first.")
        is_new = rows.file(
            session,
            comparison_id=comparison_id,
            revision=revision,
            trainee_id=trainee_id,
            reason=reason,
            now=this_moment(),
        )
    if not is_new:
        raise NotOpen("You have contested this already.")
    log.info("appeal.filed", comparison=comparison_id)


def rule(room: Room, appeal_id: int, given: Ruling) -> None:
    """Rule on an appeal: repair the key, compare everyone again, tell whom it concerns.

    Raises
    ------
    BadInput
        For a ruling or a chosen answer that there is not.
    NotOpen
        When somebody has ruled before.
    """
    if given.ruling not in rows.RULINGS:
        raise BadInput(f"it is one of {', '.join(rows.RULINGS)}", "ruling")
    if len(given.note) > LONGEST_NOTE:
        raise BadInput(f"at most {LONGEST_NOTE} characters", "note")
    with room.transaction() as session:
        case = rows.case(session, appeal_id, held=True)
        if case is None or case.appeal.ruled_at is not None:
            raise NotOpen("Somebody has ruled on this appeal already.")
        scheme = room.scheme(case.snapshot.kind, case.snapshot.label_config)
        if given.ruling != rows.DISMISSED:
            _repair(room, session, case, given, scheme)
        rows.rule(
            session,
            case.appeal,
            ruling=given.ruling,
            by=given.by,
            note=given.note.strip(),
            now=this_moment(),
        )
        link = room.settings.link(f"feedback/{case.comparison.id}")
        told = _message(
            f"{scheme.title}: your appeal was heard: {WORDS[given.ruling]}.", given.note, link
        )
        room.tell(session, key=f"ruling-{appeal_id}", email=case.email, message=told)
    log.info("appeal.ruled", appeal=appeal_id, ruling=given.ruling)


def _repair(room: Room, session: Session, case: rows.Case, given: Ruling, scheme: Scheme) -> None:
    digest = case.snapshot.digest
    right = _chosen(session, case, given.chosen or f"trainee-{case.item.id}")
    key = gold.key_of_snapshot(session, digest)
    project_id = gold.project_of(session, case.snapshot)
    if project_id is None:
        raise BadInput("the production project is not followed any more", "appeal")
    answers = [right]
    if given.ruling == rows.ALSO:
        before = [Given(a, r) for a, r in zip(key.answers, key.regions, strict=True)] if key else []
        before = before or [_chosen(session, case, REFERENCE)]
        answers = before + [one for one in answers if one.answer not in {b.answer for b in before}]
    else:
        _inform_production(room, session, case, right, scheme)
    new = NewKey(
        origin=gold.APPEAL,
        answers=answers,
        made_by=given.by,
        why=f"appeal {case.appeal.id}, {given.ruling}",
        in_queue=False,
    )
    set_key(room, session, case.snapshot, new, project_id=project_id)


def _chosen(session: Session, case: rows.Case, name: str) -> Given:
    """An answer that somebody gave, or the reference of the comparison, by its name."""
    said = voices.voices(session, case.snapshot)
    if name == REFERENCE:
        answer = answer_from_json(case.comparison.reference_answer)
        return Given(answer, next((v.regions for v in said if v.answer == answer), ()))
    for voice in said:
        if voice.name == name:
            return Given(voice.answer, voice.regions)
    raise BadInput("nobody gave that answer", "chosen")


def _inform_production(
    room: Room, session: Session, case: rows.Case, right: Given, scheme: Scheme
) -> None:
    """Once per appeal, where what production says itself was found wrong."""
    reference = session.get(Reference, case.item.production_task_id)
    if reference is None or reference.data_digest != case.snapshot.data_digest:
        return
    said = answer_from_json(reference.answer)
    if said == right.answer:
        return
    text = scheme.text(case.snapshot.data)
    words = (
        f"{scheme.title}: the committed answer to production task "
        f"{case.item.production_task_id} was found wrong.\n"
        f"Production says: {feedback.answer_in_words(text, said)}\n"
        f"Right is: {feedback.answer_in_words(text, right.answer)}"
    )
    link = room.settings.link(f"trainer/snapshots/{case.snapshot.digest}")
    for email in sorted(room.settings.production_contacts):
        key = f"production-wrong-{case.appeal.id}-{email}"
        room.tell(session, key=key, email=email, message=_message(words, "", link))


def _message(words: str, note: str, link: str) -> Message:
    parts = [words, *([f"Note: {note.strip()}"] if note.strip() else [])]
    found = [blocks.section(part) for part in parts]
    found.append(blocks.links([blocks.button("Open the page", link)]))
    return Message(text="\n".join([*parts, link]), blocks=tuple(found))
