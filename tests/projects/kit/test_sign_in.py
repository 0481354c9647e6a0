"""Signing in where Label Studio does not answer as it should."""

from __future__ import annotations

import httpx
import pytest

from projects.kit import sign_in
from projects.kit.errors import LabelStudioUnavailable
from projects.kit.sign_in import Member

ADA = httpx.Response(200, json={"id": 3, "email": "ada@example.com"})


def verify(who: httpx.Response, *, fails_at: str = "") -> Member | None:
    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == fails_at:
            raise httpx.ConnectError("down")
        if path == "/api/current-user/whoami":
            return who
        return httpx.Response(302 if request.method == "POST" else 200, headers={"location": "/"})

    transport = httpx.MockTransport(answer)
    return sign_in.verify(
        "http://sandbox.test", email="ada@example.com", password="p", transport=transport
    )


def test_a_logout_that_fails_does_not_keep_anybody_out() -> None:
    assert verify(ADA, fails_at="/logout") == Member(3, "ada@example.com")


@pytest.mark.parametrize(
    "who",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"email": "ada@example.com"}),
        httpx.Response(200, json={"id": None, "email": "ada@example.com"}),
        httpx.Response(500),
    ],
)
def test_an_answer_that_names_nobody_is_not_a_sign_in(who: httpx.Response) -> None:
    with pytest.raises(LabelStudioUnavailable):
        verify(who)


def test_a_label_studio_that_is_down_is_unavailable() -> None:
    with pytest.raises(LabelStudioUnavailable):
        verify(ADA, fails_at="/user/login/")
