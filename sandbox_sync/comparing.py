"""Which answers are compared, and how they differ. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from projects.agreement.base import Difference
from projects.vocabulary import Annotation, Json, Mark, mark_from_json, mark_to_json


def digest_of(differences: Sequence[Difference], *, submission: int = 1) -> str:
    """Equal for outcomes of one answer that a trainee would be told in the same words.

    ``submission`` counts the trainee's answers: who answers again is told again.
    """
    text = json.dumps(differences_to_json(differences), sort_keys=True)
    text = text if submission == 1 else f"{submission} {text}"
    return hashlib.sha256(text.encode()).hexdigest()


def first_submission(annotations: Iterable[Annotation], user_id: int) -> Annotation | None:
    """The trainee's own first answer that was not skipped."""
    own = [a for a in annotations if not a.was_cancelled and _is_own(a, user_id)]
    return min(own, key=lambda a: (a.created_at, a.id), default=None)


def newest_submission(annotations: Iterable[Annotation], user_id: int) -> Annotation | None:
    """The trainee's own answer that they gave or changed last, skipped ones left out."""
    own = [a for a in annotations if not a.was_cancelled and _is_own(a, user_id)]
    return max(own, key=lambda a: (a.updated_at, a.id), default=None)


def has_skipped(annotations: Iterable[Annotation], user_id: int) -> bool:
    """Whether the trainee put the item aside."""
    return any(a.was_cancelled and _is_own(a, user_id) for a in annotations)


def own_annotations(annotations: Iterable[Annotation], user_id: int) -> list[Annotation]:
    """Everything the trainee did with a task themselves, skipping included."""
    return [annotation for annotation in annotations if _is_own(annotation, user_id)]


def _is_own(annotation: Annotation, user_id: int) -> bool:
    """Any member may name another in ``completed_by``; ``updated_by`` is who really sent it."""
    sender = annotation.updated_by
    return annotation.completed_by == user_id and sender in (None, user_id)


def differences_to_json(differences: Sequence[Difference]) -> list[Json]:
    """Differences as plain JSON, for storage."""
    return [
        {"kind": d.kind, "reference": _mark(d.reference), "candidate": _mark(d.candidate)}
        for d in differences
    ]


def differences_from_json(rows: Sequence[Mapping[str, Any]]) -> tuple[Difference, ...]:
    """The inverse of :func:`differences_to_json`."""
    return tuple(
        Difference(row["kind"], _unmark(row["reference"]), _unmark(row["candidate"]))
        for row in rows
    )


def _mark(mark: Mark | None) -> Json | None:
    return None if mark is None else mark_to_json(mark)


def _unmark(row: Mapping[str, Any] | None) -> Mark | None:
    return None if row is None else mark_from_json(row)
