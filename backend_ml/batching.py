"""Requests that wait at the same time are worked on together, in one thread.

Many threads that compute at once only take the interpreter from each other: each
request then waits for all of them. Here the event loop reads and writes, one
thread computes, and what has gathered while it was busy is its next piece of work.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Made = TypeVar("Made")

MOST_ITEMS = 128
"""So many items are worked on together; a longer request waits its turn again for the rest."""


@dataclass
class _Request(Generic[Key, Item, Made]):
    key: Key
    items: Sequence[Item]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[list[Made]]

    def settle(self, result: list[Made] | Exception) -> None:
        if self.answer.done():  # whoever asked has gone
            return
        if isinstance(result, Exception):
            self.answer.set_exception(result)
        else:
            self.answer.set_result(result)


class Batcher(Generic[Key, Item, Made]):
    """One thread that does ``work(key, items)`` for all who ask.

    ``work`` gives one result an item, in order. Requests of one key that wait
    together are one call of it; when that fails, each is tried by itself, so that
    one bad item spoils nobody else's answer.
    """

    def __init__(self, work: Callable[[Key, Sequence[Item]], Sequence[Made]], *, name: str) -> None:
        self._work = work
        self._waiting: deque[_Request[Key, Item, Made]] = deque()
        self._change = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def ask(self, key: Key, items: Sequence[Item]) -> list[Made]:
        """The results for these items; raises what ``work`` raises."""
        made: list[Made] = []
        for first in range(0, len(items), MOST_ITEMS):
            made += await self._ask(key, items[first : first + MOST_ITEMS])
        return made

    async def _ask(self, key: Key, items: Sequence[Item]) -> list[Made]:
        loop = asyncio.get_running_loop()
        request = _Request[Key, Item, Made](key, items, loop, loop.create_future())
        with self._change:
            if self._closed:
                raise RuntimeError("the batcher is closed")
            self._waiting.append(request)
            self._change.notify()
        return await request.answer

    def close(self) -> None:
        """Finish what waits and end the thread."""
        with self._change:
            self._closed = True
            self._change.notify()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._next():
            for request, result in zip(batch, self._results(batch), strict=True):
                try:
                    request.loop.call_soon_threadsafe(request.settle, result)
                except RuntimeError:
                    continue  # the loop of whoever asked has ended

    def _next(self) -> list[_Request[Key, Item, Made]]:
        """The first in line and those of the same key behind it; empty at the end."""
        with self._change:
            while not self._waiting and not self._closed:
                self._change.wait()
            batch: list[_Request[Key, Item, Made]] = []
            size = 0
            while self._waiting:
                first = self._waiting[0]
                if batch and (first.key != batch[0].key or size + len(first.items) > MOST_ITEMS):
                    break
                batch.append(self._waiting.popleft())
                size += len(first.items)
            return batch

    def _results(self, batch: Sequence[_Request[Key, Item, Made]]) -> list[list[Made] | Exception]:
        items = [item for request in batch for item in request.items]
        try:
            made = list(self._work(batch[0].key, items))
        except Exception as error:  # noqa: BLE001 - it goes to whoever asked
            return [error] if len(batch) == 1 else [self._alone(request) for request in batch]
        ends = _ends(batch)
        return [made[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    def _alone(self, request: _Request[Key, Item, Made]) -> list[Made] | Exception:
        try:
            return list(self._work(request.key, request.items))
        except Exception as error:  # noqa: BLE001 - it goes to whoever asked
            return error


def _ends(batch: Sequence[_Request[Any, Any, Any]]) -> list[int]:
    """Where each request's items end among those of all."""
    ends, total = [], 0
    for request in batch:
        total += len(request.items)
        ends.append(total)
    return ends
