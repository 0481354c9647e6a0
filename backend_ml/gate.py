"""Whether a new version may serve. Decisions only, on paired agreement that is handed in.

Each decision is about the same labels answered by both models, and about none that
either of them has learned.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import stats

from projects.kit.intervals import LEVEL, Estimate

ALPHA = 0.05
"""A difference that chance makes more often than this is noise (one-sided)."""
ENOUGH = 30
"""With fewer held-out labels, another learner is also judged by out-of-fold guesses."""
ENOUGH_AGAIN = 10
"""Fewer newer labels than this do not overrule a rollback."""
ENOUGH_TO_LEAD = 20
"""So many unseen labels show a model ahead of the rules."""
EXACT = 12
"""Up to so many labels that differ, every way to flip their signs is counted."""
DRAWS = 10_000


@dataclass(frozen=True)
class Verdict:
    """Whether a version may serve, and why in a sentence with numbers."""

    promote: bool
    reason: str
    difference: Estimate | None = None
    """Mean paired difference to the champion, in [-1, 1]; larger is better."""


def first(why: str) -> Verdict:
    """Nothing readable serves, so anything is better."""
    return Verdict(promote=True, reason=why)


def refit(new: Sequence[float], champion: Sequence[float], *, name: str) -> Verdict:
    """The champion's own learner with more labels: refused only if worse by more than noise.

    Parameters
    ----------
    new, champion : sequences of the same length
        Agreement with the same held-out labels, in [0, 1].
    name : str
        The champion's, for the sentence.
    """
    differences = paired(new, champion)
    numbers = _numbers(new, champion, name)
    if chance([-one for one in differences]) < ALPHA:
        return Verdict(False, f"Worse than noise explains: {numbers}.", estimate(differences))
    return Verdict(True, f"Not worse than noise explains: {numbers}.", estimate(differences))


def takeover(new: Sequence[float], champion: Sequence[float], *, name: str) -> Verdict:
    """Another learner than the champion's: must be better by more than noise."""
    differences = paired(new, champion)
    numbers = _numbers(new, champion, name)
    if chance(differences) < ALPHA:
        return Verdict(True, f"Better than noise explains: {numbers}.", estimate(differences))
    return Verdict(False, f"Not better than noise explains: {numbers}.", estimate(differences))


def graduation(new: Sequence[float], rules: Sequence[float], *, name: str) -> Verdict:
    """A model instead of the rules: as soon as it is ahead on enough labels it has not seen.

    No more is asked, because the two are not alike: out-of-fold guesses come from fewer
    labels than the model has, and the model goes on learning where rules stay as they are.
    """
    differences = paired(new, rules)
    numbers = _numbers(new, rules, name)
    if len(differences) < ENOUGH_TO_LEAD:
        why = f"Too few unseen labels to take over from rules, {ENOUGH_TO_LEAD} would do"
        return Verdict(False, f"{why}: {numbers}.", estimate(differences))
    ahead = sum(differences) > 0
    how = "Ahead of the rules" if ahead else "Not ahead of the rules"
    return Verdict(ahead, f"{how}: {numbers}.", estimate(differences))


def comeback(new: Sequence[float], champion: Sequence[float], *, name: str) -> Verdict:
    """A new version after a rollback: must be at least as good where the newer ones failed.

    Both sequences are about held-out labels that are newer than the first version
    which the rollback passed over.
    """
    differences = paired(new, champion)
    if len(differences) < ENOUGH_AGAIN:
        why = f"After a rollback to {name}: {len(differences)} newer held-out labels do not tell"
        return Verdict(False, f"{why}; {ENOUGH_AGAIN} would.", estimate(differences))
    numbers = _numbers(new, champion, name)
    promote = sum(differences) >= 0
    how = "at least as good" if promote else "not as good"
    return Verdict(promote, f"After a rollback, {how}: {numbers}.", estimate(differences))


def paired(new: Sequence[float], champion: Sequence[float]) -> list[float]:
    """The differences, label by label."""
    return [one - other for one, other in zip(new, champion, strict=True)]


def chance(differences: Sequence[float], *, seed: int = 0) -> float:
    """How often chance alone gives a mean this large: the sign-flip test, one-sided.

    Without a real difference each label could as well have favoured the other model,
    so every way to flip the signs is equally likely. Exact with up to ``EXACT``
    labels that differ; drawn ``DRAWS`` times beyond.

    Returns
    -------
    float
        In (0, 1]; 1 when no label differs.

    References
    ----------
    Fisher (1935), The Design of Experiments, section 21.
    """
    moved = np.array([one for one in differences if one != 0.0], dtype=np.float64)
    if len(moved) == 0:
        return 1.0
    floor = moved.sum() - 1e-9
    if len(moved) <= EXACT:
        signs = np.array(list(product((-1.0, 1.0), repeat=len(moved))))
        return float((signs @ moved >= floor).mean())
    rng = np.random.default_rng(seed)
    sums = rng.choice((-1.0, 1.0), size=(DRAWS, len(moved))) @ moved
    return float((1 + (sums >= floor).sum()) / (DRAWS + 1))


def estimate(differences: Sequence[float]) -> Estimate | None:
    """The mean difference with its 95% interval (Student's t); ``None`` with fewer than two."""
    n = len(differences)
    if n < 2:
        return None
    array = np.asarray(differences, dtype=np.float64)
    mean = float(array.mean())
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * float(array.std(ddof=1)) / math.sqrt(n)
    return Estimate(mean, max(-1.0, mean - half), min(1.0, mean + half), n)


def _numbers(new: Sequence[float], champion: Sequence[float], name: str) -> str:
    found = estimate(paired(new, champion))
    if found is None:
        return f"{len(new)} unseen labels to compare it with {name} on"
    return (
        f"agreement {np.mean(new):.3f} against {np.mean(champion):.3f} of {name} on {found.n} "
        f"unseen labels, difference {found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
    )
