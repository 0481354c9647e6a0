"""The annotation scheme of a task: how its answers are read, compared and put in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from projects import agreement
from projects.agreement.base import Difference, Metric
from projects.kinds.base import Kind
from projects.kit import discovery
from projects.policy import Policy
from projects.vocabulary import Answer


@dataclass(frozen=True)
class Outcome:
    """How a candidate compares with the reference."""

    agreement: float | None
    """In [0, 1]; ``None`` when neither says anything."""
    differences: tuple[Difference, ...]
    """Every mark of both answers once."""


@dataclass(frozen=True)
class Scheme:
    """Everything about answers that follows from a labelling config and a policy. Pure."""

    name: str
    """The name of the kind, or ``project-7`` for a project that is followed without one."""
    title: str
    kind: Kind
    policy: Policy

    def text(self, data: Mapping[str, Any]) -> str:
        """The text that answers are about; empty when it is no text."""
        return self.kind.text(data)

    def read(self, regions: Sequence[object], data: Mapping[str, Any]) -> Answer:
        """What Label Studio's regions say, reduced to what can be compared."""
        return self.kind.read(regions, data)

    def compare(self, reference: Answer, candidate: Answer) -> Outcome:
        """The agreement of two answers and every difference between them."""
        metric = cast(Metric, discovery.load(agreement, self.kind.metric))
        return Outcome(
            agreement=metric.agreement(reference, candidate),
            differences=tuple(metric.differences(reference, candidate)),
        )

    def closest(self, references: Sequence[Answer], candidate: Answer) -> tuple[int, Outcome]:
        """Of several acceptable answers the one that the candidate is nearest to.

        Undefined agreement (nothing was marked, and nothing had to be) is nearest of all.
        """
        outcomes = [self.compare(reference, candidate) for reference in references]

        def nearness(position: int) -> float:
            found = outcomes[position].agreement
            return 2.0 if found is None else found

        best = max(range(len(outcomes)), key=nearness)
        return best, outcomes[best]


def of_kind(kind: Kind, label_config: str = "") -> Scheme:
    """The scheme of a kind, with the labelling config that a live project has now."""
    live = replace(kind, config=label_config) if label_config else kind
    return Scheme(kind.name, kind.title, live, kind.policy)
