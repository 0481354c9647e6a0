"""What every agreement metric offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from projects.vocabulary import Answer, Mark

DifferenceKind = Literal["same", "missed", "spurious", "boundary", "wrong label"]


@dataclass(frozen=True)
class Difference:
    """One mark of the reference and the mark of the candidate that was matched to it.

    ``reference`` is ``None`` for a spurious mark, ``candidate`` for a missed one.
    """

    kind: DifferenceKind
    reference: Mark | None
    candidate: Mark | None


class Metric(Protocol):
    """A file of this package: two functions."""

    def agreement(self, reference: Answer, candidate: Answer) -> float | None:
        """Closeness in [0, 1]; ``None`` when both are empty. An extra mark lowers it."""

    def differences(self, reference: Answer, candidate: Answer) -> list[Difference]:
        """Every mark of both answers, matched one to one, in the order of the text."""
