"""People at work, at random: a production worker, and trainees on their copies."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from projects.kinds import registry
from projects.kinds.base import Kind
from projects.vocabulary import Answer, Json, Mark, Prediction, Task, as_answer
from tests.faults.world import World

WORDS = ("lunch", "Friday", "table", "for", "two", "at", "seven", "near", "the", "station")
VERSION = "v1"


@dataclass
class People:
    """What they do is drawn by ``chance``; what they did is remembered."""

    world: World
    chance: random.Random
    published: dict[str, list[int]] = field(default_factory=dict)
    said: dict[int, list[Answer]] = field(default_factory=dict)
    """Every answer that a sandbox annotation ever said, by annotation."""
    counted: dict[str, int] = field(default_factory=dict)

    def act(self, times: int) -> None:
        """So many actions; some do nothing for want of a task."""
        acts: Sequence[tuple[int, Callable[[], bool]]] = (
            (3, self.publish),
            (6, self.answer),
            (2, self.correct),
            (1, self.retract),
            (8, self.practise),
            (1, self.skip),
            (2, self.change_mind),
        )
        weights = [weight for weight, _ in acts]
        for _ in range(times):
            (chosen,) = self.chance.choices([act for _, act in acts], weights)
            if chosen():
                name = chosen.__name__
                self.counted[name] = self.counted.get(name, 0) + 1

    def publish(self) -> bool:
        """One or two new tasks, with suggestions."""
        kind = registry.load(self.chance.choice(sorted(self.world.projects)))
        project = self.world.projects[kind.name]
        rows = [self._row() for _ in range(self.chance.randint(1, 2))]
        writer = self.world.production.writer()
        ids = writer.import_tasks(project, rows)
        writer.push_predictions(
            project,
            [
                Prediction(number, VERSION, 0.4, tuple(kind.write(self._any(kind, row), row)))
                for number, row in zip(ids, (row["data"] for row in rows), strict=True)
            ],
        )
        writer.update_project(project, model_version=VERSION)
        self.published.setdefault(kind.name, []).extend(ids)
        return True

    def answer(self) -> bool:
        """Production answers a task."""
        return self._answer(has_answer=False)

    def correct(self) -> bool:
        """Production changes an answer."""
        found = self._production_task(has_answer=True)
        if found is None:
            return False
        kind, task = found
        body = {"result": self._result(kind, task)}
        annotation = self.chance.choice(task.annotations)
        path = f"/api/annotations/{annotation.id}/"
        self.world.production.writer().request("PATCH", path, json_body=body)
        return True

    def retract(self) -> bool:
        """Production deletes an answer."""
        found = self._production_task(has_answer=True)
        if found is None:
            return False
        annotation = self.chance.choice(found[1].annotations)
        path = f"/api/annotations/{annotation.id}/"
        self.world.production.writer().request("DELETE", path)
        return True

    def practise(self) -> bool:
        """A trainee answers a copy."""
        return self._practise(was_cancelled=False)

    def skip(self) -> bool:
        """A trainee puts a copy aside."""
        return self._practise(was_cancelled=True)

    def change_mind(self) -> bool:
        """A trainee changes an answer; the first one counts."""
        email, tasks = self._copies()
        own = [(kind, task) for kind, task in tasks if task.annotations]
        if not own:
            return False
        kind, task = self.chance.choice(own)
        annotation = task.annotations[0]
        if annotation.was_cancelled:
            return False
        regions = self._result(kind, task)
        seconds = (annotation.lead_time_seconds or 0) + self.chance.randint(1, 20)
        body = {"result": regions, "lead_time": seconds}
        self.said.setdefault(annotation.id, []).append(kind.read(regions, task.data))
        self.world.sandbox.writer(email).request(
            "PATCH", f"/api/annotations/{annotation.id}/", json_body=body
        )
        return True

    def _answer(self, *, has_answer: bool) -> bool:
        found = self._production_task(has_answer=has_answer)
        if found is None:
            return False
        kind, task = found
        self.world.production.writer().create_annotation(task.id, self._result(kind, task))
        return True

    def _practise(self, *, was_cancelled: bool) -> bool:
        email, tasks = self._copies()
        free = [(kind, task) for kind, task in tasks if not task.annotations]
        if not free:
            return False
        kind, task = self.chance.choice(free)
        regions = self._result(kind, task)
        made = self.world.sandbox.writer(email).create_annotation(
            task.id, regions, was_cancelled=was_cancelled, lead_time=self.chance.randint(1, 90)
        )
        self.said.setdefault(made.id, []).append(kind.read(regions, task.data))
        return True

    def _production_task(self, *, has_answer: bool) -> tuple[Kind, Task] | None:
        name = self.chance.choice(sorted(self.world.projects))
        writer = self.world.production.writer()
        tasks = writer.tasks(self.world.projects[name])
        fitting = [task for task in tasks if bool(task.annotations) == has_answer]
        return (registry.load(name), self.chance.choice(fitting)) if fitting else None

    def _copies(self) -> tuple[str, list[tuple[Kind, Task]]]:
        """One trainee, and the copies that are theirs."""
        email = self.chance.choice(sorted(self.world.sandbox.tokens))
        writer = self.world.sandbox.writer()
        found: list[tuple[Kind, Task]] = []
        for project in writer.projects():
            if email not in project.title:
                continue
            title = project.title
            kind = next(
                k for n in self.world.projects if title.startswith((k := registry.load(n)).title)
            )
            found += [(kind, task) for task in writer.tasks(project.id)]
        return email, found

    def _row(self) -> Json:
        text = " ".join(self.chance.choices(WORDS, k=8)) + f" {self.chance.randint(0, 10**9)}"
        return {"data": {"text": text, "heading": "", "context": "", "subject": "Lunch"}}

    def _result(self, kind: Kind, task: Task) -> list[Json]:
        return list(kind.write(self._any(kind, task.data), task.data))

    def _any(self, kind: Kind, data: Json) -> Answer:
        if kind.name == "intent":
            return as_answer([Mark("intent", self.chance.choice(kind.labels))])
        text, marks = str(data["text"]), []
        for _ in range(self.chance.randint(0, 2)):
            start = self.chance.randrange(0, len(text) - 6)
            end = start + self.chance.randint(2, 6)
            marks.append(Mark("details", self.chance.choice(kind.labels), start, end))
        return as_answer(marks)
