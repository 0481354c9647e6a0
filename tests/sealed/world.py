"""Two real Label Studios and everything of ours between them, for somebody who is curious."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import sqlalchemy as sa
from fastapi import FastAPI
from pydantic import SecretStr

from projects.kit import read_gateway
from projects.kit.database import now
from projects.kit.errors import LabelStudioRefused
from projects.kit.label_studio import LabelStudioWriter
from projects.kit.read_gateway import ReadGatewaySettings
from projects.kit.web import SECRET_HEADER
from projects.policy import Policy
from projects.vocabulary import Json, Prediction, Task
from sandbox_sync.app import Parts, create_app
from sandbox_sync.db import by_hand
from sandbox_sync.db.tables import Comparison, PracticeItem, Reference, Trainee
from sandbox_sync.gold_file import read
from sandbox_sync.settings import Settings
from sandbox_sync.workflows import keys
from sandbox_sync.workflows.room import Room
from tests.fakes.slack import TOKEN as SLACK_TOKEN
from tests.fakes.slack import FakeSlack, running_slack
from tests.sandbox_sync.house import METRICS_KEY, PRODUCTION_SECRET, make_settings
from tests.support import door as doors
from tests.support.door import Door
from tests.support.live import TOKEN, sign_up
from tests.support.processes import free_port
from tests.support.web import serving

NEEDLE = f"needle-{uuid4().hex[:8]}"
"""In everything that a trainee must not see: answers, gold, the name of production's worker."""
KEY = "the-key-of-the-gateway"
CONFIG = """<View><Text name="message" value="$text"/>
<Choices name="tone" toName="message"><Choice value="Calm"/><Choice value="Cross"/></Choices>
<TextArea name="why" toName="message"/></View>"""
TEXTS = ("Alpha", "Bravo", "Charlie", "Delta", "Echo")
GOLDEN = "Golf"
HINT: list[Json] = [
    {"id": "hint", "from_name": "tone", "to_name": "message", "type": "choices",
     "value": {"choices": ["Calm"]}}
]  # fmt: skip
"""What is suggested for every message."""
WITHIN = 60.0


def answer(tone: str, why: str) -> list[Json]:
    """An annotation's regions; every answer of production and of gold has the needle in it."""
    common = {"id": uuid4().hex[:10], "to_name": "message"}
    return [
        common | {"from_name": "tone", "type": "choices", "value": {"choices": [tone]}},
        common | {"from_name": "why", "type": "textarea", "value": {"text": [why]}},
    ]


def eventually(what: Callable[[], Any], *, seconds: float = WITHIN) -> None:
    begun = time.monotonic()
    while not what():
        assert time.monotonic() - begun < seconds, "it did not come true"
        time.sleep(0.3)


@dataclass
class World:
    """Who is there, and what they can reach."""

    production: LabelStudioWriter
    worker: LabelStudioWriter
    """Production's annotator, with the needle in their address."""
    sandbox: LabelStudioWriter
    emails: tuple[str, str]
    tokens: tuple[str, str]
    """Of the curious trainee, and of the other one."""
    project: int
    """In production."""
    tasks: dict[str, int]
    settings: Settings
    app: FastAPI
    url: str
    gateway_url: str
    at_production: Door
    at_sandbox: Door
    slack: FakeSlack
    answers: dict[str, int] = field(default_factory=dict)
    """Production's annotations by text."""

    @property
    def room(self) -> Room:
        found: Room = self.app.state.room
        return found

    @property
    def secrets(self) -> list[str]:
        """What must be in no answer and no log."""
        return [KEY, TOKEN, PRODUCTION_SECRET, METRICS_KEY, SLACK_TOKEN, "s" * 32]

    def writer(self, who: int) -> LabelStudioWriter:
        return LabelStudioWriter(self.sandbox.url, self.tokens[who])

    def lane(self, who: int) -> int | None:
        """The sandbox project of this trainee, once it is there."""
        found = [p.id for p in self.sandbox.projects() if self.emails[who][:8] in p.title]
        return found[0] if found else None

    def copies(self, who: int) -> dict[str, Task]:
        lane = self.lane(who)
        try:
            return {} if lane is None else {t.data["text"]: t for t in self.sandbox.tasks(lane)}
        except LabelStudioRefused:  # a busy Label Studio makes two projects, and the twin goes
            return {}

    def practise(self, who: int, text: str, regions: list[Json]) -> None:
        writer = self.writer(who)
        writer.create_annotation(self.copies(who)[text].id, regions)
        writer.close()

    def commit(self, tone: str) -> None:
        """Production answers every task, or changes every answer, and we have heard of it."""
        for text, task in self.tasks.items():
            regions = answer(tone, f"{NEEDLE} {text} {tone}")
            if text in self.answers:
                path = f"/api/annotations/{self.answers[text]}/"
                self.worker.request("PATCH", path, json_body={"result": regions})
            else:
                self.answers[text] = self.worker.create_annotation(task, regions).id
        eventually(lambda: self._knows(tone))

    def _knows(self, tone: str) -> bool:
        with self.room.reading() as session:
            mine = Reference.production_task_id.in_(self.tasks.values())
            known = session.scalars(sa.select(Reference).where(mine)).all()
        return len(known) == len(self.tasks) and all(tone in json.dumps(r.answer) for r in known)

    def set_gold(self, tone: str) -> None:
        """The key of one message that is no task of production."""
        said = [{"from_name": r["from_name"], "to_name": r["to_name"], "type": r["type"],
                 "value": r["value"]} for r in answer(tone, f"{NEEDLE} gold {tone}")]  # fmt: skip
        row = {"id": "g-1", "data": {"text": GOLDEN}, "answers": [said], "suggestion": HINT}
        scheme = self.room.scheme(by_hand.name_of(self.project), CONFIG)
        rows = read(json.dumps(row), "gold", scheme, lambda _: {})
        keys.load(self.room, self.project, rows, by="a test")

    def passes(self, count: int = 2) -> None:
        """So many whole looks at everything, from now on."""
        seen = self._looks()
        eventually(lambda: self._looks() > seen + count)

    def _looks(self) -> int:
        path = f"/api/projects/{self.project}"
        return sum(e.path.rstrip("/") == path for e in list(self.at_production.exchanges))

    def compared(self, who: int) -> list[int]:
        """Ids of this trainee's comparisons."""
        with self.room.reading() as session:
            found = (
                sa.select(Comparison.id)
                .join(PracticeItem, PracticeItem.id == Comparison.item_id)
                .join(Trainee, Trainee.id == PracticeItem.trainee_id)
            )
            return list(session.scalars(found.where(Trainee.email == self.emails[who])))


