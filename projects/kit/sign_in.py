"""Whether a person has an account in a Label Studio: its own login form decides."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import httpx

from projects.kit.errors import LabelStudioUnavailable

TIMEOUT_SECONDS = 10.0
CSRF_COOKIE = "csrftoken"


@dataclass(frozen=True)
class Member:
    """A person who proved that they have an account."""

    id: int
    email: str


def verify(
    url: str, *, email: str, password: str, transport: httpx.BaseTransport | None = None
) -> Member | None:
    """The member with these credentials, or ``None``; the password goes to Label Studio only.

    Raises
    ------
    LabelStudioUnavailable
        When Label Studio does not answer as it should.
    """
    base = url.rstrip("/")
    try:
        with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False, transport=transport) as http:
            return _sign_in(http, base, email=email, password=password)
    except httpx.HTTPError as error:
        raise LabelStudioUnavailable(f"sign-in: {type(error).__name__}") from error


def _sign_in(http: httpx.Client, base: str, *, email: str, password: str) -> Member | None:
    form = f"{base}/user/login/"
    http.get(form).raise_for_status()
    answer = http.post(
        form,
        data={
            "email": email,
            "password": password,
            "csrfmiddlewaretoken": http.cookies.get(CSRF_COOKIE) or "",
        },
        headers={"Referer": form},
    )
    if not answer.is_redirect:
        if answer.status_code != httpx.codes.OK:
            answer.raise_for_status()
        return None  # the form again: wrong e-mail or password
    who = http.get(f"{base}/api/current-user/whoami")
    who.raise_for_status()
    member = _member(who)
    with suppress(httpx.HTTPError):  # they proved who they are; Label Studio forgets them anyway
        http.get(f"{base}/logout")
    return member


def _member(answer: httpx.Response) -> Member:
    try:
        row = answer.json()
    except ValueError as error:
        raise LabelStudioUnavailable("sign-in: the answer is not JSON") from error
    found = row if isinstance(row, dict) else {}
    number, email = found.get("id"), found.get("email")
    if not isinstance(number, int) or not isinstance(email, str):
        raise LabelStudioUnavailable("sign-in: the answer names nobody")
    return Member(id=number, email=email)
