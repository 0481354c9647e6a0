"""A door to production that only opens for reading.

Label Studio's community edition has no read-only tokens: whoever holds one can
change and delete. The practice half must not be able to, so it never gets a
token. It gets the key of this process, which forwards a short list of GET
requests and nothing else: nothing that changes an answer, locks a task, or
shows a token. Among them are the files that tasks show.

One side effect is Label Studio's own: asked for a single task
that has no prediction yet, it asks the ML backend for one and stores it.

Run it with ``python -m projects.kit.read_gateway``.
"""

from __future__ import annotations

import re
from typing import Annotated

import httpx
from fastapi import FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from projects.kit import logs
from projects.kit.errors import LabelStudioUnavailable, PlatformError
from projects.kit.http import client as make_client
from projects.kit.web import add_error_handlers, check_secret, serve

READABLE = re.compile(
    r"""/api/(
        projects/?
        | projects/\d+/?
        | tasks/?
        | tasks/\d+/?
        | tasks/\d+/annotations/?
        | annotations/\d+/?
    )
    | /data/upload/\d+/(?!\.)[^/?\#%\\\x00-\x1f]+
    | /data/local-files/?""",
    re.VERBOSE,
)
FILES = "/data/"
"""Pictures and recordings that tasks show; passed on byte by byte."""
SECRETS_OF_A_PROJECT = ("token", "task_data_login", "task_data_password")
TIMEOUT_SECONDS = 30.0

log = logs.get(__name__)


class ReadGatewaySettings(BaseSettings):
    """Settings of the read-only gateway; every name has the prefix ``READ_GATEWAY_``."""

    model_config = SettingsConfigDict(env_prefix="READ_GATEWAY_", hide_input_in_errors=True)

    host: str = "127.0.0.1"
    port: int = 9092
    label_studio_url: str
    """Where production's Label Studio answers."""
    label_studio_token: SecretStr
    key: SecretStr = Field(min_length=16)
    """What a reader sends as ``Authorization: Token <key>``; never empty or short."""


class NotReadable(PlatformError):
    """The gateway forwards neither this method nor this path."""

    status = 403

    def __init__(self, method: str, path: str) -> None:
        super().__init__(method, path)
        self.method = method
        self.path = path

    def __str__(self) -> str:
        return f"This door is for reading tasks and annotations; {self.method} {self.path} is not."


def create_app(settings: ReadGatewaySettings, *, http: httpx.Client | None = None) -> FastAPI:
    """The gateway; ``http`` is another way to carry requests, for tests."""
    app = FastAPI(title="read-gateway", docs_url=None, redoc_url=None, openapi_url=None)
    add_error_handlers(app)
    client = http or make_client(settings.label_studio_url, timeout_seconds=TIMEOUT_SECONDS)

    @app.get("/health")
    def health() -> Response:
        return _fetch(client, f"{settings.label_studio_url}/health", {}, {})

    @app.api_route("/{path:path}", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
    def forward(
        request: Request, authorization: Annotated[str | None, Header()] = None
    ) -> Response:
        key = (authorization or "").removeprefix("Token ")
        check_secret(key, settings.key)
        path = request.url.path
        if request.method != "GET" or not READABLE.fullmatch(path):
            log.warning("read.refused", method=request.method, path=path[:200])
            raise NotReadable(request.method, path)
        token = settings.label_studio_token.get_secret_value()
        return _fetch(
            client,
            f"{settings.label_studio_url}{path}",
            dict(request.query_params),
            {"Authorization": f"Token {token}"},
        )

    return app


def _fetch(
    client: httpx.Client, url: str, query: dict[str, str], headers: dict[str, str]
) -> Response:
    try:
        answer = client.get(url, params=query, headers=headers)
    except httpx.HTTPError as error:
        raise LabelStudioUnavailable(type(error).__name__) from error
    kind = answer.headers.get("content-type", "")
    is_file = httpx.URL(url).path.startswith(FILES)
    if is_file or not kind.startswith("application/json"):
        return Response(answer.content, answer.status_code, media_type=kind or None)
    return JSONResponse(_without_secrets(answer.json()), answer.status_code)


def _without_secrets(body: object) -> object:
    """The same JSON without the tokens that Label Studio shows in projects."""
    if isinstance(body, dict):
        return {
            key: _without_secrets(value) if key in ("results", "project") else value
            for key, value in body.items()
            if key not in SECRETS_OF_A_PROJECT
        }
    return [_without_secrets(item) for item in body] if isinstance(body, list) else body


def main() -> None:
    """Serve until stopped."""
    settings = ReadGatewaySettings()
    logs.configure(service="read_gateway")
    serve(create_app(settings), host=settings.host, port=settings.port)


if __name__ == "__main__":
    main()
