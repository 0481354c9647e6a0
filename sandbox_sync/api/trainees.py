"""What a trainer does with a trainee's practice: pause, resume, end, take back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from projects.kit import logs
from projects.kit.database import now as this_moment
from sandbox_sync.api.people import NoSuchPage, Person, trainer
from sandbox_sync.db import trainees
from sandbox_sync.workflows.room import Room

LARGEST_ID = 2**53

router = APIRouter(include_in_schema=False)
log = logs.get(__name__)

Trainer = Annotated[Person, Depends(trainer)]
Lane = Annotated[int | None, Form(gt=0, lt=LARGEST_ID)]


@router.post("/trainer/trainee/{trainee_id}/pause")
def pause(request: Request, trainee_id: int, asking: Trainer, lane: Lane = None) -> Response:
    """Nothing new for this trainee, or of one kind; what is open stays."""

    def change(session: Session) -> bool:
        return trainees.pause(session, trainee_id, lane, now=this_moment())

    return _changed(request, "paused", trainee_id, asking, change, lane=lane)


@router.post("/trainer/trainee/{trainee_id}/resume")
def resume(request: Request, trainee_id: int, asking: Trainer, lane: Lane = None) -> Response:
    """The queues are filled again."""

    def change(session: Session) -> bool:
        return trainees.resume(session, trainee_id, lane)

    return _changed(request, "resumed", trainee_id, asking, change, lane=lane)


@router.post("/trainer/trainee/{trainee_id}/end")
def end(request: Request, trainee_id: int, asking: Trainer) -> Response:
    """The trainee's open items go; their answers stay."""

    def change(session: Session) -> bool:
        return trainees.end(session, trainee_id, by=asking.email, now=this_moment())

    return _changed(request, "ended", trainee_id, asking, change)


@router.post("/trainer/trainee/{trainee_id}/return")
def take_back(request: Request, trainee_id: int, asking: Trainer) -> Response:
    """The trainee practises again, on items that they have not had."""

    def change(session: Session) -> bool:
        return trainees.take_back(session, trainee_id)

    return _changed(request, "taken_back", trainee_id, asking, change)


def _changed(
    request: Request,
    what: str,
    trainee_id: int,
    asking: Person,
    change: Callable[[Session], bool],
    *,
    lane: int | None = None,
) -> Response:
    """Store the change and have the queues follow it, together."""
    if not 0 < trainee_id < LARGEST_ID:
        raise NoSuchPage
    room: Room = request.app.state.room
    with room.transaction() as session:
        if not change(session):
            raise NoSuchPage
        for lane_id in trainees.lanes_of(session, trainee_id):
            room.accept_tending(session, lane_id, reason=f"{what}:{uuid4().hex}")
    log.info("trainee.changed", what=what, trainee=trainee_id, lane=lane, by=asking.id)
    return RedirectResponse(f"/trainer/trainee/{trainee_id}#practice", status_code=303)
