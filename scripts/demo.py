"""The demo: simulated people work through both loops on the real product."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import httpx
import numpy as np
from rich.console import Console

from backend_ml import evidence
from projects import agreement
from projects.kinds import registry
from projects.kinds.base import Kind
from projects.kit import database, discovery
from projects.kit.errors import PlatformError
from projects.kit.label_studio import LabelStudioWriter
from projects.samples import generate, gold
from projects.vocabulary import Answer
from sandbox_sync.db import queries
from scripts import bootstrap
from scripts.demo_view import View
from scripts.people import ErrorModel, Person, join
from scripts.programs import House
from scripts.state import SAMPLE_SEED, SAMPLES, write_json

WORKER_EMAIL = "noor@demo.example"
TRAINEES: Mapping[str, ErrorModel] = {
    "ada@demo.example": ErrorModel(wrong_choice=0.05, missed=0.04, boundary=0.03, wrong_label=0.02),
    "ben@demo.example": ErrorModel(
        wrong_choice=0.20, missed=0.12, boundary=0.10, wrong_label=0.06, spurious=0.10
    ),
    "cleo@demo.example": ErrorModel(
        wrong_choice=0.40, missed=0.25, boundary=0.20, wrong_label=0.12, spurious=0.25
    ),
}
"""Whom the demo signs up, and how each of them goes wrong."""
SETTINGS = {
    "BACKEND_ML_BATCH_SIZE": "20",
    "BACKEND_ML_LOW_WATER": "6",
    "BACKEND_ML_RANDOM_SHARE": "0.25",
    "SANDBOX_SYNC_QUEUE_DEPTH": "40",
}
"""Smaller batches and a larger random arm than by default: a demo has few labels, and the
random arm is only reported once a whole draw is answered."""
IDLE_SECONDS = 0.5
STABLE_SECONDS = 11.0
"""Longer than the time between two reconciliations: what an event did not tell is found."""
PLANTED_DRAWS = 5


@dataclass(frozen=True)
class Plan:
    """How much work the demo does."""

    labels: Mapping[str, int]
    """Kind name to the number of annotations that production submits."""
    seed: int = 7
    limit_seconds: float = 600


class DemoFailed(PlatformError):
    """The demo did not come to its end, or its numbers do not add up."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        return f"The demo failed: {self.why}"


