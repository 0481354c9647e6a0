"""Wiring: settings in, a running app out."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.sessions import SessionMiddleware

from projects.kinds import registry
from projects.kit import database, engine, web
from projects.kit.errors import PlatformError
from projects.kit.label_studio import LabelStudioReader, LabelStudioWriter
from sandbox_sync.api import (
    appeal_pages,
    changes,
    gold_pages,
    health,
    hours,
    media,
    pages,
    people,
    trainees,
    webhooks,
    wishes,
)
from sandbox_sync.api.headers import WithHeaders
from sandbox_sync.api.people import SignInFirst, sign_in_address
from sandbox_sync.api.rendering import FOLDER, render
from sandbox_sync.api.together import Together
from sandbox_sync.db import messages
from sandbox_sync.db.delivery import SlackMemory
from sandbox_sync.feedback import Message
from sandbox_sync.notifiers.base import Notifier
from sandbox_sync.notifiers.console import ConsoleNotifier
from sandbox_sync.notifiers.slack import SlackNotifier
from sandbox_sync.settings import Settings
from sandbox_sync.workflows import deliver, handle_event, reconcile, room, tend_lane
from sandbox_sync.workflows.hands import Hands

ENGINE_NAME = "sandbox-sync"
SESSION_SECONDS = 12 * 3600
TICK_SECONDS = 0.5
LET_GO_SECONDS = 0.03
"""Label Studio tells us inside the request of whoever answered: first it answers them, then us."""
MIGRATIONS = Path(__file__).parent / "db" / "migrations"
WORKFLOWS = (
    handle_event.handle_event,
    tend_lane.tend_lane,
    deliver.deliver_workflow,
)
"""Imported before the engine starts, so that it knows them by name."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Parts:
    """What a test may replace; ``runs_engine`` off leaves the background work to the test."""

    production_http: httpx.Client | None = None
    sandbox_http: httpx.Client | None = None
    sign_in_transport: httpx.BaseTransport | None = None
    notifier: Notifier | None = None
    acceptor: room.Accepts | None = None
    runs_engine: bool = True


