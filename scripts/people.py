"""Simulated people: ordinary Label Studio users who work through its own API.

They sign up with the invite link, ask for the next task as the page does, and
submit what they believe is right. What they believe is the truth of the sample
message, bent by their own error model.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx
import numpy as np

from projects.kinds.base import Kind
from projects.vocabulary import Answer, Json, Mark, as_answer
from scripts.label_studio import invite_link, sign_up

SECONDS_PER_TASK = (3.0, 20.0)
"""What they say they took (``lead_time``); in fact they are faster."""
PAUSE_SECONDS = (0.1, 0.4)
"""Between two tasks. Without any, three people keep SQLite locked as thirty would."""
TRIES = 4
TRY_AGAIN_SECONDS = 2.0


@dataclass(frozen=True)
class ErrorModel:
    """How somebody goes wrong; each number is a probability.

    ``wrong_choice``: another label than the right one. ``missed``, ``boundary``,
    ``wrong_label``: per true span. ``spurious``: one extra span per message.
    """

    wrong_choice: float = 0.0
    missed: float = 0.0
    boundary: float = 0.0
    wrong_label: float = 0.0
    spurious: float = 0.0

    def bend(self, truth: Answer, kind: Kind, text: str, rng: np.random.Generator) -> Answer:
        """The answer this person would give where ``truth`` is right."""
        if kind.form == "choice":
            return as_answer([self._choose(mark, kind, rng) for mark in truth])
        marks = [bent for mark in truth if (bent := self._see(mark, kind, text, rng)) is not None]
        if rng.random() < self.spurious and (extra := _any_word(kind, text, rng)) is not None:
            marks.append(extra)
        return as_answer(marks)

    def _choose(self, mark: Mark, kind: Kind, rng: np.random.Generator) -> Mark:
        if rng.random() >= self.wrong_choice:
            return mark
        return Mark(mark.control, _another(mark.label, kind, rng))

    def _see(self, mark: Mark, kind: Kind, text: str, rng: np.random.Generator) -> Mark | None:
        if rng.random() < self.missed:
            return None
        label = mark.label
        if rng.random() < self.wrong_label:
            label = _another(label, kind, rng)
        start, end = mark.start or 0, mark.end or 0
        if rng.random() < self.boundary:
            start, end = _other_boundary(text, start, end)
        return Mark(mark.control, label, start, end)


def _another(label: str, kind: Kind, rng: np.random.Generator) -> str:
    others = [other for other in kind.labels if other != label]
    return str(rng.choice(others))


def _other_boundary(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without its first word, or with the character after it."""
    space = text.find(" ", start, end)
    if space > 0:
        return space + 1, end
    return start, min(end + 1, len(text))


def _any_word(kind: Kind, text: str, rng: np.random.Generator) -> Mark | None:
    words = text.split()
    if not words:
        return None
    word = str(rng.choice(words))
    start = text.index(word)
    return Mark(kind.control, str(rng.choice(kind.labels)), start, start + len(word))


@dataclass
class Person:
    """Somebody with an account, who works on projects of one Label Studio."""

    url: str
    email: str
    token: str
    errors: ErrorModel
    truth: Mapping[str, Mapping[str, Answer]]
    """Kind name to text, or else message id, to the true answer; it never leaves this process."""
    rng: np.random.Generator
    _failed: bool = False
    _http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Token {self.token}"},
            timeout=60,
            trust_env=False,
        )

    def projects(self) -> dict[str, int]:
        """Project id by title, as this person's project list shows them."""
        answer = self._http.get("/api/projects/", params={"page_size": 1000})
        answer.raise_for_status()
        return {row["title"]: int(row["id"]) for row in answer.json()["results"]}

    def work_one(self, project: int, kind: Kind) -> bool:
        """Take the next task of the queue and submit an answer; False when there is none."""
        time.sleep(float(self.rng.uniform(*PAUSE_SECONDS)))
        answer = self._patiently(lambda: self._http.get(f"/api/projects/{project}/next"))
        if answer.status_code == httpx.codes.NOT_FOUND:
            return False
        task = answer.raise_for_status().json()
        believed = self._believe(task["data"], kind)
        submission = self._submission(task, believed, kind)
        sent = self._patiently(lambda: self._submit(task["id"], project, submission))
        if sent.status_code != httpx.codes.NOT_FOUND:  # taken away meanwhile: on to the next
            sent.raise_for_status()
        return True

    def _submit(self, task: int, project: int, submission: Json) -> httpx.Response:
        """Press Submit, unless the page shows that it was stored in spite of an error."""
        if self._failed:
            seen = self._http.get(f"/api/tasks/{task}/")
            if seen.is_success and seen.json()["annotations"]:
                return seen
        path = f"/api/tasks/{task}/annotations/"
        return self._http.post(path, params={"project": project}, json=submission)

    def _patiently(self, ask: Callable[[], httpx.Response]) -> httpx.Response:
        """Do as a person does whose page says "something went wrong": wait, and try again."""
        self._failed = False
        for _ in range(TRIES - 1):
            answer = ask()
            if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                return answer
            self._failed = True
            time.sleep(TRY_AGAIN_SECONDS)
        return ask()

    def close(self) -> None:
        """Leave."""
        self._http.close()

    def _believe(self, data: Json, kind: Kind) -> Answer:
        known = self.truth[kind.name]
        truth = known.get(kind.text(data))
        truth = known[str(data["message_id"])] if truth is None else truth
        return self.errors.bend(truth, kind, kind.text(data), self.rng)

    def _submission(self, task: Json, believed: Answer, kind: Kind) -> Json:
        low, high = SECONDS_PER_TASK
        shown = task.get("predictions") or []
        return {
            "result": kind.write(believed, task["data"]),
            "lead_time": round(float(self.rng.uniform(low, high)), 2),
            "parent_prediction": shown[0]["id"] if shown else None,
        }


def join(
    url: str,
    admin_token: str,
    *,
    email: str,
    password: str,
    errors: ErrorModel,
    truth: Mapping[str, Mapping[str, Answer]],
    seed: int,
) -> Person:
    """Sign somebody up through the invite link (or in, when they have an account)."""
    token = sign_up(invite_link(url, admin_token), email=email, password=password)
    return Person(url, email, token, errors, truth, np.random.default_rng(seed))
