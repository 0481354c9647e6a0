"""What a trainee may ask while an item is open, and what the answer costs us: SQL and requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from tests.sandbox_sync.house import ADA, SANDBOX_SECRET
from tests.sandbox_sync.test_pages import HTML
from tests.sealed.house import Sealed

Work = list[str]
"""Statements and requests, in their order."""


@contextmanager
def watching(sealed: Sealed) -> Iterator[Work]:
    """Every statement of SQL and every request to either Label Studio, until the block ends."""
    found: Work = []
    studios = {"production": sealed.house.production, "sandbox": sealed.house.sandbox}
    before = {name: len(studio.requests) for name, studio in studios.items()}

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.append(" ".join(statement.split()))

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
        for name, studio in studios.items():
            found += [f"{name}: {' '.join(one[:2])}" for one in studio.requests[before[name] :]]


def questions(sealed: Sealed, text: str) -> dict[str, Callable[[], Any]]:
    """What the curious trainee, who is signed in, may ask about an item that they have open."""
    client = sealed.house.client
    task = sealed.copies(ADA)[text]

    headers = {"X-Understudy-Secret": SANDBOX_SECRET}

    def removed(number: int) -> Any:
        body = {"action": "TASKS_DELETED", "tasks": [{"id": task}, {"id": number}]}
        return client.post("/webhooks/sandbox", json=body, headers=headers)

    def answered() -> Any:
        path = f"/webhooks/sandbox/{sealed.house.sandbox.store.tasks[task].project}"
        return client.post(path, json={"action": "ANNOTATION_CREATED"}, headers=headers)

    counted = iter(range(10**6, 10**9))
    return {
        "own list": lambda: client.get("/", headers=HTML),
        "own settings": lambda: client.get("/settings", headers=HTML),
        "a guessed comparison": lambda: client.get("/feedback/1", headers=HTML),
        "a guessed appeal": lambda: client.post("/feedback/2/appeal", data={"revision": "1"}),
        "health": lambda: client.get("/health"),
        "a removal": lambda: removed(next(counted)),
        "an answer": answered,
    }
