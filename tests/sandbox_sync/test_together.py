"""Of many who ask at once each waits for work that began after they asked, and it is done twice."""

from __future__ import annotations

import asyncio
import threading

import pytest

from sandbox_sync.api.together import Together

PATIENCE_SECONDS = 30.0


class Work:
    """Counts, and goes on when it is let go."""

    def __init__(self) -> None:
        self.begun = 0
        self.has_begun = threading.Event()
        self.may_end = threading.Event()

    def __call__(self) -> None:
        self.begun += 1
        self.has_begun.set()
        if not self.may_end.wait(PATIENCE_SECONDS):
            raise TimeoutError

    async def begins(self) -> None:
        assert await asyncio.to_thread(self.has_begun.wait, PATIENCE_SECONDS)


def test_who_comes_while_it_is_done_shares_the_next() -> None:
    async def everybody() -> None:
        together, work = Together[str](), Work()
        first = asyncio.create_task(together.ask("one", work))
        await work.begins()
        others = [asyncio.create_task(together.ask("one", work)) for _ in range(31)]
        await asyncio.sleep(0)
        work.may_end.set()
        await asyncio.gather(first, *others)
        assert work.begun == 2
        assert len(together) == 0
        await together.ask("one", work)
        assert work.begun == 3

    asyncio.run(everybody())


def test_nobody_waits_for_another_key() -> None:
    async def two() -> None:
        together, slow, quick = Together[str](), Work(), Work()
        quick.may_end.set()
        waiting = asyncio.create_task(together.ask("slow", slow))
        await slow.begins()
        await together.ask("quick", quick)
        assert (quick.begun, waiting.done(), len(together)) == (1, False, 1)
        slow.may_end.set()
        await waiting

    asyncio.run(two())


def test_what_fails_fails_for_everybody_who_shared_it_and_for_nobody_else() -> None:
    def fails() -> None:
        raise ValueError("locked")

    async def some() -> None:
        together = Together[str]()
        asked = [together.ask("one", fails) for _ in range(3)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(one) for one in found] == [ValueError] * 3
        good = Work()
        good.may_end.set()
        await together.ask("one", good)
        assert good.begun == 1

    asyncio.run(some())


def test_one_who_goes_away_takes_the_work_from_nobody() -> None:
    async def two() -> None:
        together, work = Together[str](), Work()
        gone = asyncio.create_task(together.ask("one", work))
        stays = asyncio.create_task(together.ask("one", work))
        await work.begins()
        gone.cancel()
        work.may_end.set()
        await stays
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert work.begun == 1

    asyncio.run(two())
