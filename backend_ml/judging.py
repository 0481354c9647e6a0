"""The new version beside the serving one on the same unseen labels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml import gate, lineup, model_store, random_arm, reading_matter, training
from backend_ml.fitting import Job
from backend_ml.gate import Verdict
from backend_ml.labels import Label
from backend_ml.learners.base import Learner, ModelUnreadable
from backend_ml.tables import LabelRow, ProjectRow, VersionRow
from backend_ml.training import Exam
from backend_ml.workshop import Workshop
from projects.kinds.base import Kind
from projects.kit import logs

MOST_MEASURED = 2_000
"""With so many an interval is at most 4.4 points wide; more make people wait for the new model."""

log = logs.get(__name__)


@dataclass(frozen=True)
class Bench:
    """A project's labels and what serves, as one training saw them."""

    project_id: int
    kind: Kind
    train: tuple[Label, ...]
    """What models may learn."""
    held_out: tuple[Label, ...]
    """What no model ever learns."""
    champion: VersionRow | None
    newer: frozenset[int] | None = None
    """After a rollback: the tasks labelled since the serving version was first passed over."""
    pinned: bool = False
    drawn: frozenset[int] | None = None
    """The held-out tasks of the random arm; ``None`` where there is no such arm."""

    @property
    def labels(self) -> int:
        return len(self.train) + len(self.held_out)

    @cached_property
    def measured(self) -> tuple[Label, ...]:
        """The held-out labels to measure with: of many a part, and those since a rollback.

        Always the same part, so that one measurement can stand beside another.
        """
        if len(self.held_out) <= MOST_MEASURED:
            return self.held_out
        by_digest = sorted(self.held_out, key=lambda one: _digest(one.task_id))
        kept = {one.task_id for one in by_digest[:MOST_MEASURED]} | (self.newer or frozenset())
        return tuple(one for one in self.held_out if one.task_id in kept)


def _digest(task_id: int) -> bytes:
    return hashlib.blake2b(f"measure:{task_id}".encode(), digest_size=8).digest()


def lay_out(session: Session, project_id: int, kind: Kind, known: Sequence[Label]) -> Bench:
    """Everything that a decision about a new version goes by."""
    train, held_out = training.split(project_id, known)
    champion = model_store.champion(session, project_id)
    project = session.get(ProjectRow, project_id)
    return Bench(
        project_id=project_id,
        kind=kind,
        train=tuple(train),
        held_out=tuple(held_out),
        champion=champion,
        newer=None if champion is None else _newer(session, champion),
        pinned=project is not None and project.pinned,
        drawn=random_arm.among(session, project_id, (one.task_id for one in held_out)),
    )


def whole_job(workshop: Workshop, bench: Bench, learner: str) -> Job:
    """To have a file of ``learners`` learn from scratch all that models may learn."""
    texts: tuple[str, ...] = ()
    if training.reads(bench.kind, learner):
        with workshop.reading() as session:
            texts = reading_matter.of(session, bench.project_id)
    return Job(bench.kind, learner, bench.train, seed=workshop.settings.seed, texts=texts)


def judge(workshop: Workshop, bench: Bench, name: str, learner: Learner) -> tuple[Exam, Verdict]:
    """Measure a fitted learner, called ``name``, and decide whether it may serve."""
    exam = training.examine(learner, bench.measured, bench.kind, drawn=bench.drawn)
    if bench.champion is None:
        return exam, gate.first("Nothing served this project before.")
    try:
        champion = workshop.store.load(bench.champion, bench.kind)
    except ModelUnreadable as error:
        log.warning(
            "champion.unreadable",
            project=bench.project_id,
            version=bench.champion.name,
            why=error.why,
        )
        return exam, gate.first(f"{bench.champion.name}, which served, cannot be read.")
    ours = Contender(name, learner, exam.agreement)
    theirs = Contender(
        bench.champion.learner,
        champion,
        training.examine(champion, bench.measured, bench.kind).agreement,
    )
    verdict = _compare(workshop, bench, ours, theirs, called=bench.champion.name)
    if bench.pinned:
        why = f"{bench.champion.name} is pinned. Without that: {verdict.reason}"
        verdict = Verdict(False, why, verdict.difference)
    return exam, verdict


@dataclass(frozen=True)
class Contender:
    """One of the two models that are compared."""

    name: str
    """The file of ``learners``."""
    learner: Learner
    agreement: Sequence[float]
    """With each held-out label."""


def _compare(
    workshop: Workshop, bench: Bench, new: Contender, old: Contender, *, called: str
) -> Verdict:
    """The decision that fits the case; ``called`` is the serving version."""
    ours, theirs = list(new.agreement), list(old.agreement)
    if bench.newer is not None:
        places = [i for i, one in enumerate(bench.measured) if one.task_id in bench.newer]
        return gate.comeback([ours[i] for i in places], [theirs[i] for i in places], name=called)
    # A learner that the kind does not name any more is not fitted any more: its model only ages.
    named = (*lineup.fitted(bench.kind), lineup.RULES)
    same = new.name == old.name or old.name not in named
    decide: Callable[..., Verdict] = gate.refit if same else gate.takeover
    if not same and old.name == lineup.RULES:
        decide = gate.graduation
    enough = new.name != lineup.RULES if same else len(ours) >= gate.ENOUGH
    if not enough:
        ours += _unseen(workshop, bench, new)
        theirs += _unseen(workshop, bench, old)
    return decide(ours, theirs, name=called)


def _unseen(workshop: Workshop, bench: Bench, contender: Contender) -> list[float]:
    """Agreement with the labels to train on, by models that did not see the label.

    Rules learn no answers, whatever they were calibrated on.
    """
    if contender.name == lineup.RULES:
        return list(training.examine(contender.learner, bench.train, bench.kind).agreement)
    job = whole_job(workshop, bench, contender.name)
    return training.agreements(workshop.fitter.out_of_fold(job), bench.train, bench.kind)


def _newer(session: Session, champion: VersionRow) -> frozenset[int] | None:
    """Tasks labelled since the first version that a rollback passed over; ``None`` without one.

    A rollback is the only way in which a version that served can be newer than the
    one that serves.
    """
    passed_over = sa.select(sa.func.min(VersionRow.created_at)).where(
        VersionRow.project_id == champion.project_id,
        VersionRow.number > champion.number,
        VersionRow.state == model_store.RETIRED,
    )
    since = session.scalar(passed_over)
    if since is None:
        return None
    query = sa.select(LabelRow.task_id).where(
        LabelRow.project_id == champion.project_id, LabelRow.created_at > since
    )
    return frozenset(session.scalars(query))
