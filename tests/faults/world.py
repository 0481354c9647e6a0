"""Two Label Studios, Slack and our two programs between them, with doors that can go wrong."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx

from projects.kinds import registry
from projects.kit import database
from projects.kit.label_studio import LabelStudioWriter
from scripts.label_studio import inherited
from tests.fakes.label_studio import FakeLabelStudio
from tests.fakes.slack import TOKEN as SLACK_TOKEN
from tests.fakes.slack import FakeSlack
from tests.faults.processes import Program, Zygote
from tests.support import door as doors
from tests.support.door import Door

ADMIN = "admin@example.com"
TRAINEES = ("ada@example.com", "ben@example.com")
KEY = "the-key-of-the-gateway"
PRODUCTION_SECRET, SANDBOX_SECRET = "production-secret", "secret-of-the-sandbox"
HOOK_SECONDS = 1.0
"""After which Label Studio gives a webhook up."""
SYNC, GATEWAY = "sandbox_sync", "read_gateway"


@dataclass
class Studio:
    """One Label Studio as people reach it, and a way to get more people into it."""

    url: str
    token: str
    http: httpx.Client
    fake: FakeLabelStudio | None = None
    tokens: dict[str, str] = field(default_factory=dict)
    """Of the people who are no administrators, by e-mail."""
    clients: dict[str, LabelStudioWriter] = field(default_factory=dict)

    def writer(self, email: str = "") -> LabelStudioWriter:
        """Somebody's client, which no fault touches; without a name the administrator's."""
        if email not in self.clients:
            token = self.tokens[email] if email else self.token
            self.clients[email] = LabelStudioWriter(self.url, token, http=self.http)
        return self.clients[email]


@dataclass(frozen=True)
class Plan:
    """What a world is made of."""

    database_url: str = ""
    """Empty: SQLite in the folder of the world."""
    processes: int = 1
    """Of sandbox_sync, each with an executor id of its own."""
    settings: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    """More variables of sandbox_sync."""


@dataclass
class World:
    """Everything that runs, and what can be made to go wrong with it."""

    folder: Path
    production: Studio
    sandbox: Studio
    slack: FakeSlack
    projects: dict[str, int]
    database_url: str
    at_production: Door
    at_sandbox: Door
    at_slack: Door
    at_hooks: Door
    gateway: Program
    syncs: list[Program]
    lost_answers: list[float] = field(default_factory=list)
    """When Slack took a message and its answer was lost."""

    @property
    def programs(self) -> list[Program]:
        return [self.gateway, *self.syncs]

    @property
    def doors(self) -> list[Door]:
        return [self.at_production, self.at_sandbox, self.at_slack, self.at_hooks]

    def start(self) -> None:
        """Whatever does not run."""
        for program in self.programs:
            program.start()

    def wait(self) -> None:
        """Until everything answers."""
        for program in self.programs:
            program.wait()

    def repair(self) -> None:
        """No faults any more, and everything runs."""
        for door in self.doors:
            door.clear()
        self.start()

    def kills(self) -> list[float]:
        return sorted(moment for program in self.programs for moment in program.kills)

    @contextmanager
    def sessions(self) -> Iterator[database.Sessions]:
        """A way to look at the tables."""
        engine = database.make_engine(self.database_url, immediate=False)
        try:
            yield database.sessions(engine)
        finally:
            engine.dispose()


@contextmanager
def a_world(
    folder: Path, zygote: Zygote, plan: Plan, *, studios: tuple[Studio, Studio] | None = None
) -> Iterator[World]:
    """A world that runs. Without ``studios``, on two fakes in the memory of this process."""
    folder.mkdir(parents=True, exist_ok=True)
    production, sandbox = studios or (_fake(()), _fake(TRAINEES))
    slack = FakeSlack(people={email: f"U{n}" for n, email in enumerate((*TRAINEES, "joe@x.org"))})
    with ExitStack() as stack:
        out = stack.enter_context(httpx.Client(timeout=60, trust_env=False))
        syncs: list[Program] = []
        chosen = random.Random(0)
        at_hooks = stack.enter_context(
            doors.opened(doors.to(lambda: chosen.choice(syncs).url, out), keep=False)
        )
        at_production = stack.enter_context(doors.opened(_upstream(production)))
        at_sandbox = stack.enter_context(doors.opened(_upstream(sandbox)))
        at_slack = stack.enter_context(doors.opened(_slack(slack), keep=True))
        projects = _make_projects(production, f"{at_hooks.url}/webhooks/production")
        gateway = Program(zygote, GATEWAY, {}, folder / "gateway.log")
        gateway.environment = _gateway_environment(gateway.port, at_production.url, production)
        url = plan.database_url or f"sqlite:///{folder / 'sandbox_sync.sqlite'}"
        for number in range(plan.processes):
            program = Program(zygote, SYNC, {}, folder / f"sync-{number}.log")
            program.environment = _sync_environment(
                program, number, folder, url, gateway.url, at_sandbox.url, at_slack.url,
                at_hooks.url, sandbox, projects, plan,
            )  # fmt: skip
            syncs.append(program)
        for studio in (production, sandbox):
            if studio.fake is not None:
                studio.fake.deliver = _delivery(out)
        world = World(
            folder, production, sandbox, slack, projects, url,
            at_production, at_sandbox, at_slack, at_hooks, gateway, syncs,
        )  # fmt: skip
        stack.callback(_end, world)
        world.start()
        yield world


def _end(world: World) -> None:
    for door in world.doors:
        door.clear()
        door.settle()
    for program in reversed(world.programs):
        program.kill()


def _fake(people: Sequence[str]) -> Studio:
    fake = FakeLabelStudio()
    tokens = {email: fake.add_user(email) for email in people}
    return Studio(fake.url, fake.token, fake.client(), fake, tokens)


def _upstream(studio: Studio) -> doors.Upstream:
    if studio.fake is not None:
        return studio.fake._handle
    return doors.to(lambda: studio.url, studio.http)


def _slack(slack: FakeSlack) -> doors.Upstream:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.headers.get("authorization") != f"Bearer {SLACK_TOKEN}":
            return httpx.Response(200, json={"ok": False, "error": "invalid_auth"})
        method = request.url.path.removeprefix("/api/")
        if "json" in request.headers.get("content-type", ""):
            arguments = dict(json.loads(request.content))
        else:
            arguments = dict(parse_qsl(request.content.decode())) | dict(request.url.params)
        arguments |= {"came_at": time.time()}
        return httpx.Response(200, json=slack.answer(method, arguments))

    return answer


def _delivery(client: httpx.Client) -> Any:
    """As Label Studio does: in the request that caused it, and whatever comes of it."""

    def deliver(url: str, headers: dict[str, str], body: dict[str, Any]) -> None:
        with suppress(httpx.HTTPError):
            client.post(url, headers=headers, json=body, timeout=HOOK_SECONDS)

    return deliver


def _make_projects(production: Studio, hook: str) -> dict[str, int]:
    writer = production.writer()
    made: dict[str, int] = {}
    for name in ("intent", "details"):
        kind = registry.load(name)
        project = writer.create_project(
            f"{kind.title} {time.time():.0f}",
            label_config=kind.label_config,
            expert_instruction="How to answer.",
            sampling="Uncertainty sampling",
        )
        writer.ensure_webhooks(project.id, hook, headers={"X-Understudy-Secret": PRODUCTION_SECRET})
        made[name] = project.id
    return made


def _gateway_environment(port: int, target: str, production: Studio) -> dict[str, str]:
    return inherited() | {
        "READ_GATEWAY_PORT": str(port),
        "READ_GATEWAY_LABEL_STUDIO_URL": target,
        "READ_GATEWAY_LABEL_STUDIO_TOKEN": production.token,
        "READ_GATEWAY_KEY": KEY,
    }


def _sync_environment(
    program: Program, number: int, folder: Path, url: str, gateway: str, sandbox_url: str,
    slack: str, hooks: str, sandbox: Studio, projects: dict[str, int], plan: Plan,
) -> dict[str, str]:  # fmt: skip
    values: dict[str, Any] = {
        "port": program.port,
        "state_dir": folder / f"sync-{number}",
        "database_url": url,
        "executor_id": f"sync-{number}",
        "production_url": gateway,
        "production_key": KEY,
        "production_webhook_secret": PRODUCTION_SECRET,
        "sandbox_url": sandbox_url,
        "sandbox_token": sandbox.token,
        "sandbox_webhook_secret": SANDBOX_SECRET,
        "session_secret": "s" * 32,
        "projects": json.dumps({number: kind for kind, number in projects.items()}),
        "public_url": program.url,
        "webhook_url": hooks,
        "trainers": json.dumps([ADMIN]),
        "slack_token": SLACK_TOKEN,
        "slack_url": f"{slack}/api/",
        "queue_depth": 60,
        "in_flight_seconds": 1.0,
        "reconcile_seconds": 1.0,
    }
    values |= plan.settings
    named = {f"SANDBOX_SYNC_{name.upper()}": str(value) for name, value in values.items()}
    return inherited() | plan.environment | named
