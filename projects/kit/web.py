"""What both web services share: how they serve, handle errors and check a secret."""

from __future__ import annotations

import hmac
import sys
from http import HTTPStatus

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import SecretStr
from starlette.exceptions import HTTPException

from projects.kit import garbage, logs
from projects.kit.errors import BadInput, NotSignedIn, PlatformError

SECRET_HEADER = "X-Understudy-Secret"
SWITCH_SECONDS = 0.0005
"""How long one thread may keep the interpreter from another. The event loop needs it often
and briefly; with Python's own 5 ms it mostly waits for the threads that work."""

log = logs.get(__name__)


def serve(app: FastAPI, *, host: str, port: int) -> None:
    """Answer requests until told to stop."""
    garbage.spare_what_is_there()
    sys.setswitchinterval(SWITCH_SECONDS)
    uvicorn.run(app, host=host, port=port, log_config=None, access_log=False)


def answer_platform_error(request: Request, error: Exception) -> JSONResponse:
    """``{"error", "detail"}`` with the status that the error's class states."""
    status = error.status if isinstance(error, PlatformError) else 500
    log.info("request.refused", path=request.url.path, error=type(error).__name__, status=status)
    return JSONResponse({"error": type(error).__name__, "detail": str(error)}, status)


def answer_unexpected(request: Request, error: Exception) -> JSONResponse:
    """The same shape for what nobody foresaw; the cause goes to the log, not to the caller."""
    log.error("request.failed", path=request.url.path, error=type(error).__name__, exc_info=error)
    detail = "Something went wrong here; the log has the cause."
    return JSONResponse({"error": "InternalError", "detail": detail}, 500)


def answer_http_error(request: Request, error: Exception) -> JSONResponse:
    """The same shape for what the framework refuses, such as an unknown path."""
    del request
    if not isinstance(error, HTTPException):
        raise error
    name = HTTPStatus(error.status_code).phrase.title().replace(" ", "")
    body = {"error": name, "detail": str(error.detail)}
    return JSONResponse(body, error.status_code, headers=error.headers)


def answer_invalid_request(request: Request, error: Exception) -> JSONResponse:
    """The same shape for input of the wrong form: where it is wrong, and how; not what it was."""
    if not isinstance(error, RequestValidationError):
        raise error
    problems = [(".".join(str(part) for part in e["loc"]), e["msg"]) for e in error.errors()]
    where, what = problems[0] if problems else ("", "the request cannot be read")
    return answer_platform_error(request, BadInput(what, where))


def add_error_handlers(app: FastAPI) -> None:
    """Answer every error of this app in one shape."""
    app.add_exception_handler(PlatformError, answer_platform_error)
    app.add_exception_handler(HTTPException, answer_http_error)
    app.add_exception_handler(RequestValidationError, answer_invalid_request)
    app.add_exception_handler(Exception, answer_unexpected)


def is_bearer(request: Request, key: SecretStr | None) -> bool:
    """Whether a request carries this key as ``Authorization: Bearer``; no key, no way in."""
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    return key is not None and hmac.compare_digest(given.encode(), key.get_secret_value().encode())


def check_secret(given: str | None, wanted: SecretStr) -> None:
    """Compare in constant time; raises :class:`NotSignedIn`."""
    if not hmac.compare_digest((given or "").encode(), wanted.get_secret_value().encode()):
        raise NotSignedIn
