"""The engineer's page: what the evidence says, for people and as JSON."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse, HTMLResponse
from starlette.exceptions import HTTPException

from backend_ml import charts, evidence
from backend_ml.api import check_basic
from backend_ml.charts import Figure
from backend_ml.evidence import ProjectReport, Report, pace
from backend_ml.metrics import Metrics
from backend_ml.settings import Settings
from projects.kit import database
from projects.kit.database import Sessions
from projects.kit.errors import NotSignedIn
from projects.kit.intervals import Estimate

DASH = "\u2013"
KEEP_SECONDS = 5.0
"""A report is made anew at most this often, however many people look."""
VERSIONS = 30
"""So many versions are listed; the JSON has all."""
FILES = {
    "engineer.css": "text/css",
    "engineer.js": "text/javascript",
}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


async def ask_for_credential(request: Request) -> None:
    """The backend's Basic credential; a browser is told to ask for it."""
    try:
        await check_basic(request)
    except NotSignedIn as error:
        ask = {"WWW-Authenticate": 'Basic realm="Understudy", charset="UTF-8"'}
        raise HTTPException(401, str(error), headers=ask) from error


router = APIRouter(dependencies=[Depends(ask_for_credential)], include_in_schema=False)


class Reports:
    """The newest report, made by one request at a time so that /predict goes on."""

    def __init__(self, settings: Settings, reading: Sessions, metrics: Metrics) -> None:
        self._settings = settings
        self._reading = reading
        self._metrics = metrics
        self._lock = threading.Lock()
        self._made: tuple[float, Report] | None = None

    def newest(self) -> Report:
        """At most ``KEEP_SECONDS`` old."""
        with self._lock:
            if self._made is None or time.monotonic() - self._made[0] > KEEP_SECONDS:
                self._made = (time.monotonic(), self._make())
            return self._made[1]

    def _make(self) -> Report:
        with self._reading() as session:
            return evidence.report(
                session,
                self._settings.projects,
                now=database.now(),
                predict=pace.latency(self._metrics.predict_seconds),
                seed=self._settings.seed,
            )


def newest(request: Request) -> Report:
    """The report of this app."""
    found: Reports = request.app.state.reports
    return found.newest()


Newest = Annotated[Report, Depends(newest)]


@router.get("/engineer", response_class=HTMLResponse)
def engineer(report: Newest) -> HTMLResponse:
    """Everything an engineer wants to know, on one page; no text of any task."""
    return HTMLResponse(page(report), headers=HEADERS)


@router.get("/engineer.json")
def engineer_json(report: Newest) -> Response:
    """The same numbers."""
    body = json.dumps(asdict(report), default=_as_text, allow_nan=False)
    return Response(body, media_type="application/json", headers=HEADERS)


@router.get("/engineer/plotly.js")
def plotly() -> FileResponse:
    """The charts' JavaScript, from the installed wheel."""
    kept = {"Cache-Control": "private, max-age=86400"}
    return FileResponse(charts.javascript(), media_type="text/javascript", headers=kept)


@router.get("/engineer/{name}")
def own_file(name: str) -> FileResponse:
    """Our style and our script."""
    if name not in FILES:
        raise HTTPException(404, "There is no such file.")
    return FileResponse(charts.TEMPLATES / name, media_type=FILES[name], headers=HEADERS)


@dataclass(frozen=True)
class View:
    """One project, with what only the page needs."""

    it: ProjectReport
    accuracy: Figure | None
    reliability: Figure | None
    training: Figure | None
    pace: Figure | None
    versions: list[dict[str, Any]]
    more: int
    per_hour: str
    per_hour_interval: str


def page(report: Report) -> str:
    """The page as HTML; everything that people wrote is escaped."""
    environment = charts.environment()
    environment.globals.update(
        dash=DASH, value=value, interval=interval, number=number, duration=duration,
        moment=moment, pairs=pairs,
    )  # fmt: skip
    found = report.predict
    return environment.get_template("engineer.html").render(
        report=report,
        projects=[view(one) for one in report.projects],
        predict_p50=duration(None if found is None else found.p50),
        predict_p99=duration(None if found is None else found.p99),
        predict_n=0 if found is None else found.n,
    )


def view(it: ProjectReport) -> View:
    """What the page shows of one project; a chart of nothing is ``None``."""
    shown = any(row["all"] for row in it.course)
    rate = it.pace.per_hour
    return View(
        it=it,
        accuracy=charts.accuracy(it.course, it.random_course) if shown else None,
        reliability=charts.reliability(it.reliability) if it.reliability.bins else None,
        training=charts.training(it.versions) if it.versions else None,
        pace=charts.pace(it.pace) if it.pace.bars else None,
        versions=it.versions[:VERSIONS],
        more=max(0, len(it.versions) - VERSIONS),
        per_hour=DASH if rate is None else f"{rate.value:.0f}",
        per_hour_interval="" if rate is None else f"[{rate.low:.0f}, {rate.high:.0f}]; ",
    )


def value(found: Estimate | Mapping[str, Any] | None) -> str:
    """The middle of an estimate."""
    return DASH if found is None else f"{_of(found)['value']:.2f}"


def interval(found: Estimate | Mapping[str, Any] | None) -> str:
    """The rest of an estimate; empty for nothing."""
    if found is None:
        return ""
    known = _of(found)
    return f"[{known['low']:.2f}, {known['high']:.2f}] n = {known['n']}"


def number(found: float | None) -> str:
    """Two digits."""
    return DASH if found is None else f"{found:.2f}"


def duration(seconds: float | None) -> str:
    """A length of time as people say it."""
    if seconds is None:
        return DASH
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds * 1000:.3g} ms"


def moment(text: str | None) -> str:
    """A moment to the minute."""
    if not text:
        return DASH
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M")


def pairs(counts: Mapping[str, int]) -> str:
    """Counts in words, the largest first."""
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{count} {name}" for name, count in ordered if count) or DASH


def _of(found: Estimate | Mapping[str, Any]) -> Mapping[str, Any]:
    return asdict(found) if isinstance(found, Estimate) else found


def _as_text(thing: object) -> str:
    if isinstance(thing, datetime):
        return thing.isoformat()
    raise TypeError(f"{type(thing).__name__} cannot be written as JSON")
