from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence

import pytest

from backend_ml.batching import MOST_ITEMS, Batcher


class Worker:
    """Doubles numbers, and remembers in which calls; it waits until it may begin."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[int]]] = []
        self.may_begin = threading.Event()

    def work(self, key: str, items: Sequence[int]) -> list[int]:
        self.may_begin.wait(5)
        self.calls.append((key, list(items)))
        if 13 in items:
            raise ValueError("unlucky")
        return [2 * item for item in items]


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def line(worker: Worker) -> Iterator[Batcher[str, int, int]]:
    made = Batcher(worker.work, name="line")
    yield made
    worker.may_begin.set()
    made.close()


async def together(
    line: Batcher[str, int, int], worker: Worker, *asked: tuple[str, list[int]]
) -> list[list[int] | BaseException]:
    """Ask for the first, and for the others while it is worked on."""
    tasks = [asyncio.create_task(line.ask(key, items)) for key, items in asked]
    await asyncio.sleep(0.05)
    worker.may_begin.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


def test_what_waits_together_is_one_call(line: Batcher[str, int, int], worker: Worker) -> None:
    answers = asyncio.run(
        together(line, worker, ("a", [1]), ("a", [2, 3]), ("a", [4]), ("b", [5]), ("a", [6]))
    )
    assert answers == [[2], [4, 6], [8], [10], [12]]
    # The first call began before the others came; the last "a" waits behind "b".
    assert worker.calls[-2:] == [("b", [5]), ("a", [6])]
    assert [item for key, items in worker.calls[:-2] for item in items] == [1, 2, 3, 4]
    assert len(worker.calls) <= 4


def test_a_failure_reaches_only_who_caused_it(line: Batcher[str, int, int], worker: Worker) -> None:
    answers = asyncio.run(together(line, worker, ("a", [1]), ("a", [13]), ("a", [3])))
    assert answers[0] == [2]
    assert isinstance(answers[1], ValueError)
    assert answers[2] == [6]


def test_a_long_request_takes_several_turns(line: Batcher[str, int, int], worker: Worker) -> None:
    items = list(range(1000, 1000 + 2 * MOST_ITEMS + 1))
    [answer] = asyncio.run(together(line, worker, ("a", items)))
    assert answer == [2 * item for item in items]
    assert [len(part) for _, part in worker.calls] == [MOST_ITEMS, MOST_ITEMS, 1]


def test_no_items_need_no_call(line: Batcher[str, int, int], worker: Worker) -> None:
    assert asyncio.run(line.ask("a", [])) == []
    assert worker.calls == []


def test_a_closed_line_says_so(worker: Worker) -> None:
    worker.may_begin.set()
    line = Batcher(worker.work, name="line")
    line.close()
    with pytest.raises(RuntimeError, match="closed"):
        asyncio.run(line.ask("a", [1]))
