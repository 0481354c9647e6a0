"""A local server that speaks the part of Slack's Web API that we use, in Slack's own shapes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.slack_limits import problems

TOKEN = "xoxb-test-token"
SCOPES = {
    "users.lookupByEmail": "users:read.email",
    "conversations.open": "im:write",
    "conversations.history": "im:history",
    "chat.postMessage": "chat:write",
}
"""What a token needs for a method."""


@dataclass
class FakeSlack:
    """What the server knows, what it was told to do, and what it got."""

    people: dict[str, str] = field(default_factory=dict)
    """User id by e-mail."""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Method and arguments of every request with the right token."""
    posted: list[dict[str, Any]] = field(default_factory=list)
    """Arguments of every message that was accepted."""
    troubles: list[tuple[int, int]] = field(default_factory=list)
    """Status and ``Retry-After`` seconds of the next answers."""
    scopes: set[str] = field(
        default_factory=lambda: {"users:read.email", "im:write", "im:history", "chat:write"}
    )
    """What the token may do."""
    requests: int = 0
    """Every request, also those that met trouble."""
    slow_seconds: float = 0.0
    """How long each answer takes."""
    answers_late: bool = False
    """Does what it is asked, and hangs up without an answer."""
    url: str = ""

    def trouble(self, status: int, *, times: int = 1, retry_after: int = 0) -> None:
        """Answer the next requests with this status."""
        self.troubles += [(status, retry_after)] * times

    def answer(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """What Slack says to one call."""
        self.calls.append((method, arguments))
        scope = SCOPES.get(method)
        if scope is not None and scope not in self.scopes:
            return {"ok": False, "error": "missing_scope", "needed": scope}
        if method == "auth.test":
            return {"ok": True, "url": self.url, "team": "T", "user": "bot", "user_id": "UBOT"}
        if method == "users.lookupByEmail":
            person = self.people.get(str(arguments.get("email")))
            if person is None:
                return {"ok": False, "error": "users_not_found"}
            return {"ok": True, "user": {"id": person, "profile": {"email": arguments["email"]}}}
        if method == "conversations.open":
            person = str(arguments.get("users"))
            if person not in self.people.values():
                return {"ok": False, "error": "user_not_found"}
            return {"ok": True, "no_op": False, "channel": {"id": f"D{person}"}}
        if method == "conversations.history":
            return self._history(arguments)
        if method == "chat.postMessage":
            return self._post(arguments)
        return {"ok": False, "error": "unknown_method"}

    def _post(self, arguments: dict[str, Any]) -> dict[str, Any]:
        channel = str(arguments.get("channel"))
        if channel not in {f"D{person}" for person in self.people.values()}:
            return {"ok": False, "error": "channel_not_found"}
        if not arguments.get("text") and not arguments.get("blocks"):
            return {"ok": False, "error": "no_text"}
        if problems(arguments.get("text"), arguments.get("blocks") or ()):
            return {"ok": False, "error": "invalid_blocks"}
        self.posted.append(arguments)
        stamp = f"1700000000.{len(self.posted):06d}"
        return {"ok": True, "channel": channel, "ts": stamp, "message": {"text": arguments["text"]}}

    def _history(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The newest first, as Slack does; all of them are from now."""
        channel = str(arguments.get("channel"))
        found = [
            {"type": "message", "ts": f"1700000000.{number:06d}", "text": message["text"]}
            | ({"metadata": message["metadata"]} if arguments.get("include_all_metadata") else {})
            for number, message in enumerate(self.posted, start=1)
            if message["channel"] == channel and float(arguments.get("oldest", 0)) <= time.time()
        ]
        return {"ok": True, "messages": found[::-1][: int(arguments.get("limit", 100))]}


@contextmanager
def running_slack() -> Iterator[FakeSlack]:
    """A FakeSlack that listens on a free port of this machine."""
    state = FakeSlack()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(state))
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}/api/"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _arguments(form: str, body: bytes) -> dict[str, Any]:
    if "json" in form:
        return dict(json.loads(body))
    return {name: values[0] for name, values in parse_qs(body.decode()).items()}


def _trouble_of(status: int) -> dict[str, Any]:
    return {"ok": False, "error": "ratelimited" if status == 429 else "internal_error"}


def _handler_of(state: FakeSlack) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve(urlsplit(self.path).query.encode())

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            self._serve(self.rfile.read(length))

        def log_message(self, *_: Any) -> None:
            return

        def _serve(self, body: bytes) -> None:
            state.requests += 1
            time.sleep(state.slow_seconds)
            if state.troubles:
                status, retry_after = state.troubles.pop(0)
                self._send(status, _trouble_of(status), retry_after)
                return
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self._send(200, {"ok": False, "error": "invalid_auth"})
                return
            method = urlsplit(self.path).path.removeprefix("/api/")
            form = self.headers.get("Content-Type") or ""
            answer = state.answer(method, _arguments(form, body))
            if not (state.answers_late and method == "chat.postMessage"):
                self._send(200, answer)

        def _send(self, status: int, answer: dict[str, Any], retry_after: int = 0) -> None:
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            if status == 429:
                self.send_header("Retry-After", str(retry_after))
            self.end_headers()
            self.wfile.write(content)

    return Handler
