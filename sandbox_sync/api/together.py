"""Calls that ask for the same at the same time are answered by one piece of work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from fastapi.concurrency import run_in_threadpool

Key = TypeVar("Key", bound=Hashable)


class Together(Generic[Key]):
    """Work that is done once for everybody who asks before it begins.

    Work that has begun may have looked already: who comes then waits for the next piece.
    So of many who ask at once the first has one piece done and all others share the second.
    Of one event loop.
    """

    def __init__(self) -> None:
        self._to_come: dict[Key, asyncio.Task[bool]] = {}
        self._turns: dict[Key, asyncio.Lock] = {}

    async def ask(self, key: Key, work: Callable[[], bool]) -> bool:
        """Have ``work`` done in a thread; what it says to whoever asked first, False to others.

        Raises what ``work`` raises, to everybody who asked for it.
        """
        task = self._to_come.get(key)
        is_first = task is None
        if task is None:
            task = self._to_come[key] = asyncio.create_task(self._work(key, work))
        # One caller who goes away takes the work from nobody else.
        return await asyncio.shield(task) and is_first

    async def _work(self, key: Key, work: Callable[[], bool]) -> bool:
        turn = self._turns.setdefault(key, asyncio.Lock())
        try:
            async with turn:
                del self._to_come[key]
                return await run_in_threadpool(work)
        finally:
            if key not in self._to_come:
                self._turns.pop(key, None)
