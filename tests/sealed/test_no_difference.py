"""Three worlds that differ only in what production answered: a trainee sees the same in all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from tests.sandbox_sync.house import (
    ADA,
    ADMIN,
    BEN,
    DETAILS,
    INTENT,
    METRICS_KEY,
    OPERATOR,
    House,
    choice,
    running_house,
    spans,
)
from tests.sandbox_sync.test_pages import HTML, PASSWORD, LoginForm

MARKER = "marker-of-production-7f3a"
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?")
NUMBERS = range(1, 9)
"""Comparisons, gold and appeals are numbered from one."""


@contextmanager
def a_house(folder: Path, answers: int | None, *, before: bool) -> Iterator[House]:
    """Both kinds with three tasks each; production says the label of this position, or nothing."""
    login = LoginForm()
    with running_house(folder, sign_in=httpx.MockTransport(login)) as house:
        login.ids.update({u.email: u.id for u in house.sandbox.store.users.values()})
        tasks = house.publish("intent", ["First", "Second", "Third"])
        others = house.publish("details", ["Lunch at one", "Lunch at two", "Lunch at three"])
        if not before:
            house.reconcile()
        if answers is not None:
            for task in tasks:
                house.answer("intent", task, choice(INTENT.labels[answers]))
            for task in others:
                house.answer("details", task, spans((DETAILS.labels[answers], 0, 5)))
            for row in house.production.store.annotations.values():
                for region in row.result:
                    region["id"] = MARKER
        house.reconcile(passes=3)
        yield house


def everything(house: House) -> dict[str, str]:
    """All that a trainee can read: the whole sandbox, and every address of ours."""
    store = house.sandbox.store
    found = {
        "projects": _plain([row.fields for row in store.projects.values()]),
        "tasks": _plain([[t.id, t.project, t.data, t.meta] for t in store.tasks.values()]),
        "predictions": _plain([[p.task, p.result, p.score] for p in store.predictions.values()]),
        "hooks": _plain([[h.url, h.headers, h.actions] for h in store.webhooks.values()]),
    }
    for who in ("", ADA, BEN):
        client = _signed_in(house, who)
        for path in addresses(house):
            answer = client.get(path)
            found[f"{who} {path}"] = f"{answer.status_code} {answer.text}"
    return {name: MOMENT.sub("then", text) for name, text in found.items()}


def addresses(house: House) -> list[str]:
    """Every GET of the app, with many numbers and names in the place of its parameters."""
    paths = {path for path in _gets(house.client.app) if path}
    found: list[str] = []
    for path in sorted(paths):
        names = NUMBERS if "{" in path else (0,)
        found += [re.sub(r"\{[^}]+\}", str(number), path) for number in names]
    return found


def _gets(router: Any) -> Iterator[str]:
    """Paths of all GETs, those of included routers too."""
    for route in router.routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _gets(inner)
        elif "GET" in (getattr(route, "methods", None) or ()):
            yield route.path


def _signed_in(house: House, who: str) -> TestClient:
    house.client.cookies.clear()
    if who:
        form = {"email": who, "password": PASSWORD}
        assert house.client.post("/sign-in", data=form, headers=HTML).status_code == 200
    return house.client


def _plain(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


@pytest.mark.parametrize("before", [True, False], ids=["before the copies", "after them"])
def test_what_a_trainee_can_read_does_not_depend_on_productions_answer(
    tmp_path: Path, *, before: bool
) -> None:
    seen = []
    for number, answers in enumerate((None, 0, 1)):
        with a_house(tmp_path / str(number), answers, before=before) as house:
            seen.append(everything(house))
    assert len(seen[0]) > 60
    assert any(name.startswith(f"{ADA} /feedback/") for name in seen[0])
    for other in seen[1:]:
        assert {name for name in seen[0] if seen[0][name] != other.get(name)} == set()
        assert other.keys() == seen[0].keys()
    assert MARKER not in str(seen)


def test_after_the_submission_there_is_a_difference(tmp_path: Path) -> None:
    """The measure can fail: what it compares does change when it may."""
    seen = []
    for number, answers in enumerate((0, 1)):
        with a_house(tmp_path / str(number), answers, before=False) as house:
            task = min(house.production.store.tasks)
            house.practise(ADA, "intent", task, choice(INTENT.labels[0]))
            house.reconcile()
            seen.append(everything(house))
    changed = {name for name in seen[0] if seen[0][name] != seen[1].get(name)}
    assert any(name.startswith(f"{ADA} ") for name in changed)
    assert not any(name.startswith((f"{BEN} ", " ")) for name in changed)


def test_counts_are_for_operators(tmp_path: Path) -> None:
    """Whoever asks from this machine may be Label Studio, on behalf of a trainee."""
    near = {"x-forwarded-for": ""}
    with a_house(tmp_path, 0, before=False) as house:
        for path in ("/metrics", "/health"):
            house.client.cookies.clear()
            assert "events" in house.client.get(path, headers=OPERATOR).text
            for headers in ({}, near, {"host": "127.0.0.1:9091"}):
                assert "events" not in house.client.get(path, headers=headers).text
            assert "events" not in _signed_in(house, ADA).get(path).text
            assert "events" in _signed_in(house, ADMIN).get(path).text


def test_only_the_metrics_key_opens_the_counts(tmp_path: Path) -> None:
    with running_house(tmp_path) as house:
        for key, status in ((METRICS_KEY, 200), ("another", 403), ("", 403)):
            headers = {"authorization": f"Bearer {key}"}
            assert house.client.get("/metrics", headers=headers).status_code == status
    with running_house(tmp_path, metrics_key=None) as house:
        for headers in ({}, {"authorization": "Bearer "}, {"authorization": "Bearer None"}):
            assert house.client.get("/metrics", headers=headers).status_code == 403
