"""The trainers' page of changed labelling configs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from projects.kit.database import Sessions
from sandbox_sync.api.people import Person, trainer
from sandbox_sync.api.rendering import render
from sandbox_sync.changes import in_words
from sandbox_sync.db import config_changes, frozen

router = APIRouter(include_in_schema=False)

DONE = (
    ("projects_renewed", "new project for a trainee, because the old one has answers"),
    ("items_moved", "open item moved to the new project"),
    ("items_restated", "open item now read with the new config"),
    ("items_taken_out", "open gold item taken out"),
    ("gold_retired", "gold item retired: its key can no longer be given"),
)


@router.get("/trainer/changes")
def list_changes(request: Request, _: Annotated[Person, Depends(trainer)]) -> Response:
    """What production changed, what used it, and what was done about it."""
    factory: Sessions = request.app.state.reading
    with factory() as session:
        noted = config_changes.newest(session)
        troubles = frozen.troubles(session)
    shown = [
        {
            "noted": one,
            "lines": in_words(one.report.get("change", {})),
            "used": one.report.get("used", {}),
            "done": [
                (count, words)
                for name, words in DONE
                if (count := one.report.get("done", {}).get(name))
            ],
        }
        for one in noted
    ]
    return render(request, "changes.html", changes=shown, troubles=troubles)
