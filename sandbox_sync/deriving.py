"""Which of several production answers is the reference. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from projects.policy import ReferencePolicy
from projects.vocabulary import Annotation, Answer, Json

Same = Callable[[Answer, Answer], bool]
"""Whether two answers say the same, as they are compared."""


@dataclass(frozen=True)
class Committed:
    """One production worker's accepted answer to one task."""

    annotation_id: int
    worker_id: int | None
    answer: Answer
    regions: tuple[Json, ...]
    data_digest: str
    """Of what the task said when the answer was seen."""
    is_reviewed: bool
    committed_at: datetime
    """When its author or anybody else last changed it."""

    @property
    def voter(self) -> int:
        """Who said it; an answer of nobody known stands for itself."""
        return -self.annotation_id if self.worker_id is None else self.worker_id


def is_reviewed(annotation: Annotation) -> bool:
    """Whether somebody else than its author has changed it, or starred it as ground truth.

    The community edition has no reviews; but whoever changes an annotation or sets its
    star becomes its ``updated_by``, and when the author changes it again, they do.
    """
    author, last = annotation.completed_by, annotation.updated_by
    return annotation.ground_truth if last is None else last != author


def derive(
    answers: Iterable[Committed], policy: ReferencePolicy, *, data_digest: str, same: Same
) -> Committed | None:
    """The answer that production stands for; ``None`` while there is none.

    Answers to what the task says now go before answers to an older text of it, and of
    one worker only the newest counts.

    Parameters
    ----------
    answers : iterable of Committed
        Every accepted answer to one task, in any order.
    policy : {"latest", "majority", "reviewed"}
        ``latest``: the newest. ``reviewed``: the newest that was reviewed.
        ``majority``: what more workers said than anything else; a tie has none.
    data_digest : str
        Of what the task says now.
    same : callable
        Whether two answers say the same.
    """
    usable = [one for one in answers if policy != "reviewed" or one.is_reviewed]
    if not usable:
        return None
    current = [one for one in usable if one.data_digest == data_digest]
    if not current:
        newest = max(usable, key=_age)
        current = [one for one in usable if one.data_digest == newest.data_digest]
    if policy != "majority":
        return max(current, key=_age)
    groups = grouped(newest_of_each(current), same)
    if len(groups) > 1 and len(groups[0]) == len(groups[1]):
        return None
    return max(groups[0], key=_age)


def newest_of_each(answers: Iterable[Committed]) -> list[Committed]:
    """One answer per worker, the newest, the oldest of them first."""
    newest: dict[int, Committed] = {}
    for one in sorted(answers, key=_age):
        newest[one.voter] = one
    return sorted(newest.values(), key=_age)


def grouped(answers: Sequence[Committed], same: Same) -> list[list[Committed]]:
    """Answers that say the same as the first of their group; the largest group first."""
    groups: list[list[Committed]] = []
    for one in answers:
        for group in groups:
            if same(group[0].answer, one.answer):
                group.append(one)
                break
        else:
            groups.append([one])
    return sorted(groups, key=len, reverse=True)


def _age(one: Committed) -> tuple[datetime, int]:
    return one.committed_at, one.annotation_id
