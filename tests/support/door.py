"""A door between two programs: what goes through is written down, and can be made to go wrong."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import httpx

Upstream = Callable[[httpx.Request], httpx.Response]
Effect = Literal["none", "once", "twice", "later"]
"""What becomes of a request behind the door: nothing, what it asks, that twice, or that late."""

HOP = frozenset({"host", "content-length", "connection", "accept-encoding", "keep-alive"})
OUTGOING_HOP = frozenset({"content-length", "connection", "transfer-encoding", "content-encoding"})


@dataclass(frozen=True)
class Exchange:
    """One request, and the status that it was answered with."""

    at: float
    method: str
    path: str
    """As it came, with its query."""
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    status: int | None
    """``None`` when the connection was cut."""
    answer: bytes = b""


@dataclass
class Rule:
    """What happens to the matching requests, ``times`` times after the first ``skip``."""

    method: str = ""
    path: str = ""
    """A regular expression that is searched for."""
    skip: int = 0
    times: int = 1
    effect: Effect = "once"
    status: int | None = None
    """Answered instead of what the other side said."""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    """The connection is reset instead of answered."""
    delay: float = 0.0
    """Seconds before anything happens; for ``later`` after the answer."""
    before: Callable[[], object] | None = None
    after: Callable[[], object] | None = None
    """Called when the request came, and when it had its effect."""
    used: int = 0

    def fits(self, method: str, path: str) -> bool:
        right = self.method in ("", method) and re.search(self.path, path) is not None
        return right and self.times > 0


class Door:
    """An HTTP server that passes everything on to ``upstream``, but for its rules."""

    def __init__(self, upstream: Upstream, *, keep: bool = False) -> None:
        self.upstream = upstream
        self.keep = keep
        """Whether what goes through is remembered, with bodies."""
        self.exchanges: list[Exchange] = []
        self.watch: Callable[[httpx.Request], object] | None = None
        """Shown every request before it is passed on."""
        self.url = ""
        self._rules: list[Rule] = []
        self._guard = threading.Lock()
        self._late: list[threading.Timer] = []

    def rule(self, rule: Rule) -> Rule:
        """From now on."""
        with self._guard:
            self._rules.append(rule)
        return rule

    def drop(self, rule: Rule) -> None:
        """No more; what it was chosen for goes on."""
        with self._guard:
            if rule in self._rules:
                self._rules.remove(rule)

    def clear(self) -> None:
        """No rules any more."""
        with self._guard:
            self._rules.clear()

    def settle(self, seconds: float = 10.0) -> None:
        """Wait for what was put off."""
        for timer in self._late:
            timer.join(seconds)
        self._late.clear()

    def _chosen(self, method: str, path: str) -> Rule | None:
        with self._guard:
            for rule in self._rules:
                if not rule.fits(method, path):
                    continue
                if rule.skip > 0:
                    rule.skip -= 1
                    continue
                rule.times -= 1
                rule.used += 1
                return rule
        return None

    def serve(self, request: httpx.Request, path: str) -> httpx.Response | None:
        """The answer; ``None`` when the connection is to be cut."""
        rule = self._chosen(request.method, path) or Rule()
        if rule.delay and rule.effect != "later":
            time.sleep(rule.delay)
        if rule.before is not None:
            rule.before()
        if self.watch is not None:
            self.watch(request)
        answer = self._effect(rule, request)
        if rule.after is not None:
            rule.after()
        if rule.cut:
            return None
        if rule.status is not None:
            return httpx.Response(rule.status, headers=rule.headers, json={"detail": "a fault"})
        return answer

    def _effect(self, rule: Rule, request: httpx.Request) -> httpx.Response:
        if rule.effect == "none":
            return httpx.Response(200, json={})
        if rule.effect == "later":
            timer = threading.Timer(rule.delay, self._pass, (request,))
            timer.daemon = True
            self._late.append(timer)
            timer.start()
            return httpx.Response(200, json={})
        if rule.effect == "twice":
            self._pass(request)
        return self._pass(request)

    def _pass(self, request: httpx.Request) -> httpx.Response:
        try:
            return self.upstream(request)
        except httpx.HTTPError:
            return httpx.Response(502, json={"detail": "nobody answers behind the door"})


@contextmanager
def opened(upstream: Upstream, *, keep: bool = False) -> Iterator[Door]:
    """A door on a free port of the loopback address."""
    door = Door(upstream, keep=keep)
    server = _Server(("127.0.0.1", 0), _handler_of(door))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    door.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield door
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def to(url: Callable[[], str], client: httpx.Client) -> Upstream:
    """An upstream at an address, which may be another one each time."""

    def send(request: httpx.Request) -> httpx.Response:
        target = httpx.URL(url() + request.url.raw_path.decode())
        headers = {k: v for k, v in request.headers.items() if k.lower() not in HOP}
        return client.request(
            request.method, target, headers=headers, content=request.content, follow_redirects=False
        )

    return send


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A peer that was killed is what this is for."""


def _handler_of(door: Door) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None:
            return

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = httpx.Request(
                self.command, f"http://label-studio.test{self.path}", headers=headers, content=body
            )
            at = time.time()
            answer = door.serve(request, self.path)
            if door.keep:
                kept = b"" if answer is None else answer.content
                status = None if answer is None else answer.status_code
                exchange = Exchange(at, self.command, self.path, headers, body, status, kept)
                door.exchanges.append(exchange)
            if answer is None:
                self._cut()
            else:
                self._send(answer)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _any  # noqa: N815

        def _cut(self) -> None:
            linger = struct.pack("ii", 1, 0)
            with suppress(OSError):
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.connection.close()
            self.close_connection = True

        def _send(self, answer: httpx.Response) -> None:
            self.send_response(answer.status_code)
            for name, value in answer.headers.multi_items():
                if name.lower() not in OUTGOING_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.content)

    return Handler
