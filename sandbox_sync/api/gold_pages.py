"""The trainers' pages of gold: every key, how healthy it is, and one key to set or retire."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from projects.kit import intervals, logs
from projects.kit.database import Sessions
from projects.kit.database import now as this_moment
from projects.kit.errors import BadInput
from projects.kit.intervals import Estimate
from projects.vocabulary import Json, answer_from_json
from sandbox_sync import feedback, gold
from sandbox_sync.api.options import excerpt, options
from sandbox_sync.api.people import NoSuchPage, Person, trainer
from sandbox_sync.api.rendering import render
from sandbox_sync.db import appeals, production, references, voices
from sandbox_sync.db import gold as rows
from sandbox_sync.db.gold import Key, NewKey
from sandbox_sync.db.tables import Reference, SnapshotRow
from sandbox_sync.deriving import newest_of_each
from sandbox_sync.workflows import keys
from sandbox_sync.workflows.references import says_the_same
from sandbox_sync.workflows.room import Room

LONGEST = 500
PAGE_SIZE = 50
CONTEXT = ("thread", "calendar", "preferences")

router = APIRouter(prefix="/trainer", include_in_schema=False)
Trainer = Annotated[Person, Depends(trainer)]
Note = Annotated[str, Form(max_length=LONGEST)]
Ticked = Annotated[str, Form(max_length=10)]
log = logs.get(__name__)


@dataclass(frozen=True)
class GoldLine:
    """One gold item in the list."""

    key: Key
    text: str
    answers: list[str]
    health: gold.Health
    reason: str
    production_says: str | None
    """What production's own answer is, where it is none of the acceptable ones."""


@dataclass(frozen=True)
class ErrorLine:
    """How often production's answers of one kind are wrong, as far as that can be told."""

    title: str
    twice: int
    error: Estimate | None
    workers: list[tuple[int, bool, bool | None]]
    """Id, whether they count as good, and what a trainer said."""


@router.get("/gold")
def every_key(
    request: Request, _: Trainer, page: Annotated[int, Query(ge=1, le=10**6)] = 1
) -> Response:
    """Gold items by the page, the suspicious ones first, and how far references can be trusted."""
    room: Room = request.app.state.room
    with _reading(request) as session:
        lines = _lines(room, session)
        errors = [_errors(room, session, project.id) for project in production.projects(session)]
        wrong, compared = appeals.count_upheld(session)
    lines.sort(key=lambda line: (line.key.retired_at is not None, not line.health.is_suspicious))
    return render(
        request,
        "gold.html",
        lines=lines[(page - 1) * PAGE_SIZE : page * PAGE_SIZE],
        found=len(lines),
        page=page,
        pages=max(1, math.ceil(len(lines) / PAGE_SIZE)),
        good_agreement=room.settings.good_agreement,
        errors=[one for one in errors if one is not None],
        found_wrong=intervals.proportion(wrong, compared),
        differing=[line for line in lines if line.production_says is not None],
    )


def _lines(room: Room, session: Session) -> list[GoldLine]:
    good = _good_trainees(room, session)
    tried = voices.tries(session, good)
    return [_line(room, session, key, tried.get(key.gold_id, [])) for key in rows.keys(session)]


def _line(room: Room, session: Session, key: Key, tried: list[gold.Try]) -> GoldLine:
    snapshot = _snapshot(session, key.snapshot)
    scheme = room.scheme(snapshot.kind, snapshot.label_config)
    text = scheme.text(snapshot.data)
    found = gold.health(tried)
    return GoldLine(
        key=key,
        text=excerpt(text),
        answers=[feedback.answer_in_words(text, answer) for answer in key.answers],
        health=found,
        reason=_reason(text, found),
        production_says=_production_says(session, snapshot, key, text),
    )


def _reason(text: str, found: gold.Health) -> str:
    """Why an item is suspicious, in words."""
    if found.failing is None or found.instead is None:
        return ""
    failed = round(found.failing.value * found.failing.n)
    instead = feedback.answer_in_words(text, found.instead)
    return (
        f"{failed} of {found.failing.n} good trainees answer otherwise; "
        f"{found.instead_count} of them: {instead}"
    )


def _production_says(session: Session, snapshot: SnapshotRow, key: Key, text: str) -> str | None:
    reference = session.get(Reference, snapshot.production_task_id)
    if reference is None or reference.data_digest != snapshot.data_digest:
        return None
    said = answer_from_json(reference.answer)
    return None if said in key.answers else feedback.answer_in_words(text, said)


def _good_trainees(room: Room, session: Session) -> set[tuple[int, str]]:
    above, seed = room.settings.good_agreement, room.settings.seed
    return {
        who
        for who, values in voices.agreements(session).items()
        if gold.is_good(values, above=above, seed=seed)
    }


def _errors(room: Room, session: Session, project_id: int) -> ErrorLine | None:
    project = production.project(session, project_id)
    twice = voices.answered_twice(session, project_id)
    if project is None or not twice:
        return None
    scheme = room.scheme(project.kind, project.label_config)
    same = says_the_same(scheme)
    answers = references.answers(session, twice)
    said = voices.said_of_workers(session)
    good = gold.good_workers(answers.values(), said, same=same, above=room.settings.good_agreement)
    pairs = [newest_of_each(given)[:2] for given in answers.values()]
    pairs = [pair for pair in pairs if len(pair) > 1]
    labels = 0
    if scheme.kind is not None and scheme.kind.form == "choice":
        labels = len(scheme.kind.labels)
    differing = sum(not same(one.answer, other.answer) for one, other in pairs)
    workers = sorted({one.voter for given in answers.values() for one in given if one.voter > 0})
    return ErrorLine(
        title=scheme.title,
        twice=len(pairs),
        error=gold.reference_error(differing, len(pairs), labels=labels),
        workers=[(number, number in good, said.get(number)) for number in workers],
    )


