"""The practice half between two fakes, with a needle in everything a trainee must not see."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from projects.kit.database import now
from projects.policy import Policy
from projects.vocabulary import Json, Prediction
from sandbox_sync.db import by_hand
from sandbox_sync.gold_file import read
from sandbox_sync.workflows import keys
from tests.sandbox_sync.house import HOOK, PRODUCTION_SECRET, House, running_house
from tests.sandbox_sync.test_pages import HTML, PASSWORD, LoginForm
from tests.sealed.world import CONFIG, GOLDEN, HINT, NEEDLE, TEXTS, answer


@dataclass
class Sealed:
    """A house with one project of our own making."""

    house: House
    project: int
    tasks: Mapping[str, int]

    def commit(self, tone: str = "Cross", texts: tuple[str, ...] = TEXTS) -> None:
        """Production answers."""
        writer = self.house.production.writer()
        for text in texts:
            regions = answer(tone, f"{NEEDLE} {text} {tone}")
            writer.create_annotation(self.tasks[text], regions)
        self.house.reconcile(passes=3)

    def set_gold(self, tone: str) -> None:
        said = [{k: v for k, v in r.items() if k != "id"} for r in answer(tone, f"{NEEDLE} gold")]
        row = {"id": "g-1", "data": {"text": GOLDEN}, "answers": [said], "suggestion": HINT}
        scheme = self.house.room.scheme(by_hand.name_of(self.project), CONFIG)
        rows = read(json.dumps(row), "gold", scheme, lambda _: {})
        keys.load(self.house.room, self.project, rows, by="a test")

    def copies(self, email: str) -> dict[str, int]:
        """Sandbox task by text."""
        store = self.house.sandbox.store
        mine = {
            p.id
            for p in store.projects.values()
            if email in p.fields["title"] and p.fields["title"].startswith("Sealed")
        }
        return {t.data["text"]: t.id for t in store.tasks.values() if t.project in mine}

    def practise(self, email: str, text: str) -> None:
        users = self.house.sandbox.store.users.values()
        token = next(u.token for u in users if u.email == email)
        regions: list[Json] = answer("Calm", f"as {email} thinks")
        self.house.sandbox.writer(token).create_annotation(self.copies(email)[text], regions)
        self.house.drain()

    def sign_in(self, email: str) -> None:
        self.house.client.cookies.clear()
        form = {"email": email, "password": PASSWORD}
        assert self.house.client.post("/sign-in", data=form, headers=HTML).status_code == 200


@contextmanager
def sealed_house(folder: Path, **more: Any) -> Iterator[Sealed]:
    """Two trainees with everything open, gold among it; nobody has answered anything."""
    login = LoginForm()
    sign_in = httpx.MockTransport(login)
    with running_house(folder, sign_in=sign_in, gold_share=1, **more) as house:
        login.ids.update({u.email: u.id for u in house.sandbox.store.users.values()})
        writer = house.production.writer()
        project = writer.create_project("Sealed", label_config=CONFIG)
        ids = writer.import_tasks(project.id, [{"data": {"text": text}} for text in TEXTS])
        shown = [Prediction(number, "v1", None, tuple(HINT)) for number in ids]
        writer.push_predictions(project.id, shown)
        writer.update_project(project.id, model_version="v1")
        writer.ensure_webhooks(project.id, HOOK, headers={"X-Understudy-Secret": PRODUCTION_SECRET})
        with house.room.transaction() as session:
            by_hand.add(session, project, Policy(), now=now())
        house.room.refresh()
        made = Sealed(house, project.id, dict(zip(TEXTS, ids, strict=True)))
        made.set_gold("Calm")
        house.reconcile(passes=3)
        yield made