class Demo:
    """Everybody at work, each in a thread of their own."""

    def __init__(self, house: House, plan: Plan, console: Console) -> None:
        self.house = house
        self.plan = plan
        self.console = console
        self.kinds = {kind.name: kind for kind in registry.all_kinds()}
        self.truth = true_answers()
        self.stop = threading.Event()
        self.production_done = threading.Event()
        self.labelled = dict.fromkeys(plan.labels, 0)
        self.failures: list[str] = []
        self._over_since: float | None = None
        self.projects = _production_projects(house)
        self._backend = database.sessions(database.make_engine(house.backend_database))
        self._sync = database.sessions(database.make_engine(house.sync_database))

    def run(self) -> dict[str, Any]:
        """Let everybody work until every number is final; returns the summary."""
        started = time.monotonic()
        self._refuse_foreign_messages()
        worker, trainees = self._join()
        threads = [threading.Thread(target=self._guard, args=(self._produce, worker), daemon=True)]
        threads += [
            threading.Thread(target=self._guard, args=(self._practise, trainee), daemon=True)
            for trainee in trainees
        ]
        for thread in threads:
            thread.start()
        with View(self.console, self.plan.labels, [t.email for t in trainees]) as view:
            while not self._stays_over():
                if time.monotonic() - started > self.plan.limit_seconds:
                    self.stop.set()
                    raise DemoFailed(f"not finished after {self.plan.limit_seconds:.0f} s")
                view.show(self.labelled, self._evidence(), self._practice())
                time.sleep(1)
            self.stop.set()
            for thread in threads:
                thread.join(timeout=60)
            self._wait_until_settled(started)
            view.show(self.labelled, self._evidence(), self._practice())
        summary = self._summary(time.monotonic() - started)
        write_json(self.house.state.folder / "demo-summary.json", summary)
        return summary

    def _refuse_foreign_messages(self) -> None:
        """Simulated people must not touch somebody's real work."""
        writer = LabelStudioWriter(self.house.production.url, self.house.production.token)
        known = self.truth[next(iter(self.kinds))]
        try:
            foreign = any(
                str(task.data.get("message_id")) not in known
                for number in self.projects
                for task in writer.tasks(number)
            )
        finally:
            writer.close()
        if foreign:
            raise DemoFailed(
                "production holds messages of your own, and simulated people would answer them. "
                "Give the demo a folder of its own: understudy demo --state .understudy-demo"
            )

    def _join(self) -> tuple[Person, list[Person]]:
        password = self.house.secrets.people_password
        worker = join(
            self.house.production.url,
            self.house.production.token,
            email=WORKER_EMAIL,
            password=password,
            errors=ErrorModel(),
            truth=self.truth,
            seed=self.plan.seed,
        )
        trainees = [
            join(
                self.house.sandbox.url,
                self.house.sandbox.token,
                email=email,
                password=password,
                errors=errors,
                truth=self.truth,
                seed=self.plan.seed + number,
            )
            for number, (email, errors) in enumerate(TRAINEES.items(), start=1)
        ]
        return worker, trainees

    def _guard(self, work: Any, person: Person) -> None:
        try:
            work(person)
        except (httpx.HTTPError, PlatformError, KeyError, ValueError) as error:
            self.failures.append(f"{person.email}: {type(error).__name__}: {error}")
        finally:
            person.close()

    def _produce(self, worker: Person) -> None:
        """Production's annotator: all kinds in turn, each up to its number of labels."""
        open_kinds = dict(self.plan.labels)
        projects = worker.projects()
        while open_kinds and not self.stop.is_set():
            for name in list(open_kinds):
                kind = self.kinds[name]
                done = self.labelled[name] >= self.plan.labels[name]
                if done or not worker.work_one(projects[kind.title], kind):
                    del open_kinds[name]
                    continue
                self.labelled[name] += 1
        self.production_done.set()

    def _practise(self, trainee: Person) -> None:
        """A trainee: works on whatever their own practice projects offer."""
        mine: dict[int, Kind] = {}
        while not self.stop.is_set():
            worked = False
            for number, kind in mine.items():
                worked = (not self.stop.is_set() and trainee.work_one(number, kind)) or worked
            if not worked:
                self.stop.wait(IDLE_SECONDS)
                mine = self._practice_projects(trainee)

    def _practice_projects(self, trainee: Person) -> dict[int, Kind]:
        found = {}
        for title, number in trainee.projects().items():
            kind = self._kind_of(title, trainee.email)
            if kind is not None:
                found[number] = kind
        return found

    def _kind_of(self, title: str, email: str) -> Kind | None:
        if email not in title:
            return None
        return next((kind for kind in self.kinds.values() if title.startswith(kind.title)), None)

    def _evidence(self) -> dict[str, Any]:
        with self._backend() as session:
            return evidence.collect(session, self.projects)

    def _practice(self) -> dict[str, Any]:
        with self._sync() as session:
            return queries.summary(session)

    def _is_over(self) -> bool:
        if self.failures:
            self.stop.set()
            raise DemoFailed("; ".join(self.failures))
        if not self.production_done.is_set():
            return False
        with self._backend() as session:
            if not all(evidence.is_settled(session, number) for number in self.projects):
                return False
        practice = self._practice()
        complete = practice["clones"] == practice["expected_clones"] > 0
        return complete and not practice["unhandled_events"]

    def _stays_over(self) -> bool:
        """Whether nothing is left to do, and a look at everything found nothing more."""
        if not self._is_over():
            self._over_since = None
            return False
        self._over_since = self._over_since or time.monotonic()
        return time.monotonic() - self._over_since > STABLE_SECONDS

    def _wait_until_settled(self, started: float) -> None:
        """Nobody works any more; wait for what is still under way."""
        while time.monotonic() - started < self.plan.limit_seconds:
            practice = self._practice()
            if not practice["unhandled_events"] and not practice["pending_feedback"]:
                return
            time.sleep(0.5)
        raise DemoFailed("feedback or events were still waiting at the end")

    def _summary(self, seconds: float) -> dict[str, Any]:
        practice = self._practice()
        for row in practice["scores"]:
            errors = TRAINEES.get(row["email"])
            if errors is not None:
                row["planted"] = self._planted(errors, self.kinds[row["kind"]])
        return {
            "seconds": round(seconds, 1),
            "seed": self.plan.seed,
            "labels": self.labelled,
            "production": self._evidence(),
            "practice": practice,
            "clones_exact": practice["clones"] == practice["expected_clones"],
            "plan": asdict(self.plan),
        }

    def _planted(self, errors: ErrorModel, kind: Kind) -> float | None:
        """The agreement that this error model has on average, over all sample messages."""
        metric = discovery.load(agreement, kind.metric)
        rng = np.random.default_rng(self.plan.seed)
        found = []
        for sample in generate(SAMPLES, seed=SAMPLE_SEED):
            true = sample.truth[kind.name]
            for _ in range(PLANTED_DRAWS):
                bent = errors.bend(true, kind, sample.message.text, rng)
                found.append(metric.agreement(true, bent))
        values = [value for value in found if value is not None]
        return float(np.mean(values)) if values else None


def _production_projects(house: House) -> dict[int, str]:
    writer = LabelStudioWriter(house.production.url, house.production.token)
    try:
        return bootstrap.production_projects(writer)
    finally:
        writer.close()


def true_answers() -> dict[str, dict[str, Answer]]:
    """Kind name to message id, or the text of gold, to the true answer of every message."""
    found: dict[str, dict[str, Answer]] = {kind.name: {} for kind in registry.all_kinds()}
    for sample in generate(SAMPLES, seed=SAMPLE_SEED):
        for name, answer in sample.truth.items():
            found[name][sample.message.id] = answer
    for kind in registry.all_kinds():
        if gold.path(kind).exists():
            found[kind.name] |= {item.message.text: item.answers[0] for item in gold.read(kind)}
    return found