@contextmanager
def a_world(
    folder: Path,
    production: LabelStudioWriter,
    sandbox: LabelStudioWriter,
    policy: Policy | None = None,
    gold_share: float = 1,
    **more: Any,
) -> Iterator[World]:
    """A production project with tasks and gold, and two trainees who have all of them open."""
    emails = (f"{uuid4().hex[:8]}@example.com", f"{uuid4().hex[:8]}@example.com")
    tokens = tuple(sign_up(sandbox, email) for email in emails)
    worker = sign_up(production, f"{NEEDLE}-{uuid4().hex[:6]}@example.com")
    project = production.create_project("Sealed", label_config=CONFIG)
    ids = production.import_tasks(project.id, [{"data": {"text": text}} for text in TEXTS])
    production.push_predictions(project.id, [Prediction(n, "v1", None, tuple(HINT)) for n in ids])
    production.update_project(project.id, model_version="v1")
    with ExitStack() as stack:
        enter = stack.enter_context
        carrier = enter(httpx.Client(timeout=120, trust_env=False))
        at_production = enter(doors.opened(doors.to(lambda: production.url, carrier), keep=True))
        at_sandbox = enter(doors.opened(doors.to(lambda: sandbox.url, carrier), keep=True))
        gateway = ReadGatewaySettings(
            label_studio_url=at_production.url,
            label_studio_token=SecretStr(TOKEN),
            key=SecretStr(KEY),
        )
        gateway_url = enter(serving(read_gateway.create_app(gateway)))
        slack = enter(running_slack())
        slack.people = {email: f"U{number}" for number, email in enumerate(emails)}
        port = free_port()
        settings = make_settings(
            folder,
            {},
            production_url=gateway_url,
            production_key=KEY,
            sandbox_url=at_sandbox.url,
            sandbox_token=TOKEN,
            public_url=f"http://127.0.0.1:{port}",
            trainers=sorted(set(sandbox.emails().values()) - set(emails)),
            reconcile_seconds=1,
            gold_share=gold_share,
            slack_token=SLACK_TOKEN,
            slack_url=slack.url,
            **more,
        )
        app = create_app(settings, parts=Parts())
        url = enter(serving(app, port=port))
        world = World(
            production=production,
            worker=LabelStudioWriter(production.url, worker),
            sandbox=sandbox,
            emails=emails,
            tokens=(tokens[0], tokens[1]),
            project=project.id,
            tasks=dict(zip(TEXTS, ids, strict=True)),
            settings=settings,
            app=app,
            url=url,
            gateway_url=gateway_url,
            at_production=at_production,
            at_sandbox=at_sandbox,
            slack=slack,
        )
        with world.room.transaction() as session:
            by_hand.add(session, production.project(project.id), policy or Policy(), now=now())
        world.room.refresh()
        world.set_gold("Calm")
        production.ensure_webhooks(
            project.id, f"{url}/webhooks/production", headers={SECRET_HEADER: PRODUCTION_SECRET}
        )
        eventually(lambda: all(len(world.copies(who)) == len(TEXTS) for who in (0, 1)))
        yield world


def golden(world: World) -> int:
    """How many items of gold are in the queues."""
    with world.room.reading() as session:
        found = sa.select(sa.func.count()).where(PracticeItem.gold_id.is_not(None))
        return int(session.scalar(found) or 0)
