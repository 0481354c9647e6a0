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
    Work waits for ``wait_seconds`` before it begins. Of one event loop.
    """

    def __init__(self, *, wait_seconds: float = 0.0) -> None:
        self._wait_seconds = wait_seconds
        self._to_come: dict[Key, asyncio.Task[None]] = {}
        self._turns: dict[Key, asyncio.Lock] = {}

    def __len__(self) -> int:
        """Of how many keys work is still to begin, or going on."""
        return len(self._turns)

    async def ask(self, key: Key, work: Callable[[], object]) -> None:
        """Have ``work`` done in a thread; raises what it raises, to everybody who asked for it."""
        task = self._to_come.get(key)
        if task is None:
            task = self._to_come[key] = asyncio.create_task(self._work(key, work))
        # One caller who goes away takes the work from nobody else.
        await asyncio.shield(task)

    async def _work(self, key: Key, work: Callable[[], object]) -> None:
        turn = self._turns.setdefault(key, asyncio.Lock())
        try:
            await asyncio.sleep(self._wait_seconds)
            async with turn:
                del self._to_come[key]
                await run_in_threadpool(work)
        finally:
            if key not in self._to_come:
                self._turns.pop(key, None)
