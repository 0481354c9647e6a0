"""The web process, wired: ``create_app(settings)``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import sqlalchemy as sa
from fastapi import FastAPI

from backend_ml import api, lanes
from backend_ml.intake import Inbox
from backend_ml.metrics import Metrics
from backend_ml.model_store import ModelStore
from backend_ml.predicting import Serving
from backend_ml.settings import Settings
from backend_ml.tables import MIGRATIONS
from projects.kinds import registry
from projects.kit import database, engine
from projects.kit.engine import Acceptor
from projects.kit.web import add_error_handlers


def create_app(settings: Settings) -> FastAPI:
    """An app on a migrated database; it needs neither Label Studio nor the worker to start."""
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
    app = FastAPI(title="Understudy machine half", docs_url=None, redoc_url=None)
    app.state.settings = settings
    app.state.serving = Serving(
        reading, ModelStore(settings.models_dir), abstain_below=settings.abstain_below
    )
    app.state.metrics = Metrics(reading)
    app.state.inbox = Inbox(settings, writing, acceptor)
    app.state.close = partial(_close, engines, acceptor)
    app.include_router(api.router)
    add_error_handlers(app)
    return app


def _close(engines: Sequence[sa.Engine], acceptor: Acceptor) -> None:
    """Give the connections back."""
    acceptor.close()
    for one in engines:
        one.dispose()
