"""Webhooks in: check the secret, store the event, answer; the work comes later."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.concurrency import run_in_threadpool

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
) -> dict[str, bool]:
    """Something happened in production; with a project's number, an answer there."""
    return await _receive(request, "production", body, project_id)


@router.post("/sandbox")
@router.post("/sandbox/{project_id}")
async def from_sandbox(
    request: Request,
    body: Annotated[bytes, Depends(sandbox_body)],
    project_id: ProjectId | None = None,
) -> dict[str, bool]:
    """Something happened in the sandbox, or so somebody says."""
    return await _receive(request, "sandbox", body, project_id)


async def _receive(
    request: Request, source: inbox.Source, body: bytes, project_id: int | None
) -> dict[str, bool]:
    """Acknowledged once it is recorded; of answers in one project many at a time."""
    room: Room = request.app.state.room
    is_short = len(body) <= LARGEST_AT_ONCE
    event = _event(body) if is_short else await run_in_threadpool(_event, body)
    if project_id is None or event["action"] not in ANSWER_ACTIONS:
        return {"new": await run_in_threadpool(inbox.receive, room, source, event)}
    together: Together[tuple[str, int]] = request.app.state.together
    key = (source, project_id)
    return {"new": await together.ask(key, lambda: inbox.answered(room, source, project_id))}


def _event(body: bytes) -> dict[str, Any]:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotAnEvent("it is not JSON") from error
    if not isinstance(event, dict) or not isinstance(event.get("action"), str):
        raise NotAnEvent("it has no action")
    return event
