"""What Label Studio calls: decode, make one call, encode."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic_core import to_json

from backend_ml import descriptions, schemas
from backend_ml.bodies import read_body
from backend_ml.intake import Inbox
from backend_ml.metrics import Metrics
from backend_ml.predicting import ABSTAIN, Serving
from backend_ml.settings import Settings
from projects.kit import logs
from projects.kit.errors import NotSignedIn
from projects.kit.web import SECRET_HEADER, check_secret, is_bearer

router = APIRouter()
log = logs.get(__name__)


async def check_basic(request: Request) -> None:
    """Label Studio's own credential; raises :class:`NotSignedIn`."""
    settings: Settings = request.app.state.settings
    wanted = f"{settings.basic_user}:{settings.basic_password.get_secret_value()}"
    if not hmac.compare_digest(_basic_of(request), wanted.encode()):
        raise NotSignedIn


async def check_basic_or_secret(request: Request) -> None:
    """Start Training comes with Basic authentication, webhooks with the secret header."""
    if request.headers.get("authorization"):
        await check_basic(request)
    else:
        check_secret(request.headers.get(SECRET_HEADER), request.app.state.settings.webhook_secret)


async def check_operator(request: Request) -> None:
    """For the metrics key, or Label Studio's own: counts tell when something was answered."""
    if not is_bearer(request, request.app.state.settings.metrics_key):
        await check_basic(request)


Body = Annotated[dict[str, Any], Depends(read_body)]
BASIC = [Depends(check_basic)]


@router.get("/", **descriptions.GET_HEALTH)
@router.get("/health", **descriptions.GET_HEALTH)
def health() -> dict[str, str]:
    """Instant, and without the database: Label Studio waits for it in the annotator's request."""
    return {"status": "UP", "model_class": "Understudy"}


@router.post("/setup", dependencies=BASIC, **descriptions.POST_SETUP)
def setup(request: Request, body: Body) -> dict[str, str]:
    """The version that /predict would stamp; refuses a config that the kind cannot serve."""
    project_id = schemas.project_number(body.get("project"))
    settings: Settings = request.app.state.settings
    kind = None if project_id is None else settings.kind_of(project_id)
    if project_id is None or kind is None:
        return {"model_version": ""}
    schemas.check_schema(body.get("schema"), kind)
    return {"model_version": _serving(request).version(project_id)}


@router.post("/predict", dependencies=BASIC, **descriptions.POST_PREDICT)
async def predict(request: Request, body: Body) -> Response:
    """One item a task. A project that is not ours gets nothing, so that nobody is held up."""
    tasks, config = schemas.tasks(body), schemas.config(body)
    project_id = schemas.project_number(body.get("project"))
    settings: Settings = request.app.state.settings
    kind = None if project_id is None else settings.kind_of(project_id)
    if project_id is None or kind is None:
        return JSONResponse({"results": [ABSTAIN for _ in tasks]})
    metrics: Metrics = request.app.state.metrics
    with metrics.predict_seconds.time():
        return await _predictions(request, project_id, tasks, config)


async def _predictions(
    request: Request, project_id: int, tasks: Sequence[Mapping[str, Any]], config: str
) -> Response:
    """The answer to /predict; what fails inside a model fails nobody's page."""
    try:
        found = await request.app.state.lines[project_id].ask(config, tasks)
        return Response(to_json({"results": found}), media_type="application/json")
    except Exception as error:
        metrics: Metrics = request.app.state.metrics
        metrics.predict_failures.labels(project_id, type(error).__name__).inc()
        log.error("predict.failed", project=project_id, error=type(error).__name__, exc_info=error)
        return JSONResponse({"results": [ABSTAIN for _ in tasks]})


@router.post("/webhook", dependencies=[Depends(check_basic_or_secret)], **descriptions.POST_WEBHOOK)
def webhook(request: Request, body: Body) -> dict[str, Any]:
    """Recorded and acknowledged; the work is the worker's."""
    inbox: Inbox = request.app.state.inbox
    key = inbox.take(body)
    return {"status": "ignored"} if key is None else {"status": "recorded", "job": key}


@router.get("/versions", dependencies=BASIC, **descriptions.GET_VERSIONS)
def versions(request: Request) -> dict[str, list[str]]:
    """Every version that serves or has served."""
    return {"versions": _serving(request).versions()}


@router.get("/openapi.json", dependencies=BASIC, include_in_schema=False)
def description(request: Request) -> JSONResponse:
    """What the endpoints take and answer; for those who hold the credential."""
    app: FastAPI = request.app
    return JSONResponse(app.openapi())


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    dependencies=[Depends(check_operator)],
    **descriptions.GET_METRICS,
)
def metrics(request: Request) -> Response:
    """Prometheus's text format."""
    found: Metrics = request.app.state.metrics
    return Response(generate_latest(found.registry), media_type=CONTENT_TYPE_LATEST)


def _serving(request: Request) -> Serving:
    found: Serving = request.app.state.serving
    return found


def _basic_of(request: Request) -> bytes:
    """User and password as they were sent, ``user:password``; empty when there are none."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        return b""