def create_app(settings: Settings, *, parts: Parts = Parts()) -> FastAPI:
    """The app; its background work starts and stops with it."""
    for name in settings.projects.values():
        registry.load(name)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # In threads: the engine refuses its synchronous interface inside an event loop.
        running = _running(app, settings, parts)
        await run_in_threadpool(running.__enter__)
        try:
            yield
        finally:
            await run_in_threadpool(running.__exit__, None, None, None)

    app = FastAPI(title="sandbox_sync", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.settings = settings
    app.state.together = Together(wait_seconds=LET_GO_SECONDS if parts.runs_engine else 0.0)
    app.state.sign_in_transport = parts.sign_in_transport
    web.add_error_handlers(app)
    app.add_exception_handler(PlatformError, _answer_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(Exception, _answer_unexpected)
    app.add_middleware(
        SessionMiddleware,
        secret_key=settings.session_secret.get_secret_value(),
        session_cookie="understudy_session",
        max_age=SESSION_SECONDS,
        same_site="lax",
        https_only=settings.public_url.startswith("https:"),
    )
    app.add_middleware(WithHeaders, headers=HEADERS)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
    for part in (
        webhooks,
        health,
        people,
        pages,
        gold_pages,
        appeal_pages,
        hours,
        wishes,
        changes,
        media,
        trainees,
    ):
        app.include_router(part.router)
    return app


@contextmanager
def _running(app: FastAPI, settings: Settings, parts: Parts) -> Iterator[None]:
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    database.migrate(settings.database, MIGRATIONS)
    tables = database.make_engine(settings.database)
    looking = database.make_engine(settings.database, immediate=False)
    background = engine.Engine(
        name=ENGINE_NAME,
        url=settings.database,
        executor_id=settings.executor_id,
        lock=settings.state_dir / f"{settings.executor_id}.lock",
    )
    here = _make_room(settings, parts, database.sessions(tables), database.sessions(looking))
    room.bind(here)
    app.state.room = here
    app.state.reading = here.looking
    try:
        if parts.runs_engine:
            background.launch(room.LANES)
            here.hands = Hands(
                {
                    "handle_event": partial(handle_event.handle_at_once, here),
                    "deliver": partial(deliver.deliver, here),
                }
            )
            reconcile.begin_again(here)
            background.every(
                TICK_SECONDS, lambda: here.deliver_due(now=database.now()), name="deliver"
            )
            passes = _paced(reconcile.Reconciler(here), settings.reconcile_seconds)
            background.every(TICK_SECONDS, passes, name="reconcile")
        yield
    finally:
        if here.hands is not None:
            here.hands.close()
        if parts.runs_engine:
            background.stop()
        room.bind(None)
        here.acceptor.close()
        here.production.close()
        here.sandbox.close()
        tables.dispose()
        looking.dispose()


@contextmanager
def opened(settings: Settings, *, parts: Parts = Parts()) -> Iterator[room.Room]:
    """A room for one command beside a running app, which does the work that is accepted."""
    tables = database.make_engine(settings.database)
    looking = database.make_engine(settings.database, immediate=False)
    here = _make_room(settings, parts, database.sessions(tables), database.sessions(looking))
    here.refresh()
    try:
        yield here
    finally:
        here.acceptor.close()
        here.production.close()
        here.sandbox.close()
        tables.dispose()
        looking.dispose()


def _make_room(
    settings: Settings, parts: Parts, sessions: database.Sessions, looking: database.Sessions
) -> room.Room:
    return room.Room(
        settings=settings,
        sessions=sessions,
        acceptor=parts.acceptor or engine.Acceptor(name=ENGINE_NAME, url=settings.database),
        production=LabelStudioReader(
            settings.production_url,
            settings.production_key.get_secret_value(),
            http=parts.production_http,
        ),
        sandbox=LabelStudioWriter(
            settings.sandbox_url,
            settings.sandbox_token.get_secret_value(),
            http=parts.sandbox_http,
        ),
        notifier=parts.notifier or _make_notifier(settings, sessions, looking),
        looking=looking,
    )


def _make_notifier(
    settings: Settings, sessions: database.Sessions, looking: database.Sessions
) -> Notifier:
    if settings.slack_token is not None:
        memory = SlackMemory(sessions, looking)
        return SlackNotifier(settings.slack_token, url=settings.slack_url, memory=memory)

    def store(key: str, email: str, message: Message) -> bool:
        with database.transaction(sessions) as session:
            return messages.store_message(
                session,
                key=key,
                email=email,
                text=message.text,
                blocks=list(message.blocks),
                now=database.now(),
            )

    return ConsoleNotifier(store)


def _paced(function: Callable[[], object], seconds: float) -> Callable[[], None]:
    """Call at once, then at most every so many seconds, however often it is asked."""
    due = [0.0]

    def tick() -> None:
        if time.monotonic() >= due[0]:
            due[0] = time.monotonic() + seconds
            function()

    return tick


def _answer_error(request: Request, error: Exception) -> Response:
    """A page for people, JSON for programs."""
    if not _is_browser(request):
        return web.answer_platform_error(request, error)
    if isinstance(error, SignInFirst):
        return RedirectResponse(sign_in_address(error.path), status_code=303)
    status = error.status if isinstance(error, PlatformError) else 500
    return render(request, "error.html", status=status, code=status, detail=str(error))


def _answer_http_error(request: Request, error: Exception) -> Response:
    """A page for what the framework refuses, such as an unknown address."""
    answer = web.answer_http_error(request, error)
    return _page(request, answer) if _is_browser(request) else answer


def _answer_unexpected(request: Request, error: Exception) -> Response:
    """A page for what nobody foresaw; it leaves the app past what adds the headers."""
    answer: Response = web.answer_unexpected(request, error)
    answer = _page(request, answer) if _is_browser(request) else answer
    answer.headers.update(HEADERS)
    return answer


def _page(request: Request, answer: Response) -> Response:
    """The same answer for people."""
    code = answer.status_code
    page = render(
        request,
        "error.html",
        status=code,
        code=code,
        detail=json.loads(bytes(answer.body))["detail"],
    )
    if "allow" in answer.headers:
        page.headers["allow"] = answer.headers["allow"]
    return page


def _is_browser(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _answer_invalid(request: Request, error: Exception) -> Response:
    """Which field is wrong, without repeating what was in it."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    where = "; ".join(f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in found)
    if _is_browser(request):
        return render(request, "error.html", status=422, code=422, detail=where)
    return JSONResponse({"error": "BadInput", "detail": where}, 422)
