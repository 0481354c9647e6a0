"""A load of HTTP requests, light enough not to be what is measured.

One thread looks after all clients, on bare sockets. Each client has one request
out at a time and sends the next as soon as it has the answer. Either with a new
connection a request, which is what Label Studio does, or on one that is kept.
"""

from __future__ import annotations

import json
import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

import numpy as np

from projects.kit.errors import PlatformError

TIMEOUT_SECONDS = 30.0


class WrongAnswer(PlatformError):
    """A server that is measured did not answer as it should; its times mean nothing."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return f"A server under load did not answer as it should: {self.what}"


class Asked(Protocol):
    """A server of this machine under load."""

    @property
    def port(self) -> int:
        """Where it listens."""

    def check(self, body: bytes) -> None:
        """Raise :class:`WrongAnswer` unless this is what it should answer."""


@dataclass(frozen=True)
class Target:
    """What is asked: tasks under a labelling config, with a Basic credential if there is one."""

    port: int
    project: str
    config: str
    texts: Sequence[str]
    tasks: int
    """Tasks per request."""
    credential: str = ""
    """``user:password`` in base64."""
    field: str = "text"

    def requests(self, *, keep: bool) -> Iterator[bytes]:
        """Requests without end. No text comes twice, so that nobody's cache knows it."""
        numbers = count()
        rest = json.dumps(
            {"project": self.project, "label_config": self.config, "params": {"context": None}}
        )[1:]
        while True:
            tasks = [self._task(next(numbers)) for _ in range(self.tasks)]
            body = ('{"tasks": ' + json.dumps(tasks) + ", " + rest).encode()
            yield self._head(len(body), keep=keep) + body

    def check(self, body: bytes) -> None:
        """One result a task, and none of them empty: an abstention costs nothing to give."""
        results = json.loads(body).get("results")
        if not isinstance(results, list) or len(results) != self.tasks:
            raise WrongAnswer(f"{self.tasks} tasks got other than {self.tasks} results")
        if not all(isinstance(one, dict) and one.get("result") for one in results):
            raise WrongAnswer("a task got no prediction")

    def _task(self, number: int) -> dict[str, Any]:
        text = self.texts[number % len(self.texts)]
        return {
            "id": number + 1,
            "data": {self.field: f"{text} {number:x}"},
            "meta": {},
            "annotations": [],
            "predictions": [],
        }

    def _head(self, length: int, *, keep: bool) -> bytes:
        lines = [
            "POST /predict HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            "Content-Type: application/json",
            f"Content-Length: {length}",
            f"Connection: {'keep-alive' if keep else 'close'}",
        ]
        if self.credential:
            lines.append(f"Authorization: Basic {self.credential}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


@dataclass(frozen=True)
class Measured:
    """What a load met with."""

    seconds: float
    latencies_ms: tuple[float, ...]

    @property
    def per_second(self) -> float:
        return len(self.latencies_ms) / self.seconds

    def percentile(self, share: float) -> float:
        """The latency in milliseconds that so many percent of the requests did not exceed."""
        return float(np.percentile(self.latencies_ms, share))

    def to_json(self) -> dict[str, float]:
        return {
            "requests": len(self.latencies_ms),
            "per_second": round(self.per_second, 1),
            "p50_ms": round(self.percentile(50), 2),
            "p90_ms": round(self.percentile(90), 2),
            "p99_ms": round(self.percentile(99), 2),
        }


def together(parts: Sequence[Measured]) -> Measured:
    """Several loads of the same kind as one."""
    latencies = tuple(value for part in parts for value in part.latencies_ms)
    return Measured(sum(part.seconds for part in parts), latencies)


@dataclass
class _Client:
    port: int
    keep: bool
    connection: socket.socket | None = None
    begun: float = 0.0
    received: bytearray = field(default_factory=bytearray)
    wanted: int | None = None
    """Bytes of the whole answer, once its head is there."""
    closes: bool = False

    def send(self, request: bytes, watch: selectors.BaseSelector) -> None:
        self.received.clear()
        self.wanted = None
        self.begun = time.perf_counter()
        if self.connection is None:
            self.connection = socket.create_connection(
                ("127.0.0.1", self.port), timeout=TIMEOUT_SECONDS
            )
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            watch.register(self.connection, selectors.EVENT_READ, self)
        self.connection.sendall(request)

    def receive(self) -> bool:
        """Take what is there; whether the answer is complete now."""
        if self.connection is None:
            return False
        part = self.connection.recv(262_144)
        self.received += part
        if self.wanted is None:
            self._read_head()
        if not part and (self.wanted is None or len(self.received) < self.wanted):
            raise WrongAnswer("the connection ended before the answer did")
        return self.wanted is not None and len(self.received) >= self.wanted

    def end(self, watch: selectors.BaseSelector) -> None:
        if self.connection is not None:
            watch.unregister(self.connection)
            self.connection.close()
            self.connection = None

    def _read_head(self) -> None:
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self.received[:end]).lower()
        if not head.split(b" ", 2)[1].startswith(b"2"):
            raise WrongAnswer(bytes(self.received[:300]).decode("utf-8", "replace"))
        at = head.find(b"\r\ncontent-length:")
        if at < 0:
            raise WrongAnswer("it does not say how long its answer is")
        length = int(head[at + 17 :].split(b"\r\n", 1)[0])
        self.wanted = end + 4 + length
        self.closes = head.startswith(b"http/1.0") or b"\r\nconnection: close" in head

    def body(self) -> bytes:
        return bytes(self.received[self.received.find(b"\r\n\r\n") + 4 :])


def run(
    target: Asked,
    requests: Iterator[bytes],
    *,
    clients: int,
    seconds: float,
    keep: bool,
) -> Measured:
    """Load a server for so long.

    Raises
    ------
    WrongAnswer
        When an answer is no success, or the last one is not what the target should answer.
    """
    watch = selectors.DefaultSelector()
    crew = [_Client(target.port, keep) for _ in range(clients)]
    latencies: list[float] = []
    begun = time.perf_counter()
    last = b""
    try:
        for client in crew:
            client.send(next(requests), watch)
        out = clients
        while out:
            ready = watch.select(TIMEOUT_SECONDS)
            if not ready:
                raise WrongAnswer(f"no answer within {TIMEOUT_SECONDS:g} seconds")
            for key, _ in ready:
                client = key.data
                if not client.receive():
                    continue
                now = time.perf_counter()
                latencies.append((now - client.begun) * 1000)
                if not keep or client.closes:
                    client.end(watch)
                if now - begun < seconds:
                    client.send(next(requests), watch)
                else:
                    out -= 1
                    last = client.body()
        target.check(last)
        return Measured(time.perf_counter() - begun, tuple(latencies))
    finally:
        for client in crew:
            client.end(watch)
        watch.close()
