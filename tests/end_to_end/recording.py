"""Doors between the practice half and both Label Studios: what goes through is written down."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from scripts import programs
from scripts.state import Ports
from tests.support import door as doors

TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True)
class Asked:
    """One request."""

    at: float
    """Seconds since 1970, before it was passed on."""
    method: str
    path: str
    """Without its query."""
    body: bytes

    @property
    def rows(self) -> list[Any]:
        """The body as a list of JSON objects."""
        found = json.loads(self.body or b"null")
        return found if isinstance(found, list) else [found]


@dataclass
class Recorded:
    """Everything that was asked so far, in its order."""

    settings: dict[str, str]
    """With which the programs go through the doors."""
    of_production: list[Asked] = field(default_factory=list)
    of_sandbox: list[Asked] = field(default_factory=list)

    @property
    def written(self) -> list[Asked]:
        """What may have changed something in the sandbox."""
        return [one for one in self.of_sandbox if one.method != "GET"]


@contextmanager
def listening(ports: Ports) -> Iterator[Recorded]:
    """Doors to the Label Studios on these ports, which need not run yet."""
    production, sandbox = (f"http://127.0.0.1:{port}" for port in (ports.production, ports.sandbox))
    with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as carrier:
        with (
            doors.opened(doors.to(lambda: production, carrier)) as at_production,
            doors.opened(doors.to(lambda: sandbox, carrier)) as at_sandbox,
        ):
            found = Recorded(
                {
                    programs.BEHIND_THE_GATEWAY: at_production.url,
                    programs.SANDBOX_URL: at_sandbox.url,
                }
            )
            at_production.watch = _writer(found.of_production)
            at_sandbox.watch = _writer(found.of_sandbox)
            yield found


def _writer(into: list[Asked]) -> Callable[[httpx.Request], object]:
    def write(request: httpx.Request) -> None:
        path = request.url.raw_path.decode().partition("?")[0]
        into.append(Asked(time.time(), request.method, path, request.content))

    return write
