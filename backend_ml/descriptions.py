"""What the endpoints take and answer, in the words of OpenAPI.

The handlers read bodies by hand, because of their size; a test asks the running
app whether what stands here is true.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from projects.kit.web import SECRET_HEADER

Schema = dict[str, Any]

BASIC: Schema = {"basic": []}
SECRET: Schema = {"secret": []}
KEY: Schema = {"metrics": []}
SCHEMES: Schema = {
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "What Label Studio was given when this backend was connected.",
    },
    "secret": {
        "type": "apiKey",
        "in": "header",
        "name": SECRET_HEADER,
        "description": "What the project's webhook was given; only without an Authorization.",
    },
    "metrics": {
        "type": "http",
        "scheme": "bearer",
        "description": "The metrics key, where there is one.",
    },
}


def _text(about: str = "", **more: Any) -> Schema:
    return {"type": "string", "description": about, **more}


def _object(required: tuple[str, ...] = (), **properties: Schema) -> Schema:
    return {"type": "object", "required": list(required), "properties": properties}


def _one_or_many(schema: Schema) -> Schema:
    return {"oneOf": [schema, {"type": "array", "items": schema}]}


OBJECT = _object()
PROJECT: Schema = {
    "description": "The project's number and the second of its creation; absent for none.",
    "type": ["string", "null"],
    "pattern": r"^([0-9]{1,18}(\.[0-9]*)?)?$",
}
CONFIG: Schema = {"type": ["string", "null"], "description": "The labelling config."}
SETUP_BODY = _object(
    project=PROJECT,
    schema=CONFIG,
    hostname={"description": "Not used."},
    access_token={"description": "Not used, and not kept."},
    extra_params={"description": "Not used."},
)
PREDICT_BODY = _object(
    ("tasks",),
    tasks=_one_or_many(_object(id={"type": "integer"}, data={"type": "object"})),
    project=PROJECT,
    label_config=CONFIG,
    params={"description": "Not used."},
)
WEBHOOK_BODY = _object(
    action=_text("What happened; unknown actions are acknowledged and not kept."),
    project=_object(id={"type": "integer"}),
    annotation=_one_or_many(OBJECT),
    annotations={"type": "array", "items": OBJECT},
    task=_one_or_many(OBJECT),
    tasks={"type": "array", "items": OBJECT},
)
ERROR = _object(("error", "detail"), error=_text("The class."), detail=_text("A sentence."))
HEALTH = _object(
    ("status", "model_class"), status=_text(enum=["UP"]), model_class=_text(enum=["Understudy"])
)
VERSION = _object(
    ("model_version",),
    model_version=_text("What /predict would stamp now; empty when nothing serves."),
)
PREDICTION = _object(
    ("result", "score", "model_version"),
    result={"type": "array", "items": OBJECT},
    score={"type": "number", "minimum": 0, "maximum": 1},
    model_version=_text(minLength=1),
)
PREDICTIONS = _object(
    ("results",),
    results={
        "type": "array",
        "description": "One item a task, in order; an empty list where there is nothing to say.",
        "items": {"oneOf": [PREDICTION, {"type": "array", "maxItems": 0}]},
    },
)
RECORDED = _object(
    ("status",), status=_text(enum=["recorded", "ignored"]), job=_text("The key of the work.")
)
VERSIONS = _object(("versions",), versions={"type": "array", "items": {"type": "string"}})

UNSIGNED = {401: "The credential is missing or wrong."}
UNREADABLE = {
    408: "The body did not arrive in time.",
    413: "The body is larger than anything Label Studio sends.",
    422: "The body cannot be used; nothing was changed.",
}


def _operation(
    answer: Schema,
    *,
    body: Schema | None = None,
    security: tuple[Schema, ...] = (),
    status: int = 200,
) -> dict[str, Any]:
    """The arguments of a route; what is described is answered, and nothing else."""
    refusals = (UNSIGNED if security else {}) | (UNREADABLE if body else {})
    extra: Schema = {"security": list(security)}
    if body is not None:
        extra["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return {
        "status_code": status,
        "response_model": None,
        "responses": {
            status: {"content": {"application/json": {"schema": answer}}},
            **_refusals(refusals),
        },
        "openapi_extra": extra,
    }


def _refusals(reasons: Mapping[int, str]) -> dict[int, Any]:
    return {
        code: {"description": why, "content": {"application/json": {"schema": ERROR}}}
        for code, why in reasons.items()
    }


GET_HEALTH = _operation(HEALTH)
POST_SETUP = _operation(VERSION, body=SETUP_BODY, security=(BASIC,))
POST_PREDICT = _operation(PREDICTIONS, body=PREDICT_BODY, security=(BASIC,))
POST_WEBHOOK = _operation(RECORDED, body=WEBHOOK_BODY, security=(BASIC, SECRET), status=201)
GET_VERSIONS = _operation(VERSIONS, security=(BASIC,))
GET_METRICS: dict[str, Any] = {
    "responses": _refusals(UNSIGNED),
    "openapi_extra": {"security": [BASIC, KEY]},
}


def describe(app: FastAPI) -> None:
    """Make the app's OpenAPI description name the credentials too."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(title=app.title, version="1", routes=app.routes)
            found.setdefault("components", {})["securitySchemes"] = SCHEMES
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way
