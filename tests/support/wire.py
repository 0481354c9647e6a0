"""A web process as Label Studio meets it: credentials, models in service, bodies."""

from __future__ import annotations

import base64
from typing import Any

from backend_ml.model_store import Facts, ModelStore, learner_file
from backend_ml.settings import Settings
from projects.kinds.base import Kind
from projects.kit import database
from projects.kit.web import SECRET_HEADER
from projects.vocabulary import Answer
from tests.backend_ml.conftest import START
from tests.backend_ml.corpus import messages

BASIC = {"Authorization": "Basic " + base64.b64encode(b"user:password").decode()}
"""What :func:`tests.backend_ml.conftest.make_settings` asks for."""
SECRET = {SECRET_HEADER: "secret"}


def serve(settings: Settings, project_id: int, kind: Kind) -> None:
    """Put a model of a kind of choices or of spans into service, without a worker."""
    rows = messages(60)
    answers = [choice if kind.form == "choice" else spans for _, choice, spans in rows]
    serve_from(settings, project_id, kind, [text for text, _, _ in rows], answers)


def serve_from(
    settings: Settings, project_id: int, kind: Kind, texts: list[str], answers: list[Answer]
) -> None:
    """Put a model that learned these answers into service."""
    learner = learner_file(kind.learner).new(kind)
    learner.fit(texts, answers, seed=0)
    store = ModelStore(settings.models_dir)
    engine = database.make_engine(settings.database_url)
    facts = Facts(f"cause-{project_id}", kind.learner, 60, 60, None, 0.1, None, None)
    with database.transaction(database.sessions(engine)) as session:
        staged = store.stage(learner, project_id)
        store.add(session, staged, project_id, kind, facts=facts, promote=True, now=START)
    engine.dispose()


def task(number: int, text: str = "please cancel the call with Bo tomorrow") -> dict[str, Any]:
    """A task as /predict carries it."""
    return {"id": number, "data": {"text": text}, "annotations": [], "predictions": []}
