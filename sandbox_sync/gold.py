"""Whether a gold key can be trusted, and which answers become one. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from projects.kit import intervals
from projects.kit.intervals import Estimate
from projects.vocabulary import Answer
from sandbox_sync.deriving import Committed, Same, grouped, newest_of_each

FAILS_BELOW = 0.5
"""An answer that agrees less than this with every acceptable one fails the item."""
SUSPICIOUS_ABOVE = 0.25
"""When the share of good people who fail is above this at its lower bound."""
RETIRE_ABOVE = 0.5
FEWEST = 3
"""Below this many good people nothing is said about an item."""


@dataclass(frozen=True)
class Try:
    """A good person's answer to a gold item."""

    agreement: float | None
    """With the closest acceptable answer; ``None`` when neither says anything."""
    answer: Answer

    @property
    def fails(self) -> bool:
        return self.agreement is not None and self.agreement < FAILS_BELOW


@dataclass(frozen=True)
class Health:
    """How good people fare with a gold item."""

    failing: Estimate | None
    is_suspicious: bool
    should_retire: bool
    instead: Answer | None
    """What most of those who fail said instead."""
    instead_count: int


def health(tries: Sequence[Try]) -> Health:
    """Whether good people fail an item more often than a right key would let them.

    Returns
    -------
    Health
        ``failing`` is the share of ``tries`` that fail, with its Wilson interval. The item
        is suspicious when the lower bound is above ``SUSPICIOUS_ABOVE``, and should be
        retired or repaired when it is above ``RETIRE_ABOVE``; never with fewer than
        ``FEWEST`` tries.
    """
    failed = [one.answer for one in tries if one.fails]
    failing = intervals.proportion(len(failed), len(tries))
    low = failing.low if failing is not None and failing.n >= FEWEST else 0.0
    instead, count = Counter(failed).most_common(1)[0] if failed else (None, 0)
    return Health(failing, low > SUSPICIOUS_ABOVE, low > RETIRE_ABOVE, instead, count)


def is_good(agreements: Sequence[float], *, above: float, seed: int = 0) -> bool:
    """Whether somebody's agreement is above a bound with confidence, not only by luck."""
    found = intervals.mean(agreements, seed=seed)
    return found is not None and found.low > above


def good_workers(
    tasks: Iterable[Sequence[Committed]],
    said: dict[int, bool],
    *,
    same: Same,
    above: float,
) -> set[int]:
    """Who a trainer calls good, and who agrees with what the others agree on.

    For each task that others have a consensus about (more of them said it than anything
    else), a worker agrees or not; good is who does so with a lower bound above ``above``.
    What a trainer said goes first, either way.
    """
    agreed: dict[int, list[float]] = {}
    for answers in tasks:
        newest = newest_of_each(answers)
        for one in newest:
            others = grouped([o for o in newest if o.voter != one.voter], same)
            is_tie = len(others) > 1 and len(others[0]) == len(others[1])
            if others and not is_tie:
                agreed.setdefault(one.voter, []).append(
                    float(same(others[0][0].answer, one.answer))
                )
    good = {voter for voter, values in agreed.items() if is_good(values, above=above)}
    return (good | {who for who, yes in said.items() if yes}) - {
        who for who, yes in said.items() if not yes
    }


def promoted(
    answers: Sequence[Committed], good: Collection[int], *, least: int, same: Same
) -> Committed | None:
    """The answer that ``least`` good workers gave, and no good worker disagrees with."""
    newest = [one for one in newest_of_each(answers) if one.voter in good]
    groups = grouped(newest, same)
    if least < 1 or len(groups) != 1 or len(groups[0]) < least:
        return None
    return groups[0][-1]


def reference_error(disagreeing: int, pairs: int, *, labels: int = 0) -> Estimate | None:
    """How often one worker's answer is wrong, from tasks that two have answered.

    Two workers who are wrong equally often, and independently, say the same when both
    are right, or both are wrong in the same way: ``a = (1 - e)^2 + e^2 / (labels - 1)``,
    where wrong answers to a choice of ``labels`` are equally likely. Without ``labels``
    wrong answers never coincide. ``e`` is the smaller root.

    Parameters
    ----------
    disagreeing, pairs : int
        How many of how many doubly annotated tasks have two different answers.
    labels : int
        Labels of a single choice, at least 2; 0 for anything else.

    Returns
    -------
    Estimate or None
        ``e`` in [0, 1] with the ends of the Wilson interval of the disagreement put
        through the same formula; ``None`` without pairs.

    References
    ----------
    Dawid & Skene (1979), Applied Statistics 28, with one error rate for all.
    """
    seen = intervals.proportion(disagreeing, pairs)
    if seen is None:
        return None
    value, low, high = (_error(d, labels) for d in (seen.value, seen.low, seen.high))
    return Estimate(value, low, high, pairs)


def _error(disagreement: float, labels: int) -> float:
    """``(1 + r) e^2 - 2 e + d = 0`` with ``r = 1 / (labels - 1)``."""
    repeat = 1 / (labels - 1) if labels >= 2 else 0.0
    inside = max(0.0, 1 - (1 + repeat) * disagreement)
    return (1 - math.sqrt(inside)) / (1 + repeat)