@router.get("/gold/{gold_id}")
def one_key(request: Request, gold_id: int, _: Trainer) -> Response:
    """The page of its snapshot."""
    with _reading(request) as session:
        key = rows.key(session, gold_id) if 0 < gold_id < 2**31 else None
    if key is None:
        raise NoSuchPage
    return RedirectResponse(f"/trainer/snapshots/{key.snapshot}", status_code=303)


@router.get("/snapshots/{digest}")
def one_snapshot(request: Request, digest: str, _: Trainer) -> Response:
    """What is asked, who said what, the key and its history, and a form to set it."""
    room: Room = request.app.state.room
    with _reading(request) as session:
        snapshot = _snapshot(session, digest)
        key = rows.key_of_snapshot(session, digest)
        scheme = room.scheme(snapshot.kind, snapshot.label_config)
        text = scheme.text(snapshot.data)
        said = voices.voices(session, snapshot)
        line = None
        history: list[Any] = []
        if key is not None:
            tried = voices.tries(session, _good_trainees(room, session))
            line = _line(room, session, key, tried.get(key.gold_id, []))
            history = [
                (
                    state,
                    [feedback.answer_in_words(text, answer_from_json(a)) for a in state.answers],
                )
                for state in rows.revisions(session, key.gold_id)
            ]
    return render(
        request,
        "gold_item.html",
        digest=digest,
        title=scheme.title,
        text=text,
        key=key,
        line=line,
        history=history,
        options=options(scheme, snapshot, said, key),
        context=[(name, snapshot.data[name]) for name in CONTEXT if snapshot.data.get(name)],
    )


@router.post("/snapshots/{digest}/key")
def set_key(
    request: Request,
    digest: str,
    asking: Trainer,
    answer: Annotated[list[str] | None, Form()] = None,
    note: Note = "",
    in_queue: Ticked = "",
) -> Response:
    """These answers are right from now on."""
    room: Room = request.app.state.room
    with room.transaction() as session:
        snapshot = _snapshot(session, digest)
        scheme = room.scheme(snapshot.kind, snapshot.label_config)
        key = rows.key_of_snapshot(session, digest)
        offered = options(scheme, snapshot, voices.voices(session, snapshot), key)
        chosen = [one.given for one in offered if one.name in (answer or ())]
        if not chosen or len(chosen) != len(set(answer or ())):
            raise BadInput("choose at least one of the answers on the page", "answer")
        project_id = rows.project_of(session, snapshot)
        if project_id is None:
            raise BadInput("its production project is not followed any more", "snapshot")
        new = NewKey(rows.TRAINER, chosen, asking.email, note.strip(), bool(in_queue))
        keys.set_key(room, session, snapshot, new, project_id=project_id)
        rows.set_in_queue(session, digest, in_queue=bool(in_queue))
    return _back(digest)


@router.post("/gold/{gold_id}/retire")
def retire(
    request: Request, gold_id: int, _: Trainer, why: Note = "", wrong: Ticked = ""
) -> Response:
    """Give the item to nobody any more."""
    digest = _digest_of(request, gold_id)
    keys.retire(request.app.state.room, gold_id, why=why.strip(), counts=not wrong)
    return _back(digest)


@router.post("/gold/{gold_id}/return")
def bring_back(request: Request, gold_id: int, _: Trainer) -> Response:
    """Give the item out again."""
    digest = _digest_of(request, gold_id)
    keys.bring_back(request.app.state.room, gold_id)
    return _back(digest)


@router.post("/workers/{worker_id}")
def say_of_worker(request: Request, worker_id: int, asking: Trainer, good: Ticked = "") -> Response:
    """Call a production worker good, or not, or leave it to their agreement."""
    if not 0 < worker_id < 2**31 or good not in ("yes", "no", ""):
        raise BadInput("yes, no or nothing", "good")
    room: Room = request.app.state.room
    word = {"yes": True, "no": False}.get(good)
    with room.transaction() as session:
        voices.say_of_worker(session, worker_id, is_good=word, by=asking.email, now=this_moment())
    return RedirectResponse("/trainer/gold#workers", status_code=303)


def _in_words(text: str, stored: list[Json]) -> str:
    return feedback.answer_in_words(text, answer_from_json(stored))


def _back(digest: str) -> Response:
    return RedirectResponse(f"/trainer/snapshots/{digest}", status_code=303)


def _digest_of(request: Request, gold_id: int) -> str:
    with _reading(request) as session:
        key = rows.key(session, gold_id) if 0 < gold_id < 2**31 else None
    if key is None:
        raise NoSuchPage
    return key.snapshot


def _snapshot(session: Session, digest: str) -> SnapshotRow:
    found = rows.row_of(session, digest) if digest.isalnum() else None
    if found is None:
        raise NoSuchPage
    return found


def _reading(request: Request) -> Session:
    factory: Sessions = request.app.state.reading
    return factory()
