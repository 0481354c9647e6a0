"""What a project of its own mind may decide about practice: which answer counts, and how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from projects.kit.errors import BadInput

ReferencePolicy = Literal["latest", "majority", "reviewed"]
"""Of several production answers: the newest, what most workers said, or what somebody reviewed."""


@dataclass(frozen=True)
class Policy:
    """The choices that belong to a kind, or to a project that is followed without one."""

    reference: ReferencePolicy = "latest"
    first_submission_counts: bool = True
    """Off for practice in which a trainee may try again: then the newest answer counts."""
    weights: Mapping[str, float] = field(default_factory=dict, hash=False)
    """How much each control counts in the agreement; 1 where none is given."""
    metrics: Mapping[str, str] = field(default_factory=dict, hash=False)
    """A file of ``projects/agreement`` by control; chosen from the control's tag where none is."""


def policy_to_json(policy: Policy) -> dict[str, Any]:
    """A policy as plain JSON, for storage."""
    return asdict(policy) | {"weights": dict(policy.weights), "metrics": dict(policy.metrics)}


def policy_from_json(row: Mapping[str, Any]) -> Policy:
    """The inverse of :func:`policy_to_json`; what is missing has its default.

    Raises
    ------
    BadInput
        For a name that is not known, or a value that a policy cannot have.
    """
    known = {one.name for one in fields(Policy)}
    if odd := sorted(row.keys() - known):
        raise BadInput(f"a policy has no {odd[0]!r}; it has {', '.join(sorted(known))}", "policy")
    if (asked := row.get("reference", "latest")) not in get_args(ReferencePolicy):
        what = f"{asked!r} is none of {', '.join(get_args(ReferencePolicy))}"
        raise BadInput(what, "policy.reference")
    weights = row.get("weights", {})
    if not all(isinstance(w, int | float) and 0 <= w < float("inf") for w in weights.values()):
        raise BadInput("a weight is a number from 0 on", "policy.weights")
    return Policy(**row)
