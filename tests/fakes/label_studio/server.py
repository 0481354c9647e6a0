"""The HTTP face of the fake: tokens, faults, and the sending of webhooks."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from fastapi.testclient import TestClient

from projects.kit.label_studio import LabelStudioReader, LabelStudioWriter
from tests.fakes.label_studio import routes
from tests.fakes.label_studio.records import Json, UserRow
from tests.fakes.label_studio.store import Refusal, Sent, Store

Deliver = Callable[[str, dict[str, str], Json], object]


@dataclass
class Fault:
    """Something that goes wrong ``times`` times from now."""

    method: str
    path_prefix: str
    status: int
    times: int
    after_effect: bool
    error: Callable[[str], Exception] | None

    def applies(self, request: httpx.Request) -> bool:
        return (
            self.times > 0
            and request.method == self.method.upper()
            and request.url.path.startswith(self.path_prefix)
        )


class FakeLabelStudio:
    """One Label Studio instance in memory.

    ``deliver`` is called for every webhook, at the end of the request that
    caused it, as Label Studio does; without one the events only gather in
    ``sent``. Whatever it raises reaches the test.
    """

    def __init__(
        self,
        url: str = "http://label-studio.test",
        *,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.url = url
        self.store = Store(clock)
        self.sent: list[Sent] = []
        self.requests: list[tuple[str, str]] = []
        """Method and path of every request, also of the refused ones."""
        self.deliver: Deliver | None = None
        self._faults: list[Fault] = []
        self._guard = threading.RLock()
        self.token = self.add_user("admin@example.com")

    def add_user(self, email: str) -> str:
        """A new person; returns their token."""
        user = UserRow(self.store.new_id(), email, uuid.uuid4().hex + "01234567")
        self.store.users[user.id] = user
        return user.token

    def user_id(self, email: str) -> int:
        """The id of the person with this address."""
        return next(user.id for user in self.store.users.values() if user.email == email)

    def client(self) -> httpx.Client:
        """An HTTP client whose every request is answered here."""
        return httpx.Client(transport=httpx.MockTransport(self._handle), trust_env=False)

    def reader(self, token: str | None = None) -> LabelStudioReader:
        """Our reader, as the administrator or as the owner of ``token``."""
        return LabelStudioReader(self.url, token or self.token, http=self.client())

    def writer(self, token: str | None = None) -> LabelStudioWriter:
        """Our writer, as the administrator or as the owner of ``token``."""
        return LabelStudioWriter(self.url, token or self.token, http=self.client())

    def fail_next(
        self,
        method: str,
        path_prefix: str,
        *,
        status: int = 500,
        times: int = 1,
        after_effect: bool = False,
        error: Callable[[str], Exception] | None = None,
    ) -> None:
        """Make the next matching requests fail.

        ``after_effect`` does the work first, so that only the answer is lost.
        ``error`` (for example ``httpx.ConnectError``) is raised instead of
        answering ``status``.
        """
        self._faults.append(Fault(method, path_prefix, status, times, after_effect, error))

    def _handle(self, request: httpx.Request) -> httpx.Response:
        with self._guard:
            self.requests.append((request.method, request.url.path))
            fault = next((fault for fault in self._faults if fault.applies(request)), None)
            if fault is None:
                answer = self._answer(request)
            else:
                fault.times -= 1
                if fault.after_effect:
                    self._answer(request)
                answer = None
            outgoing, self.store.outbox[:] = tuple(self.store.outbox), []
        self._send(outgoing)
        if fault is not None and fault.error is not None:
            raise fault.error("the fake was told to fail")
        return answer or _error(fault.status if fault else 500, "the fake was told to fail")

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.rstrip("/") == "/health":
            return httpx.Response(200, json={"status": "UP"})
        try:
            user = self._who(request)
            if path in self.store.files and request.method == "GET":
                content, kind = self.store.files[path]
                return httpx.Response(200, content=content, headers={"content-type": kind})
            found = routes.find(request.method, path)
            if found is None:
                return httpx.Response(404, html="<html>Uh oh, this page doesn't exist.</html>")
            handler, ids = found
            body = json.loads(request.content) if request.content else {}
            query = dict(request.url.params)
            status, answer = handler(routes.Call(self.store, user, ids, query, body, self.url))
        except Refusal as refusal:
            return _error(refusal.status, refusal.detail, refusal.errors)
        return httpx.Response(status) if answer is None else httpx.Response(status, json=answer)

    def _who(self, request: httpx.Request) -> UserRow:
        header = request.headers.get("Authorization", "")
        if not header:
            raise Refusal(401, "Authentication credentials were not provided.")
        for user in self.store.users.values():
            if header == f"Token {user.token}":
                return user
        raise Refusal(401, "Invalid token.")

    def _send(self, outgoing: tuple[Sent, ...]) -> None:
        for sent in outgoing:
            self.sent.append(sent)
            if self.deliver is not None:
                self.deliver(sent.url, dict(sent.headers), json.loads(json.dumps(sent.body)))


def deliver_to(client: TestClient) -> Deliver:
    """A ``deliver`` that posts every event to the app behind ``client``, whatever the host."""

    def deliver(url: str, headers: dict[str, str], body: Json) -> None:
        client.post(urlsplit(url).path, headers=headers, json=body)

    return deliver


def _error(status: int, detail: str, errors: Json | None = None) -> httpx.Response:
    body: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "status_code": status,
        "version": "1.23.2",
        "detail": detail,
        "exc_info": None,
    }
    if errors:
        body["validation_errors"] = errors
    return httpx.Response(status, json=body)
