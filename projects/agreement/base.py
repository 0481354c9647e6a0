"""What every agreement metric offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from projects.vocabulary import Answer, Mark

DifferenceKind = Literal["same", "missed", "spurious", "boundary", "wrong label", "wrong attribute"]


@dataclass(frozen=True)
class Difference:
    """One mark of the reference and the mark of the candidate that was matched to it.

    ``reference`` is ``None`` for a spurious mark, ``candidate`` for a missed one.
    """

    kind: DifferenceKind
    reference: Mark | None
    candidate: Mark | None

    @property
    def mark(self) -> Mark:
        """The mark of the reference, else that of the candidate."""
        found = self.reference or self.candidate
        if found is None:
            raise ValueError("a difference without a mark")
        return found


class Metric(Protocol):
    """A file of this package: two functions, and from when on a pair counts as the same."""

    SAME_FROM: float
    """How close two marks must be for a person to call them the same, in (0, 1]."""

    def agreement(self, reference: Answer, candidate: Answer) -> float | None:
        """Closeness in [0, 1]; ``None`` when both are empty. An extra mark lowers it."""

    def differences(self, reference: Answer, candidate: Answer) -> list[Difference]:
        """Every mark of both answers, matched one to one, in the order of the text."""
