"""Webhooks in: check the secret, answer, store the event; the work comes later.

Label Studio calls inside the request of whoever changed something, and they wait for our
answer. Of answers it says only in which project there is one, so an annotator waits for
no database of ours: what is lost between our answer and our record, or cannot be
recorded, the next look by the clock finds. Everything else is recorded before we answer.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from starlette.background import BackgroundTask

from projects.kit import logs
from projects.kit.errors import PlatformError
from projects.kit.label_studio import ANSWER_ACTIONS
from projects.kit.web import SECRET_HEADER, check_secret
from sandbox_sync import inbox
from sandbox_sync.api.together import Together
from sandbox_sync.workflows.room import Room

LARGEST_BODY = 64 * 2**20
"""Bytes; an import of 5,000 long tasks in one event stays below."""
LARGEST_AT_ONCE = 1_000
"""A body is read without a thread of its own up to here; one that says only what happened is."""
MOST_TO_RECORD = 1_000
"""Projects of which it is still to be recorded that something was answered; who tells of more
waits. Every member of the sandbox may tell of any project."""

log = logs.get(__name__)
router = APIRouter(prefix="/webhooks", tags=["webhooks"])


class NotAnEvent(PlatformError):
    """The body of a webhook call cannot be read."""

    status = 400

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        return f"The body is not an event of Label Studio: {self.why}."


class TooLarge(PlatformError):
    """The body of a webhook call is larger than any event."""

    status = 413

    def __str__(self) -> str:
        return f"An event has at most {LARGEST_BODY} bytes."


async def body_of(request: Request, wanted: Any) -> bytes:
    """The body, read only after the secret is right and never past the limit."""
    check_secret(request.headers.get(SECRET_HEADER), wanted)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST_BODY:
            raise TooLarge
        parts.append(part)
    return b"".join(parts)


async def production_body(request: Request) -> bytes:
    """The body of a call that proved to come from production."""
    return await body_of(request, request.app.state.settings.production_webhook_secret)


async def sandbox_body(request: Request) -> bytes:
    """The body of a call with the sandbox secret, which every member of it can read."""
    return await body_of(request, request.app.state.settings.sandbox_webhook_secret)


ProjectId = Annotated[int, Path(gt=0, lt=inbox.LARGEST_ID)]


@router.post("/production")
@router.post("/production/{project_id}")
async def from_production(
    request: Request,
    body: Annotated[bytes, Depends(production_body)],
    project_id: ProjectId | None = None,
) -> Response:
    """Something happened in production; with a project's number, an answer there."""
    return await _receive(request, "production", body, project_id)


@router.post("/sandbox")
@router.post("/sandbox/{project_id}")
async def from_sandbox(
    request: Request,
    body: Annotated[bytes, Depends(sandbox_body)],
    project_id: ProjectId | None = None,
) -> Response:
    """Something happened in the sandbox, or so somebody says."""
    return await _receive(request, "sandbox", body, project_id)


async def _receive(
    request: Request, source: inbox.Source, body: bytes, project_id: int | None
) -> Response:
    """That there is an answer is acknowledged, then recorded; all else the other way round."""
    room: Room = request.app.state.room
    is_short = len(body) <= LARGEST_AT_ONCE
    event = _event(body) if is_short else await run_in_threadpool(_event, body)
    if event["action"] in ANSWER_ACTIONS:
        number = inbox.project_of(event) if project_id is None else project_id
        return await _acknowledge(request.app.state.together, room, source, number)
    return JSONResponse({"new": await run_in_threadpool(inbox.receive, room, source, event)})


async def _acknowledge(
    together: Together[tuple[str, int]], room: Room, source: inbox.Source, project_id: int | None
) -> Response:
    """The same for every project, known or not: the caller learns nothing of it."""
    accepted = JSONResponse({"accepted": True}, status_code=202)
    if project_id is not None:
        record = BackgroundTask(_record, together, room, source, project_id)
        if len(together) < MOST_TO_RECORD:
            accepted.background = record
        else:
            await record()
    return accepted


async def _record(
    together: Together[tuple[str, int]], room: Room, source: inbox.Source, project_id: int
) -> None:
    """Of all that come at the same time, many at once."""
    try:
        await together.ask((source, project_id), lambda: inbox.answered(room, source, project_id))
    except Exception as error:  # noqa: BLE001 - whoever told us has gone, and a look finds it
        name = type(error).__name__
        log.warning("event.not_recorded", source=source, project=project_id, error=name)


def _event(body: bytes) -> dict[str, Any]:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotAnEvent("it is not JSON") from error
    if not isinstance(event, dict) or not isinstance(event.get("action"), str):
        raise NotAnEvent("it has no action")
    return event
