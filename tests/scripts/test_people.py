"""Simulated people go wrong as often as planted, and in the planted way."""

from __future__ import annotations

import httpx
import numpy as np
import pytest

from projects.kinds import registry
from projects.vocabulary import Mark, as_answer
from scripts.people import ErrorModel, Person

TEXT = "Could Maria Silva meet on Friday at 10:30 in the small office?"
SPANS = as_answer(
    [
        Mark("details", "Person", 6, 17),
        Mark("details", "Date", 26, 32),
        Mark("details", "Time", 36, 41),
    ]
)
CHOICE = as_answer([Mark("intent", "Decline")])


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_no_errors_is_the_truth() -> None:
    none = ErrorModel()
    assert none.bend(SPANS, registry.load("details"), TEXT, rng()) == SPANS
    assert none.bend(CHOICE, registry.load("intent"), TEXT, rng()) == CHOICE


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_wrong_choices_come_as_often_as_planted(share: float) -> None:
    kind, generator = registry.load("intent"), rng()
    model = ErrorModel(wrong_choice=share)
    wrong = sum(model.bend(CHOICE, kind, TEXT, generator) != CHOICE for _ in range(2000))
    # Four standard deviations of a binomial with 2,000 draws.
    assert abs(wrong / 2000 - share) < 4 * (share * (1 - share) / 2000) ** 0.5


def test_each_kind_of_span_error_is_made() -> None:
    kind = registry.load("details")
    assert ErrorModel(missed=1.0).bend(SPANS, kind, TEXT, rng()) == ()
    moved = ErrorModel(boundary=1.0).bend(SPANS, kind, TEXT, rng())
    assert [m.label for m in moved] == [m.label for m in SPANS]
    assert all((a.start, a.end) != (b.start, b.end) for a, b in zip(moved, SPANS, strict=True))
    renamed = ErrorModel(wrong_label=1.0).bend(SPANS, kind, TEXT, rng())
    assert [(m.start, m.end) for m in renamed] == [(m.start, m.end) for m in SPANS]
    assert all(a.label != b.label for a, b in zip(renamed, SPANS, strict=True))
    assert len(ErrorModel(spurious=1.0).bend(SPANS, kind, TEXT, rng())) == len(SPANS) + 1


def test_bent_spans_stay_inside_the_text() -> None:
    kind, generator = registry.load("details"), rng()
    model = ErrorModel(missed=0.2, boundary=0.5, wrong_label=0.3, spurious=0.5)
    for _ in range(300):
        for mark in model.bend(SPANS, kind, TEXT, generator):
            assert mark.start is not None
            assert mark.end is not None
            assert 0 <= mark.start < mark.end <= len(TEXT)


class Desk:
    """A Label Studio whose first answer to a submission is an error."""

    def __init__(self, *, stored_anyway: bool) -> None:
        self.stored_anyway = stored_anyway
        self.posts = 0
        self.annotations: list[object] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            self.posts += 1
            if self.posts > 1 or self.stored_anyway:
                self.annotations.append(request.content.decode())
            return httpx.Response(201 if self.posts > 1 else 500, json={})
        if request.url.path.endswith("/next"):
            data = {"message_id": "m", "text": TEXT}
            return httpx.Response(200, json={"id": 1, "data": data, "predictions": []})
        return httpx.Response(200, json={"annotations": self.annotations})


@pytest.mark.parametrize(("stored_anyway", "posts"), [(False, 2), (True, 1)])
def test_an_error_page_is_no_end_and_no_double(
    monkeypatch: pytest.MonkeyPatch, *, stored_anyway: bool, posts: int
) -> None:
    monkeypatch.setattr("scripts.people.time.sleep", lambda _: None)
    desk = Desk(stored_anyway=stored_anyway)
    person = Person("http://x.test", "a@b.c", "t", ErrorModel(), {"intent": {"m": CHOICE}}, rng())
    person._http = httpx.Client(base_url=person.url, transport=httpx.MockTransport(desk.answer))
    assert person.work_one(7, registry.load("intent"))
    assert desk.posts == posts
    assert len(desk.annotations) == 1
    person.close()
