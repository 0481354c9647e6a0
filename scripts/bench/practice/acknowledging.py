"""How soon a webhook call is acknowledged, beside an endpoint that does nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
from scripts.bench.practice.studios import submit

GOALS_MS = {50: 50.0, 99: 250.0}
"""By percentile. Label Studio gives a call up after 1,000 ms, and its annotator waits so long."""


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    senders: tuple[int, ...] = (1, 8, 32)
    rounds: int = 6
    seconds: float = 1.0
    """Of one server in one round."""
    tasks: int = 20
    """Answered tasks that the calls tell of."""


QUICK = Effort(senders=(1, 8), rounds=2, seconds=0.3, tasks=3)


@dataclass(frozen=True)
class Hook:
    """A server that is told of answers in production."""

    port: int
    events: Sequence[Json]

    def requests(self) -> Iterator[bytes]:
        """Calls without end, each of them new: of another moment."""
        begin = datetime.now(UTC)
        for number in count():
            event = self.events[number % len(self.events)]
            moment = (begin + timedelta(microseconds=number)).isoformat()
            body = event | {"annotation": event["annotation"] | {"updated_at": moment}}
            yield self._request(json.dumps(body).encode())

    def check(self, body: bytes) -> None:
        """It was new to it."""
        if json.loads(body) != {"new": True}:
            raise WrongAnswer(body[:200].decode("utf-8", "replace"))

    def _request(self, body: bytes) -> bytes:
        lines = [
            f"POST {no_op.PATH} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            f"{SECRET_HEADER}: {PRODUCTION_SECRET}",
            "Connection: close",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


Pairs = tuple[list[Measured], list[Measured]]


def measure(
    place: Place, effort: Effort, *, database: str, say: Callable[[str], None]
) -> tuple[list[Figure], dict[str, Any]]:
    """Figures and details; the place has to run."""
    say(f"acknowledgement on {database}: answering {effort.tasks} tasks")
    events = _events(place, effort.tasks)
    place.wait_until_quiet()
    figures: list[Figure] = []
    details: dict[str, Any] = {"bytes": len(json.dumps(events[0])), "rounds": effort.rounds}
    with no_op.running(place.folder) as url:
        peer = Hook(httpx.URL(url).port or 0, events)
        for senders in effort.senders:
            pairs = _rounds(place, peer, senders, effort, database, say)
            figures += figures_of(senders, *pairs, database=database)
            ours, nothing = (load.together(side).to_json() for side in pairs)
            details[f"{senders}_senders"] = {"ours": ours, "no_op": nothing}
    return figures, details


def _events(place: Place, count: int) -> list[Json]:
    """What Label Studio sends when production answers, of tasks that are there."""
    tasks = list(place.publish(count))
    for task_id in tasks:
        data = place.row(task_id)["data"]
        submit(place.worker, task_id, place.regions(1, data))
    project = place.worker.request("GET", f"/api/projects/{place.project.id}/")
    rows = [place.row(task_id) for task_id in tasks]
    return [
        {
            "action": "ANNOTATION_UPDATED",
            "annotation": row["annotations"][0] | {"task": row["id"], "project": project["id"]},
            "task": row,
            "project": project,
        }
        for row in rows
    ]


def _rounds(
    place: Place,
    peer: Hook,
    senders: int,
    effort: Effort,
    database: str,
    say: Callable[[str], None],
) -> Pairs:
    """Ours and the peer in turn; what ours has to do afterwards is done before the peer's turn."""
    hooks = (Hook(place.port, peer.events), peer)
    streams = [hook.requests() for hook in hooks]
    found: Pairs = ([], [])
    for number in range(-1, effort.rounds):
        say(
            f"acknowledgement on {database}: {senders} senders, "
            f"round {max(0, number + 1)} of {effort.rounds}"
        )
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
            meaning=f"milliseconds until a webhook call is answered, percentile {share} of a round,"
            f" {senders} senders with one call out each; beside an endpoint that does nothing",
            **ratio_interval(mine, [1.0] * len(mine)),
            no_op=ratio_interval(peer, [1.0] * len(peer))["value"],
            ratio=ratio_interval(mine, peer),
        )
