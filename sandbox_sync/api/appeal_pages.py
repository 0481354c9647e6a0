"""The pages of appeals: what a trainee files, and what a trainer rules on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from projects.kit.database import Sessions
from projects.vocabulary import answer_from_json
from sandbox_sync import feedback
from sandbox_sync.api.options import excerpt, options
from sandbox_sync.api.people import NoSuchPage, Person, person, trainer
from sandbox_sync.api.rendering import render
from sandbox_sync.db import appeals as rows
from sandbox_sync.db import gold, queries, voices
from sandbox_sync.workflows import appeals
from sandbox_sync.workflows.room import Room

LARGEST_ID = 2**31

router = APIRouter(include_in_schema=False)
Trainer = Annotated[Person, Depends(trainer)]
Text = Annotated[str, Form(max_length=appeals.LONGEST * 2)]


@router.post("/feedback/{comparison_id}/appeal")
def file(
    request: Request,
    comparison_id: int,
    asking: Annotated[Person, Depends(person)],
    revision: Annotated[int, Form()],
    reason: Text = "",
) -> Response:
    """Contest a comparison of one's own."""
    with _reading(request) as session:
        found = queries.comparison(session, comparison_id) if _is_id(comparison_id) else None
    if found is None or found.trainee_id != asking.id:
        raise NoSuchPage
    room: Room = request.app.state.room
    appeals.file(room, comparison_id, asking.id, reason, revision=revision)
    return RedirectResponse(f"/feedback/{comparison_id}#appeal", status_code=303)


@router.get("/trainer/appeals")
def every_appeal(request: Request, _: Trainer) -> Response:
    """Those that wait for a ruling, and the newest rulings."""
    room: Room = request.app.state.room
    with _reading(request) as session:
        waiting = rows.cases(session, are_open=True)
        ruled = rows.cases(session, are_open=False, limit=50)
    return render(
        request,
        "appeals.html",
        waiting=[(case, _excerpt(room, case)) for case in waiting],
        ruled=[(case, _excerpt(room, case)) for case in ruled],
    )


def _excerpt(room: Room, case: rows.Case) -> str:
    scheme = room.scheme(case.snapshot.kind, case.snapshot.label_config)
    return excerpt(scheme.text(case.snapshot.data))


@router.get("/trainer/appeals/{appeal_id}")
def one_appeal(request: Request, appeal_id: int, _: Trainer) -> Response:
    """Both answers, the reason, what everybody else said, and the ruling."""
    room: Room = request.app.state.room
    with _reading(request) as session:
        case = rows.case(session, appeal_id) if _is_id(appeal_id) else None
        if case is None:
            raise NoSuchPage
        key = gold.key_of_snapshot(session, case.snapshot.digest)
        said = voices.voices(session, case.snapshot)
    scheme = room.scheme(case.snapshot.kind, case.snapshot.label_config)
    text = scheme.text(case.snapshot.data)
    own = next((v for v in said if v.name == f"trainee-{case.item.id}"), None)
    reference = answer_from_json(case.comparison.reference_answer)
    given = {v.answer for v in said}
    return render(
        request,
        "appeal.html",
        case=case,
        title=scheme.title,
        text=text,
        own=feedback.answer_in_words(text, own.answer) if own is not None else None,
        reference=feedback.answer_in_words(text, reference),
        options=[
            one
            for one in options(scheme, case.snapshot, said, key)
            if one.given.answer in given and one.given.answer != reference and one.who
        ],
        others=options(scheme, case.snapshot, said, key),
        own_name=f"trainee-{case.item.id}",
        says={v.answer: v.name for v in said},
    )


@router.post("/trainer/appeals/{appeal_id}")
def rule(
    request: Request,
    appeal_id: int,
    asking: Trainer,
    ruling: Text = "",
    chosen: Text = "",
    note: Text = "",
) -> Response:
    """Rule, repair the key, and tell whom it concerns."""
    room: Room = request.app.state.room
    with _reading(request) as session:
        if not _is_id(appeal_id) or rows.case(session, appeal_id) is None:
            raise NoSuchPage
    appeals.rule(room, appeal_id, appeals.Ruling(ruling, asking.email, note, chosen))
    return RedirectResponse(f"/trainer/appeals/{appeal_id}", status_code=303)


def _is_id(number: int) -> bool:
    return 0 < number < LARGEST_ID


def _reading(request: Request) -> Session:
    factory: Sessions = request.app.state.reading
    return factory()
