"""The trainers' page of practice time, and the same for a payroll program."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from projects.kit.database import now as this_moment
from projects.kit.errors import BadInput
from sandbox_sync import hours
from sandbox_sync.api.people import Person, trainer
from sandbox_sync.api.rendering import render
from sandbox_sync.db import hours as rows

MOST_DAYS = 400

router = APIRouter(prefix="/trainer", include_in_schema=False)
Trainer = Annotated[Person, Depends(trainer)]
From = Annotated[str, Query(alias="from", max_length=40)]
To = Annotated[str, Query(alias="to", max_length=40)]


@dataclass(frozen=True)
class Days:
    """A range of days, both included."""

    first: date
    last: date


@router.get("/hours")
def page(request: Request, _: Trainer, first: From = "", last: To = "") -> Response:
    """Practice time per trainee, day and kind."""
    days = days_of(first, last, today=this_moment().date())
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
    days = days_of(first, last, today=this_moment().date())
    name = f"practice-hours-{days.first}-{days.last}.csv"
    return Response(
        hours.to_csv(_rows(request, days)).encode(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def days_of(first: str, last: str, *, today: date) -> Days:
    """The range that was asked for; without, this month up to today.

    Raises
    ------
    BadInput
        When a day is not one, or the range is backwards or too long.
    """
    end = _day("to", last) or max(today, _day("from", first) or today)
    begin = _day("from", first) or end.replace(day=1)
    if begin > end:
        raise BadInput(f"{begin} is after {end}", "from")
    if end - begin > timedelta(days=MOST_DAYS):
        raise BadInput(f"at most {MOST_DAYS} days at once", "to")
    return Days(begin, end)


def _day(name: str, text: str) -> date | None:
    if not text.strip():
        return None
    try:
        found = date.fromisoformat(text.strip())
    except ValueError as error:
        raise BadInput("not a day; write 2026-05-04", name) from error
    if not date(2000, 1, 1) <= found <= date(2999, 12, 31):
        raise BadInput("not a day of this age; write 2026-05-04", name)
    return found


def _rows(request: Request, days: Days) -> list[hours.Row]:
    session: Session
    with request.app.state.reading() as session:
        return rows.rows(session, days.first, days.last)
