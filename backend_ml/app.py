"""The web process, wired: ``create_app(settings)``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI

from backend_ml import api, descriptions, embeddings, lanes, pages
from backend_ml.batching import Batcher
from backend_ml.intake import Inbox
from backend_ml.metrics import Metrics
from backend_ml.model_store import ModelStore
from backend_ml.predicting import FRESH_SECONDS, Serving
from backend_ml.settings import Settings
from backend_ml.tables import MIGRATIONS
from projects.kinds import registry
from projects.kinds.base import Kind
from projects.kit import database, engine
from projects.kit.engine import Acceptor
from projects.kit.web import add_error_handlers

Line = Batcher[str, Mapping[str, Any], Any]
Lines = dict[int, Line]


def create_app(settings: Settings) -> FastAPI:
    """An app on a migrated database; it needs neither Label Studio nor the worker to start."""
    embeddings.configure(settings.embeddings)
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    database.migrate(settings.database_url, MIGRATIONS)
    engine.prepare(settings.database_url)
    engines = [
        database.make_engine(settings.database_url, immediate=False),
        database.make_engine(settings.database_url),
    ]
    reading, writing = (database.sessions(one) for one in engines)
    acceptor = Acceptor(name=lanes.APPLICATION, url=settings.database_url)
    for name in set(settings.projects.values()):
        _ = registry.load(name).labels  # read now, not in the first annotator's request
    app = FastAPI(title="Understudy machine half", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.settings = settings
    app.state.serving = Serving(
        reading,
        ModelStore(settings.models_dir),
        abstain_below=settings.abstain_below,
        fresh_seconds=FRESH_SECONDS,
    )
    app.state.lines = _lines(app.state.serving, settings)
    app.state.metrics = Metrics(reading)
    app.state.reports = pages.Reports(settings, reading, app.state.metrics)
    app.state.inbox = Inbox(settings, writing, acceptor)
    app.state.close = partial(_close, engines, acceptor, app.state.lines)
    app.include_router(api.router)
    app.include_router(pages.router)
    add_error_handlers(app)
    descriptions.describe(app)
    return app


def _lines(serving: Serving, settings: Settings) -> Lines:
    """One line of predictions a project, so that a slow model holds up nobody else's."""

    def line(project_id: int, kind: Kind) -> Line:
        def work(config: str, tasks: Sequence[Mapping[str, Any]]) -> list[Any]:
            return serving.predict(project_id, kind, tasks, config=config)

        return Batcher(work, name=f"predict-{project_id}")

    kinds = {number: settings.kind_of(number) for number in settings.projects}
    return {number: line(number, kind) for number, kind in kinds.items() if kind is not None}


def _close(engines: Sequence[sa.Engine], acceptor: Acceptor, lines: Lines) -> None:
    """Finish what was asked for and give the connections back."""
    for line in lines.values():
        line.close()
    acceptor.close()
    for one in engines:
        one.dispose()
