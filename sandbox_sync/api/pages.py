"""The pages: a trainee's own feedback, and the trainers' overview."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from projects.kit import intervals
from projects.kit.database import Sessions
from projects.kit.intervals import Estimate
from projects.scheme import Scheme
from sandbox_sync import feedback, reporting
from sandbox_sync.api.people import NoSuchPage, Person, person, trainer
from sandbox_sync.api.rendering import render
from sandbox_sync.comparing import differences_from_json
from sandbox_sync.db import queries
from sandbox_sync.reporting import LabelScore, Piece
from sandbox_sync.settings import Settings
from sandbox_sync.workflows.room import Room

CONTEXT = ("thread", "calendar", "preferences")
LARGEST_ID = 2**53

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class ScoreRow:
    """One trainee and kind, as numbers to show."""

    standing: queries.Standing
    agreement: Estimate | None
    weak: list[LabelScore]
    latency: float | None


@dataclass(frozen=True)
class ItemRow:
    """One comparison in a list."""

    compared: queries.Compared
    excerpt: str
    changed: list[feedback.Line]


@dataclass(frozen=True)
class Side:
    """One of the two answers."""

    pieces: list[Piece]
    choices: list[tuple[str, str]]
    """Kind of difference and label."""


@router.get("/")
def own_list(request: Request, asking: Annotated[Person, Depends(person)]) -> Response:
    """A trainee's own comparisons; trainers go to their overview."""
    if asking.is_trainer:
        return RedirectResponse("/trainer", status_code=303)
    return _trainee_page(request, asking.id, asking.email, is_own=True)


@router.get("/trainer")
def overview(request: Request, _: Annotated[Person, Depends(trainer)]) -> Response:
    """Everybody who practises."""
    with _reading(request) as session:
        everybody = queries.standings(session)
        counted = queries.counts(session)
    rows = _score_rows(everybody, seed=_seed(request))
    waits = [seconds for standing in everybody for seconds in standing.latencies]
    median = reporting.quantile(waits, 0.5)
    return render(request, "trainer.html", rows=rows, counted=counted, median=median)


@router.get("/trainer/trainee/{trainee_id}")
def one_trainee(
    request: Request, trainee_id: int, _: Annotated[Person, Depends(trainer)]
) -> Response:
    """The list of one trainee, for a trainer."""
    with _reading(request) as session:
        found = queries.trainee_by_id(session, _checked(trainee_id))
    if found is None:
        raise NoSuchPage
    return _trainee_page(request, found.id, found.email, is_own=False)


@router.get("/feedback/{comparison_id}")
def one_comparison(
    request: Request, comparison_id: int, asking: Annotated[Person, Depends(person)]
) -> Response:
    """Both answers side by side."""
    with _reading(request) as session:
        compared = queries.comparison(session, _checked(comparison_id))
    if compared is None or not (asking.is_trainer or compared.trainee_id == asking.id):
        raise NoSuchPage
    scheme = _scheme(request, compared)
    text = scheme.text(compared.data)
    differences = differences_from_json(compared.differences)
    theirs, ours = reporting.sides(differences)
    is_own = compared.trainee_id == asking.id
    return render(
        request,
        "feedback.html",
        item=compared,
        kind=scheme.kind,
        title=scheme.title,
        text=text,
        is_own=is_own,
        lines=feedback.describe(text, differences, who=_name(compared, is_own=is_own)),
        own=_side(text, ours),
        production=_side(text, theirs),
        suggestion=_suggestion(scheme, compared),
        context=[(name, compared.data[name]) for name in CONTEXT if compared.data.get(name)],
    )


def _reading(request: Request) -> Session:
    """A session that never keeps a writer waiting."""
    factory: Sessions = request.app.state.reading
    return factory()


def _seed(request: Request) -> int:
    settings: Settings = request.app.state.settings
    return settings.seed


def _trainee_page(request: Request, trainee_id: int, email: str, *, is_own: bool) -> Response:
    with _reading(request) as session:
        standings = queries.standings(session, trainee_id=trainee_id)
        compared = queries.comparisons(session, trainee_id)
    return render(
        request,
        "trainee.html",
        email=email,
        is_own=is_own,
        rows=_score_rows(standings, seed=_seed(request)),
        items=[
            _item_row(_scheme(request, one), one, _name(one, is_own=is_own)) for one in compared
        ],
    )


def _score_rows(standings: Iterable[queries.Standing], *, seed: int) -> list[ScoreRow]:
    rows = []
    for standing in standings:
        labels = reporting.label_scores(
            differences_from_json(differences) for differences in standing.differences
        )
        rows.append(
            ScoreRow(
                standing=standing,
                agreement=intervals.mean(standing.agreements, seed=seed),
                weak=reporting.weak_spots(labels),
                latency=reporting.quantile(standing.latencies, 0.5),
            )
        )
    return rows


def _name(compared: queries.Compared, *, is_own: bool) -> str:
    """What the reader calls the trainee."""
    return feedback.YOU if is_own else compared.email


def _item_row(scheme: Scheme, compared: queries.Compared, who: str) -> ItemRow:
    text = scheme.text(compared.data)
    excerpt = " ".join(text.split())
    lines = feedback.describe(text, differences_from_json(compared.differences), who=who)
    return ItemRow(
        compared=compared,
        excerpt=excerpt if len(excerpt) <= 90 else f"{excerpt[:89]}…",
        changed=[line for line in lines if line.kind != "same"],
    )


def _side(text: str, marks: list[tuple[Any, str]]) -> Side:
    return Side(
        pieces=reporting.pieces(text, marks),
        choices=[(kind, mark.label) for mark, kind in marks if not mark.is_span],
    )


def _suggestion(scheme: Scheme, compared: queries.Compared) -> str | None:
    if compared.suggestion is None:
        return None
    answer = scheme.read(compared.suggestion["regions"], compared.data)
    return feedback.answer_in_words(scheme.text(compared.data), answer)


def _scheme(request: Request, compared: queries.Compared) -> Scheme:
    room: Room = request.app.state.room
    return room.scheme(compared.kind, compared.label_config)


def _checked(number: int) -> int:
    if not 0 < number < LARGEST_ID:
        raise NoSuchPage
    return number
