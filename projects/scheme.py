"""The annotation scheme of a task: how its answers are read, compared and put in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

from projects import agreement, config, reading
from projects.agreement.base import Difference, Metric
from projects.config import TEXTS, Config, Shown
from projects.forms.base import Control
from projects.kinds.base import Kind
from projects.kit import discovery
from projects.kit.errors import BadInput
from projects.policy import Policy
from projects.vocabulary import Answer, Mark, as_answer

Subject = tuple[Answer, Answer]
"""What reference and candidate say about one thing: the whole task, or one matched region."""


@dataclass(frozen=True)
class Outcome:
    """How a candidate compares with the reference."""

    agreement: float | None
    """In [0, 1]; ``None`` when neither says anything."""
    differences: tuple[Difference, ...]
    """Every mark of both answers once."""


@dataclass(frozen=True)
class Plan:
    """How the answers of one control are compared."""

    control: Control
    metric: str
    """A file of ``projects/agreement``."""
    weight: float

    @property
    def is_compared(self) -> bool:
        return self.weight > 0


@dataclass(frozen=True)
class Scheme:
    """Everything about answers that follows from a labelling config and a policy. Pure."""

    name: str
    """The name of the kind, or ``project-7`` for a project that is followed without one."""
    title: str
    kind: Kind | None
    policy: Policy
    config: Config

    @cached_property
    def plans(self) -> dict[str, Plan]:
        """Every control that can be compared, by name, in the order of the config."""
        return {
            name: Plan(control, self._metric(name), float(self.policy.weights.get(name, 1)))
            for name, control in self.config.controls.items()
            if name in self.config.families
        }

    @property
    def left_out(self) -> tuple[Control, ...]:
        """Controls that people answer and nothing compares, for whatever reason."""
        unread = set(self.config.uncomparable)
        return tuple(
            control
            for name, control in self.config.controls.items()
            if control in unread or (name in self.plans and not self.plans[name].is_compared)
        )

    @property
    def tags(self) -> dict[str, str]:
        """The tag of each control that is compared, by name."""
        return {name: p.control.tag for name, p in self.plans.items() if p.is_compared}

    def text(self, data: Mapping[str, Any]) -> str:
        """The text that answers are about; empty when it is no text."""
        if self.kind is not None:
            return self.kind.text(data)
        shown = self._main_text
        return shown.text(data) if shown is not None else ""

    def read(self, regions: Sequence[object], data: Mapping[str, Any]) -> Answer:
        """What Label Studio's regions say, reduced to what can be compared."""
        used = [name for name, plan in self.plans.items() if plan.is_compared]
        return reading.read(self.config, used, regions, data, self.kind)

    def compare(self, reference: Answer, candidate: Answer) -> Outcome:
        """The agreement of two answers and every difference between them.

        Returns
        -------
        Outcome
            ``agreement`` is the weighted mean over the controls that either answer uses,
            ``sum(w * a) / sum(w)``, in [0, 1], and ``None`` when nothing is marked. The ``a``
            of a control is what its metric says of the whole task; for a control that is
            answered for each region it is ``sum(n * a_i) / sum(n)`` over the matched regions,
            where ``n`` counts what both said about region ``i``, also about one without a
            partner. Regions are matched once, by the metric of the control that drew them.
        """
        subjects: dict[str, list[Subject]] = {name: [] for name in self.plans}
        found: list[Difference] = []
        for group in self._groups:
            ours = tuple(mark for mark in reference if mark.control in group)
            theirs = tuple(mark for mark in candidate if mark.control in group)
            if ours or theirs:
                differences = self._differences(group[0], ours, theirs)
                subjects[group[0]].append((_bare(ours), _bare(theirs)))
                _add_attributes(subjects, differences)
                found += [_with_attribute(difference) for difference in differences]
        return Outcome(self._mean(subjects), tuple(found))

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

    def check(self) -> None:
        """Make sure that every control can be compared, or is left out on purpose.

        Raises
        ------
        BadInput
            When a control cannot be compared, when the policy names what is not there, or
            when nothing is left to compare.
        """
        controls = self.config.controls
        asked = {**self.policy.weights, **self.policy.metrics}
        if odd := sorted(asked.keys() - controls.keys()):
            known = ", ".join(controls) or "none"
            raise BadInput(f"the labelling config has no such control; it has {known}", odd[0])
        for control in self.config.uncomparable:
            if self.policy.weights.get(control.name, 1) > 0:
                raise BadInput(f"<{control.tag}> cannot be compared", control.name)
        for name, metric in self.policy.metrics.items():
            fit = self.config.family(name).METRICS if name in self.config.families else ()
            if metric not in fit:
                what = f"{metric!r} cannot compare <{controls[name].tag}>"
                raise BadInput(f"{what}; choose of {', '.join(fit) or 'nothing'}", name)
        if not any(plan.is_compared for plan in self.plans.values()):
            raise BadInput("the labelling config has nothing that could be compared", self.name)

    @cached_property
    def _main_text(self) -> Shown | None:
        """The text with marked stretches, else the first that is answered about, else any."""
        about = [(self.config.about(name), name) for name in self.plans]
        texts = [(shown, name) for shown, name in about if shown and shown.tag in TEXTS]
        spans = [shown for shown, name in texts if self.config.is_region(name)]
        rest = [shown for shown in self.config.shown.values() if shown.tag in TEXTS]
        return next(iter([*spans, *(shown for shown, _ in texts), *rest]), None)

    @cached_property
    def _groups(self) -> list[tuple[str, ...]]:
        """Controls whose marks are compared together: those of a kind; else each by itself."""
        own = () if self.kind is None else tuple(n for n in self.kind.controls if n in self.plans)
        rest = [(name,) for name, p in self.plans.items() if p.is_compared and name not in own]
        return [own, *rest] if own and self.plans[own[0]].is_compared else list(rest)

    def _metric(self, control: str) -> str:
        if control in self.policy.metrics:
            return self.policy.metrics[control]
        if self.kind is not None and control in self.kind.controls:
            return self.kind.metric
        return self.config.family(control).METRICS[0]

    def _load(self, control: str) -> Metric:
        return cast(Metric, discovery.load(agreement, self.plans[control].metric))

    def _differences(self, control: str, ours: Answer, theirs: Answer) -> list[Difference]:
        """As the metric matches the marks; what was said about each alone comes with it."""
        left, right = _by_bare(ours), _by_bare(theirs)
        return [
            replace(
                difference,
                reference=None if (r := difference.reference) is None else left[r].pop(),
                candidate=None if (c := difference.candidate) is None else right[c].pop(),
            )
            for difference in self._load(control).differences(_bare(ours), _bare(theirs))
        ]

    def _mean(self, subjects: Mapping[str, Sequence[Subject]]) -> float | None:
        total, weights = 0.0, 0.0
        for control, pairs in subjects.items():
            counts = [len(ours) + len(theirs) for ours, theirs in pairs]
            if sum(counts):
                values = [self._load(control).agreement(*pair) or 0.0 for pair in pairs]
                parts = [n * value for n, value in zip(counts, values, strict=True)]
                weight = self.plans[control].weight
                total += weight * math.fsum(parts) / sum(counts)
                weights += weight
        return min(1.0, total / weights) if weights else None


