"""A trainee's own settings: their time zone, when they are told, and how."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import available_timezones

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from projects.kit import logs
from projects.kit.database import now as this_moment
from projects.kit.errors import BadInput
from sandbox_sync import sending
from sandbox_sync.api.people import NoSuchPage, Person, person
from sandbox_sync.api.rendering import render
from sandbox_sync.db import delivery, queries
from sandbox_sync.sending import Wishes
from sandbox_sync.workflows.room import Room

router = APIRouter(include_in_schema=False)
log = logs.get(__name__)

Asking = Annotated[Person, Depends(person)]
Text = Annotated[str, Form(max_length=60)]


@router.get("/settings")
def form(request: Request, asking: Asking, saved: str = "") -> Response:
    """The form, with what is set now."""
    with request.app.state.reading() as session:
        trainee = queries.trainee_by_id(session, asking.id)
        if trainee is None:
            raise NoSuchPage
        wishes = delivery.wishes_of(trainee)
        state = delivery.state_of(session, [asking.email]).get(asking.email.lower())
    return render(
        request,
        "settings.html",
        wishes=wishes,
        state=state,
        saved=bool(saved),
        zones=sorted(available_timezones()),
        time=sending.clock,
    )


@router.post("/settings")
def save(
    request: Request,
    asking: Asking,
    time_zone: Text = "UTC",
    quiet_from: Text = "",
    quiet_until: Text = "",
    digest: Text = sending.EACH,
    digest_at: Text = "17:00",
) -> Response:
    """Keep it, and decide anew when to tell what waits."""
    wishes = wishes_from(time_zone, quiet_from, quiet_until, digest=digest, digest_at=digest_at)
    room: Room = request.app.state.room
    with room.transaction() as session:
        trainee = queries.trainee_by_id(session, asking.id)
        if trainee is None:
            raise NoSuchPage
        trainee.time_zone = wishes.time_zone
        trainee.quiet_from, trainee.quiet_until = wishes.quiet_from, wishes.quiet_until
        trainee.digest, trainee.digest_at = wishes.digest, wishes.digest_at
        delivery.ask_again(session, asking.id, now=this_moment())
    log.info("wishes.saved", trainee=asking.id)
    return RedirectResponse("/settings?saved=1", status_code=303)


def wishes_from(
    time_zone: str, quiet_from: str, quiet_until: str, *, digest: str, digest_at: str
) -> Wishes:
    """What the form says, checked.

    Raises
    ------
    BadInput
        Names the field and what is wrong with it.
    """
    if not sending.is_zone(time_zone):
        raise BadInput("there is no such time zone; write Europe/Berlin", "time_zone")
    if digest not in sending.DIGESTS:
        raise BadInput(f"one of {', '.join(sending.DIGESTS)}", "digest")
    begin, end = _minute("quiet_from", quiet_from), _minute("quiet_until", quiet_until)
    if (begin is None) != (end is None):
        missing = "quiet_from" if begin is None else "quiet_until"
        raise BadInput("quiet hours need a beginning and an end, or neither", missing)
    if begin is not None and begin == end:
        raise BadInput("quiet hours that end when they begin are none", "quiet_until")
    at = _minute("digest_at", digest_at)
    if at is None:
        raise BadInput("the time of a daily digest is missing", "digest_at")
    return Wishes(time_zone, begin, end, digest, at)


def _minute(name: str, text: str) -> int | None:
    if not text.strip():
        return None
    minute = sending.minute_of(text)
    if minute is None:
        raise BadInput("not a time of day; write 22:30", name)
    return minute
