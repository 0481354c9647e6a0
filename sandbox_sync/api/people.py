"""Who is looking: sign-in with the sandbox account, and what each may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from projects.kit import logs, sign_in
from projects.kit.errors import PlatformError
from sandbox_sync.api.rendering import render
from sandbox_sync.settings import Settings

router = APIRouter(include_in_schema=False)
log = logs.get(__name__)


@dataclass(frozen=True)
class Person:
    """A signed-in member of the sandbox."""

    id: int
    email: str
    is_trainer: bool


class SignInFirst(PlatformError):
    """The page is for people who have signed in; ``path`` is where they wanted to go."""

    status = 401

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return "Sign in first."


class NoSuchPage(PlatformError):
    """There is nothing here, or it belongs to somebody else; we do not say which."""

    status = 404

    def __str__(self) -> str:
        return "There is nothing here for you."


class TrainersOnly(PlatformError):
    """The page is for trainers."""

    status = 403

    def __str__(self) -> str:
        return "This page is for trainers."


def person(request: Request) -> Person:
    """Who is asking; raises :class:`SignInFirst`."""
    number, email = request.session.get("id"), request.session.get("email")
    if not isinstance(number, int) or not isinstance(email, str):
        raise SignInFirst(request.url.path)
    settings: Settings = request.app.state.settings
    return Person(id=number, email=email, is_trainer=settings.is_trainer(email))


def trainer(request: Request) -> Person:
    """Who is asking, if they are a trainer."""
    asking = person(request)
    if not asking.is_trainer:
        raise TrainersOnly
    return asking


@router.get("/sign-in")
def sign_in_form(request: Request, next: str = "/") -> Response:
    """The form."""
    return render(request, "sign_in.html", next=safe_path(next), error="", email="")


@router.post("/sign-in")
def sign_in_now(
    request: Request,
    email: Annotated[str, Form(max_length=254)],
    password: Annotated[str, Form(max_length=1024)],
    next: Annotated[str, Form(max_length=500)] = "/",
) -> Response:
    """Ask Label Studio whether these are right."""
    settings: Settings = request.app.state.settings
    transport: Any = request.app.state.sign_in_transport
    member = sign_in.verify(
        settings.sandbox_url, email=email.strip(), password=password, transport=transport
    )
    if member is None:
        log.info("person.refused")
        error = "E-mail or password is not right."
        return render(
            request, "sign_in.html", status=401, next=safe_path(next), error=error, email=email
        )
    request.session.clear()
    request.session.update(id=member.id, email=member.email)
    log.info("person.signed_in", member=member.id)
    return RedirectResponse(safe_path(next), status_code=303)


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """Forget who this is."""
    request.session.clear()
    return RedirectResponse("/sign-in", status_code=303)


def sign_in_address(path: str) -> str:
    """Where to send somebody who has to sign in first."""
    return f"/sign-in?next={quote(safe_path(path))}"


def safe_path(path: str) -> str:
    """A path on this server; anything else becomes the first page."""
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_ours and "\\" not in path else "/"