def of_kind(kind: Kind, label_config: str = "") -> Scheme:
    """The scheme of a kind, with the labelling config that a live project has now."""
    live = replace(kind, config=label_config) if label_config else kind
    return Scheme(kind.name, kind.title, live, kind.policy, config.parse(live.label_config))


def of_config(name: str, label_config: str, policy: Policy, *, title: str = "") -> Scheme:
    """The scheme of a project that nobody made a kind for.

    Raises
    ------
    BadInput
        When it is not a labelling config.
    """
    return Scheme(name, title or name, None, policy, config.parse(label_config))


def _bare(answer: Answer) -> Answer:
    return tuple(mark.bare for mark in answer)


def _by_bare(answer: Answer) -> dict[Mark, list[Mark]]:
    found: dict[Mark, list[Mark]] = {}
    for mark in reversed(answer):
        found.setdefault(mark.bare, []).append(mark)
    return found


def _with_attribute(difference: Difference) -> Difference:
    ours, theirs = difference.reference, difference.candidate
    if difference.kind != "same" or ours is None or theirs is None:
        return difference
    return difference if ours.attributes == theirs.attributes else _wrong(difference)


def _wrong(difference: Difference) -> Difference:
    return replace(difference, kind="wrong attribute")


def _add_attributes(
    subjects: Mapping[str, list[Subject]], differences: Sequence[Difference]
) -> None:
    """What both said about each region, by control."""
    for difference in differences:
        ours, theirs = _attributes(difference.reference), _attributes(difference.candidate)
        for control in dict.fromkeys([*ours, *theirs]):
            subjects[control].append((ours.get(control, ()), theirs.get(control, ())))


def _attributes(mark: Mark | None) -> dict[str, Answer]:
    found: dict[str, list[Mark]] = {}
    for control, value in mark.attributes if mark is not None else ():
        found.setdefault(control, []).append(Mark(control, value))
    return {control: as_answer(marks) for control, marks in found.items()}
