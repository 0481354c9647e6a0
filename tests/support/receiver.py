"""A small HTTP server that remembers what was posted to it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class Receiver:
    """What arrived at ``url`` so far."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.calls: list[Received] = []

    def wait_for(self, wanted: Callable[[Received], bool], *, seconds: float = 10) -> Received:
        """The first call that fits; it may still be on its way."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for call in tuple(self.calls):
                if wanted(call):
                    return call
            time.sleep(0.05)
        raise AssertionError(f"no such call among {[c.body.get('action') for c in self.calls]}")


@contextmanager
def listening() -> Iterator[Receiver]:
    """A receiver on a free port of the loopback address."""
    calls: list[Received] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            calls.append(Received(self.path, dict(self.headers), json.loads(raw or b"{}")))
            self._answer({})

        def do_GET(self) -> None:
            self._answer({"status": "UP"})

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet."""

        def _answer(self, body: dict[str, Any]) -> None:
            raw = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    receiver = Receiver(f"http://127.0.0.1:{server.server_address[1]}")
    receiver.calls = calls
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
