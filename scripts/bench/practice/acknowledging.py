"""How soon a webhook call is acknowledged, beside an endpoint that does nothing.

Two sorts of call. That there is an answer, which Label Studio sends while an annotator
waits: many are one row. And that something was deleted, of which each is a row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import httpx

from projects.kit.web import SECRET_HEADER
from projects.vocabulary import Json
from scripts.bench import load
from scripts.bench.figures import Figure, at_most, ratio_interval
from scripts.bench.load import Measured, WrongAnswer
from scripts.bench.practice import no_op
from scripts.bench.practice.place import PRODUCTION_SECRET, Place

FIRST_ID = 10**9
"""Of annotations that do not exist."""
GOALS_MS = {50: 50.0, 99: 250.0}
"""By percentile. Label Studio gives a call up after 1,000 ms, and its annotator waits so long."""


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    senders: tuple[int, ...] = (1, 8, 32)
    rounds: int = 6
    seconds: float = 1.0
    """Of one server in one round."""
    deleted_rounds: int = 2
    deleted_seconds: float = 0.3
    """The same for calls about deletions: whoever looks at each of them takes long."""

    @property
    def of_deleted(self) -> Effort:
        """How much of those."""
        return replace(self, rounds=self.deleted_rounds, seconds=self.deleted_seconds)


QUICK = Effort(senders=(1, 8), rounds=2, seconds=0.3)


@dataclass(frozen=True)
class Hook:
    """A server that is told of production."""

    port: int
    path: str
    body: Callable[[int], Json]
    """What the call of this number says."""
    says: str = "accepted"
    """What is true of each call."""

    def requests(self) -> Iterator[bytes]:
        """Calls without end."""
        for number in count(1):
            yield self._request(json.dumps(self.body(number)).encode())

    def check(self, body: bytes) -> None:
        """It took it, and where it says so had not heard of it."""
        if json.loads(body) != {self.says: True}:
            raise WrongAnswer(body[:200].decode("utf-8", "replace"))

    def _request(self, body: bytes) -> bytes:
        lines = [
            f"POST {self.path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            f"{SECRET_HEADER}: {PRODUCTION_SECRET}",
            "Connection: close",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def answered(port: int, project_id: int) -> Hook:
    """Something was answered in this project."""
    return Hook(port, f"{no_op.PATH}/{project_id}", lambda _: {"action": "ANNOTATION_CREATED"})


def deleted(port: int, *, first: int) -> Hook:
    """Annotations were deleted that nobody knows: each is recorded, and looked for."""

    def body(number: int) -> Json:
        return {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": first + number}]}

    return Hook(port, no_op.PATH, body, says="new")


Pairs = tuple[list[Measured], list[Measured]]


def measure(
    place: Place, effort: Effort, *, database: str, say: Callable[[str], None]
) -> tuple[list[Figure], dict[str, Any]]:
    """Figures and details; the place has to run."""
    figures: list[Figure] = []
    details: dict[str, Any] = {"rounds": effort.rounds}
    with no_op.running(place.folder) as url:
        peer = httpx.URL(url).port or 0
        ports = (place.port, peer)
        sorts = (
            ("answered", [answered(port, place.project.id) for port in ports], effort),
            ("deleted", [deleted(port, first=FIRST_ID) for port in ports], effort.of_deleted),
        )
        for sort, hooks, some in sorts:
            streams = [hook.requests() for hook in hooks]
            for senders in some.senders:
                say(f"acknowledgement on {database}: {senders} senders, {sort}")
                pairs = _rounds(place, hooks, streams, senders, some)
                if sort == "answered":
                    figures += figures_of(senders, *pairs, database=database)
                ours, nothing = (load.together(side).to_json() for side in pairs)
                details[f"{sort}_{senders}_senders"] = {"ours": ours, "no_op": nothing}
    return figures, details


def _rounds(
    place: Place,
    hooks: Sequence[Hook],
    streams: Sequence[Iterator[bytes]],
    senders: int,
    effort: Effort,
) -> Pairs:
    """Ours and the peer in turn; what ours has to do afterwards is done before the peer's turn."""
    found: Pairs = ([], [])
    for number in range(-1, effort.rounds):
        for side in (0, 1) if number % 2 == 0 else (1, 0):
            measured = load.run(
                hooks[side], streams[side], clients=senders, seconds=effort.seconds, keep=False
            )
            place.wait_until_quiet()
            if number >= 0:  # the first round warms up
                found[side].append(measured)
    return found


def figures_of(
    senders: int, ours: list[Measured], nothing: list[Measured], *, database: str
) -> Iterator[Figure]:
    """Two percentiles; of the rounds the geometric mean, for times are never below zero."""
    for share, goal in GOALS_MS.items():
        mine, peer = ([one.percentile(share) for one in side] for side in (ours, nothing))
        yield at_most(
            f"acknowledgement_p{share}_ms_{senders}_senders_{database}",
            goal=goal,
            meaning="milliseconds until the call that something was answered is acknowledged,"
            f" percentile {share} of a round,"
            f" {senders} senders with one call out each; beside an endpoint that does nothing",
            **ratio_interval(mine, [1.0] * len(mine)),
            no_op=ratio_interval(peer, [1.0] * len(peer))["value"],
            ratio=ratio_interval(mine, peer),
        )
