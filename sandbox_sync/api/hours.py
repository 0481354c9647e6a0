"""The trainers' page of practice time, and the same for a payroll program."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from projects.kit.database import now as this_moment
from sandbox_sync import hours
from sandbox_sync.api.people import Person, trainer
from sandbox_sync.api.rendering import render
from sandbox_sync.db import hours as rows

router = APIRouter(prefix="/trainer", include_in_schema=False)
Trainer = Annotated[Person, Depends(trainer)]
From = Annotated[str, Query(alias="from", max_length=40)]
To = Annotated[str, Query(alias="to", max_length=40)]


@router.get("/hours")
def page(request: Request, _: Trainer, first: From = "", last: To = "") -> Response:
    """Practice time per trainee, day and kind."""
    days = hours.days_of(first, last, today=this_moment().date())
    found = _rows(request, days)
    summed = hours.totals(found)
    return render(
        request,
        "hours.html",
        days=days,
        rows=found[::-1],
        totals=summed,
        all_seconds=sum(row.seconds for row in summed if not row.kind),
        idle_seconds=request.app.state.settings.idle_seconds,
        in_words=hours.in_words,
    )


@router.get("/hours.csv")
def as_csv(request: Request, _: Trainer, first: From = "", last: To = "") -> Response:
    """The same as a table, one row per day, trainee and kind."""
    days = hours.days_of(first, last, today=this_moment().date())
    name = f"practice-hours-{days.first}-{days.last}.csv"
    return Response(
        hours.to_csv(_rows(request, days)).encode(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _rows(request: Request, days: hours.Days) -> list[hours.Row]:
    session: Session
    with request.app.state.reading() as session:
        return rows.rows(session, days.first, days.last)
