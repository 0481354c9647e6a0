"""Whether response times tell of a reference: two worlds, asked in turn, and the ratio.

``python -m tests.sealed.timing`` prints a table. It is no test: times depend on the machine.
The ratio is of medians, with a 95% bootstrap interval; two worlds without any reference,
asked in the same way, show what the measure itself is worth.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from tests.sandbox_sync.house import ADA, BEN
from tests.sealed.house import Sealed, sealed_house
from tests.sealed.work import questions
from tests.sealed.world import GOLDEN, TEXTS

ROUNDS = 300
DRAWS = 2000
Times = np.ndarray[Any, np.dtype[np.float64]]


def main() -> None:
    """Measure and print."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    rng = np.random.default_rng(0)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="understudy-")))
        worlds = [stack.enter_context(sealed_house(folder / str(n))) for n in range(3)]
        for sealed in worlds:
            sealed.practise(BEN, GOLDEN)
        worlds[2].commit()
        for sealed in worlds:
            sealed.house.reconcile(passes=2)
        text = min(set.intersection(*(set(sealed.copies(ADA)) for sealed in worlds)) & set(TEXTS))
        print("| asked | median without | with / without | without / without |\n|---|---|---|---|")
        for name in questions(worlds[0], text):
            plain, other, known = measure(worlds, text, name, rng)
            ratios = [ratio(times, plain, rng) for times in (known, other)]
            print(f"| {name} | {np.median(plain) * 1000:.1f} ms | {ratios[0]} | {ratios[1]} |")


def measure(
    worlds: Sequence[Sealed], text: str, name: str, rng: np.random.Generator
) -> tuple[Times, Times, Times]:
    """Seconds of each answer by world; in every round all are asked, in another order."""
    asks: list[Callable[[], Any]] = []
    for sealed in worlds:
        sealed.sign_in(ADA)
        asks.append(questions(sealed, text)[name])
    times = np.zeros((len(worlds), ROUNDS))
    for turn in range(-5, ROUNDS):  # the first five are not counted
        for number in rng.permutation(len(worlds)):
            begun = time.perf_counter()
            asks[number]()
            times[number, turn] = time.perf_counter() - begun
            worlds[number].house.acceptor.waiting.clear()
    return times[0], times[1], times[2]


def ratio(times: Times, base: Times, rng: np.random.Generator) -> str:
    """Of the medians, with its interval; rounds are drawn, both worlds of a round together."""
    drawn = rng.integers(0, ROUNDS, size=(DRAWS, ROUNDS))
    ratios = np.median(times[drawn], axis=1) / np.median(base[drawn], axis=1)
    low, high = np.quantile(ratios, (0.025, 0.975))
    return f"{np.median(times) / np.median(base):.3f} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    main()
