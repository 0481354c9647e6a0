"""The pages: a trainee's own feedback, and the trainers' overview."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from projects.kit import intervals
from projects.kit.database import Sessions
from projects.kit.database import now as this_moment
from projects.kit.intervals import Estimate
from projects.scheme import Scheme
from sandbox_sync import feedback, hours, reporting, sending, showing
from sandbox_sync.api.people import NoSuchPage, Person, person, trainer
from sandbox_sync.api.rendering import render
from sandbox_sync.comparing import differences_from_json
from sandbox_sync.db import appeals as appeal_rows
from sandbox_sync.db import delivery, queries
from sandbox_sync.db import hours as time_rows
from sandbox_sync.db import states as practice_states
from sandbox_sync.db.tables import Trainee
from sandbox_sync.reporting import LabelScore
from sandbox_sync.sending import Wishes
from sandbox_sync.settings import Settings
from sandbox_sync.workflows.room import Room

PAGE_SIZE = 50
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
class Chosen:
    """Which part of a list was asked for."""

    kind: str
    show: str
    page: int

    @property
    def first(self) -> int:
        """How many come before this page."""
        return (self.page - 1) * PAGE_SIZE

    def which(self, trainee_id: int) -> queries.Which:
        """The same for the database."""
        differing = {"differences": True, "same": False}.get(self.show)
        return queries.Which(trainee_id, self.kind, differing)

    def address(self, path: str, page: int) -> str:
        """Where another page of the same list is."""
        return f"{path}?{urlencode({'kind': self.kind, 'show': self.show, 'page': page})}#items"


def chosen(
    kind: Annotated[str, Query(max_length=100)] = "",
    show: Annotated[str, Query(max_length=20)] = "",
    page: Annotated[int, Query(ge=1, le=10**6)] = 1,
) -> Chosen:
    """From the address of the page."""
    return Chosen(kind, show, page)


Wanted = Annotated[Chosen, Depends(chosen)]


@router.get("/")
def own_list(
    request: Request, asking: Annotated[Person, Depends(person)], wanted: Wanted
) -> Response:
    """A trainee's own comparisons; trainers go to their overview."""
    if asking.is_trainer:
        return RedirectResponse("/trainer", status_code=303)
    someone = Trainee(id=asking.id, email=asking.email)
    return _trainee_page(request, someone, wanted, is_own=True)


@router.get("/trainer")
def overview(request: Request, _: Annotated[Person, Depends(trainer)]) -> Response:
    """Everybody who practises."""
    with _reading(request) as session:
        everybody = queries.standings(session)
        counted = queries.counts(session)
        states = delivery.state_of(session, [standing.email for standing in everybody])
        resting = practice_states.not_active(session)
        appeals = appeal_rows.count_open(session)
    rows = _score_rows(everybody, seed=_seed(request))
    waits = [seconds for standing in everybody for seconds in standing.latencies]
    median = reporting.quantile(waits, 0.5)
    return render(
        request,
        "trainer.html",
        rows=rows,
        counted=counted,
        median=median,
        states=states,
        resting=resting,
        appeals=appeals,
    )


@router.get("/trainer/trainee/{trainee_id}")
def one_trainee(
    request: Request, trainee_id: int, _: Annotated[Person, Depends(trainer)], wanted: Wanted
) -> Response:
    """The list of one trainee, for a trainer."""
    with _reading(request) as session:
        found = queries.trainee_by_id(session, _checked(trainee_id))
    if found is None:
        raise NoSuchPage
    return _trainee_page(request, found, wanted, is_own=False)


@router.get("/feedback/{comparison_id}")
def one_comparison(
    request: Request, comparison_id: int, asking: Annotated[Person, Depends(person)]
) -> Response:
    """Both answers side by side."""
    with _reading(request) as session:
        compared = queries.comparison(session, _checked(comparison_id))
        appeals = appeal_rows.of_comparison(session, comparison_id)
    if compared is None or not (asking.is_trainer or compared.trainee_id == asking.id):
        raise NoSuchPage
    scheme = _scheme(request, compared)
    text = scheme.text(compared.data)
    differences = differences_from_json(compared.differences)
    theirs, ours = reporting.sides(differences)
    media_dir = request.app.state.settings.media_dir
    media = showing.media(scheme, compared.data, lambda name: (media_dir / name).is_file())
    is_own = compared.trainee_id == asking.id
    return render(
        request,
        "feedback.html",
        item=compared,
        title=scheme.title,
        is_own=is_own,
        lines=feedback.describe(
            text, differences, who=_name(compared, is_own=is_own), tags=scheme.tags
        ),
        own=showing.parts(scheme, compared.data, ours, [*ours, *theirs], media),
        reference=showing.parts(scheme, compared.data, theirs, [*ours, *theirs], media),
        messages=showing.messages(scheme, compared.data),
        media=[one for one in media if not one.is_drawn_on],
        left_out=[f"{c.name} (<{c.tag}>)" for c in scheme.left_out],
        suggestion=_suggestion(scheme, compared),
        appeals=appeals,
        may_appeal=is_own
        and not compared.is_withdrawn
        and all(one.revision != compared.revision for one in appeals),
        context=[(name, compared.data[name]) for name in CONTEXT if compared.data.get(name)],
    )


def _reading(request: Request) -> Session:
    """A session that never keeps a writer waiting."""
    factory: Sessions = request.app.state.reading
    return factory()


def _seed(request: Request) -> int:
    settings: Settings = request.app.state.settings
    return settings.seed


def _trainee_page(request: Request, someone: Trainee, wanted: Chosen, *, is_own: bool) -> Response:
    today = this_moment().date()
    which = wanted.which(someone.id)
    with _reading(request) as session:
        standings = queries.standings(session, trainee_id=someone.id)
        compared = queries.comparisons(session, which, first=wanted.first, count=PAGE_SIZE)
        found = queries.count_comparisons(session, which)
        known = queries.trainee_by_id(session, someone.id)
        state = delivery.state_of(session, [someone.email]).get(someone.email.lower())
        time = time_rows.rows(session, today.replace(day=1), today, trainee_id=someone.id)
        practice = None if is_own else practice_states.of_trainee(session, someone.id)
    wishes = Wishes() if known is None else delivery.wishes_of(known)
    return render(
        request,
        "trainee.html",
        email=someone.email,
        is_own=is_own,
        is_new=not any(standing.compared for standing in standings),
        rows=_score_rows(standings, seed=_seed(request)),
        items=[
            _item_row(_scheme(request, one), one, _name(one, is_own=is_own)) for one in compared
        ],
        found=found,
        chosen=wanted,
        path=request.url.path,
        state=state,
        practice=practice,
        wishes=wishes,
        wishes_in_words=sending.in_words(wishes),
        practised=hours.in_words(sum(row.seconds for row in time)) if time else "",
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
