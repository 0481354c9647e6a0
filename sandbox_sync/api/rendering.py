"""Templates, with the words and numbers that all of them use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

from projects.kit.database import now as this_moment
from sandbox_sync import feedback, reporting

FOLDER = Path(__file__).parents[1]

templates = Jinja2Templates(directory=FOLDER / "templates")
templates.env.globals.update(
    percent=feedback.percent,
    with_interval=feedback.with_interval,
    bar=reporting.bar,
    duration=reporting.duration,
    ago=lambda moment: reporting.ago(moment, now=this_moment()),
    signs=feedback.SIGNS,
    dash=feedback.DASH,
    without_text="an item without text",
)


def render(request: Request, name: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """One page."""
    email = request.session.get("email") if "session" in request.scope else None
    settings = request.app.state.settings
    shared = {
        "signed_in": email or "",
        "is_trainer": bool(email) and settings.is_trainer(str(email)),
        "sandbox_url": settings.sandbox_url,
        "kind_title": request.app.state.room.title,
    }
    return templates.TemplateResponse(request, name, shared | values, status_code=status)
