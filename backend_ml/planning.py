"""What to publish next: the board is read, the strategy asked, the decision written down.

Until a model or rules serve, a kind without rules gets its first batches too, under a
version of number 0 that never says anything: Label Studio orders tasks only by the
predictions of a version. Its predictions are empty, with confidence 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml import embeddings, model_store, plans, pooling, selecting, strategies, waiting
from backend_ml.learners.base import Guess, Learner, sure
from backend_ml.selecting import Assignment, Board, Draw, Sizes
from backend_ml.strategies.base import Strategy
from backend_ml.tables import (
    AssignmentRow,
    PlanRow,
    ProjectRow,
    PublicationRow,
    TaskRow,
    VersionRow,
    hold,
)
from backend_ml.workshop import Workshop
from projects.kinds.base import Kind
from projects.kit import discovery
from projects.kit.database import transaction
from projects.vocabulary import answer_to_json

FRONT_EACH = 2
"""What a person has open, and what they get next."""
LOW_EACH = 3
"""A queue with fewer tasks for each person at work is low."""
MOST_BEGUN = 200
"""Tasks that others are to answer too, published at a time."""


@dataclass(frozen=True)
class Serving:
    """The version under which tasks are published; ``row`` is ``None`` before there is one."""

    name: str
    number: int
    row: VersionRow | None


def serving(session: Session, workshop: Workshop, project_id: int) -> Serving | None:
    """The version to publish under; ``None`` where nothing can be published.

    That is: for a project that is gone or whose config its kind cannot answer, and
    where rules are about to serve.
    """
    project = session.get(ProjectRow, project_id)
    if project is not None and (project.gone or project.config_problem is not None):
        return None
    row = model_store.champion(session, project_id)
    if row is not None:
        return Serving(row.name, row.number, row)
    kind = workshop.kind(project_id)
    return None if kind.rules is not None else Serving(f"{kind.name}-0000", 0, None)


def sizes(session: Session, workshop: Workshop, project_id: int) -> Sizes:
    """The sizes that the settings ask for, larger where many people are at work."""
    settings, people = workshop.settings, waiting.people(session, project_id)
    low_water = max(settings.low_water, LOW_EACH * people)
    batch = max(settings.batch_size, 2 * LOW_EACH * people)
    return Sizes(batch, settings.random_share, low_water, people)


def runs_low(session: Session, workshop: Workshop, project_id: int) -> bool:
    """Whether there is something to publish: a new version, or a queue that runs low."""
    now = serving(session, workshop, project_id)
    if plans.any_unfinished(session, project_id):
        return True  # to be carried out, or given up
    if now is None:
        return False
    if plans.last_version(session, project_id) not in (None, now.name):
        return True
    wanted = sizes(session, workshop, project_id)
    if published_open(session, project_id, now.name) >= wanted.low_water:
        return False
    return selecting.wants_draw(_narrow_board(session, project_id, now.name), wanted)


def published_open(session: Session, project_id: int, version: str) -> int:
    """How many tasks have a prediction of the version and wait for somebody."""
    published = sa.select(PublicationRow.task_id).where(
        PublicationRow.project_id == project_id,
        PublicationRow.version == version,
        PublicationRow.pruning_at.is_(None),
    )
    query = sa.select(sa.func.count()).where(
        TaskRow.task_id.in_(published),  # few, and asked twice a second: they come first
        waiting.is_open(session, project_id),
    )
    return session.scalar(query) or 0


def read_board(session: Session, project_id: int, version: str) -> Board:
    """What there is to choose from, as of now."""
    untouched = waiting.untouched(session, project_id)
    published = plans.published(session, project_id, version)
    begun = waiting.begun(session, project_id, most=MOST_BEGUN)
    front: list[int] = []
    if plans.last_version(session, project_id) != version:
        most = FRONT_EACH * max(1, waiting.people(session, project_id))
        front = plans.front(session, project_id, version, most=most)
    return Board(
        open_ids=tuple(untouched),
        assigned=_assigned(session, project_id),
        published=published & frozenset(untouched),
        front=tuple(front),
        begun=tuple(task_id for task_id in begun if task_id not in published),
    )


def _narrow_board(session: Session, project_id: int, version: str) -> Board:
    """Enough of the board to say whether a draw is wanted, however many tasks are open."""
    assigned = _assigned(session, project_id)
    untouched = waiting.untouched(session, project_id, drawn=True)
    published = plans.published(session, project_id, version) & frozenset(untouched)
    if plans.lacks_any(session, project_id, version):
        untouched.append(0)  # no task has this number: it stands for those that were not drawn
    return Board(tuple(untouched), assigned, published)


def _assigned(session: Session, project_id: int) -> Mapping[int, Assignment]:
    """Of the newest epoch, and of every random task."""
    ours = AssignmentRow.project_id == project_id
    newest = sa.select(sa.func.max(AssignmentRow.epoch)).where(ours).scalar_subquery()
    query = sa.select(AssignmentRow.task_id, AssignmentRow.arm, AssignmentRow.epoch).where(
        ours, sa.or_(AssignmentRow.arm == selecting.RANDOM, AssignmentRow.epoch == newest)
    )
    return {task_id: Assignment(arm, epoch) for task_id, arm, epoch in session.execute(query)}


def decide(workshop: Workshop, project_id: int, kind: Kind, now: Serving) -> PlanRow | None:
    """Write down the next batch; ``None`` when there is nothing to add.

    A version other than the last one gets a plan in any case: Label Studio is to show it.
    """
    with workshop.reading() as session:
        board = read_board(session, project_id, now.name)
        wanted = sizes(session, workshop, project_id)
        is_new = plans.last_version(session, project_id) not in (None, now.name)
        if not is_new and not selecting.wants_draw(board, wanted):
            return None
        texts = waiting.texts(session, project_id)
        board = _still_open(board, texts)
        known = pooling.read_known(session, project_id, kind)
    learner = None if now.row is None else workshop.store.load(now.row, kind)
    rng = np.random.default_rng([workshop.settings.seed, project_id, now.number, board.epoch])
    waiting_texts = [texts[task_id] for task_id in board.open_ids]
    view = pooling.look(
        learner,
        waiting_texts,
        known,
        classes=len(kind.labels),
        embedder=embeddings.current()
        or workshop.semantics.of(
            project_id, [*waiting_texts, *known.texts], seed=workshop.settings.seed
        ),
        rng=rng.spawn(1)[0],
    )
    strategy = cast(Strategy, discovery.load(strategies, workshop.settings.strategy))
    drawn = selecting.draw(board, view, strategy, wanted, rng=rng)
    lacking = [task_id for task_id in drawn.task_ids if task_id not in board.published]
    guesses = _guess(learner, {task_id: texts[task_id] for task_id in lacking})
    with transaction(workshop.sessions) as session:
        hold(session, project_id)
        return _write_down(session, workshop, (project_id, kind, now), drawn, guesses)


def _still_open(board: Board, texts: Mapping[int, str]) -> Board:
    """Without the tasks that were answered or went away while the board was read."""
    return replace(
        board,
        open_ids=tuple(i for i in board.open_ids if i in texts),
        published=frozenset(i for i in board.published if i in texts),
        front=tuple(i for i in board.front if i in texts),
        begun=tuple(i for i in board.begun if i in texts),
    )


def _guess(learner: Learner | None, texts: Mapping[int, str]) -> dict[int, Guess | None]:
    """The answers to those that were drawn."""
    if learner is None or not texts:
        return dict.fromkeys(texts)
    return dict(zip(texts, learner.predict(list(texts.values())).items, strict=True))


def _write_down(
    session: Session,
    workshop: Workshop,
    about: tuple[int, Kind, Serving],
    drawn: Draw,
    guesses: Mapping[int, Guess | None],
) -> PlanRow:
    project_id, kind, version = about
    now = workshop.clock()
    plan = PlanRow(project_id=project_id, version=version.name, epoch=drawn.epoch, created_at=now)
    session.add(plan)
    session.flush()
    _release(session, plan, frozenset(drawn.task_ids))
    for arm, task_ids in ((selecting.RANDOM, drawn.random), (selecting.ACTIVE, drawn.active)):
        for task_id in task_ids:
            _assign(session, plan, task_id, arm)
    for task_id, guess in guesses.items():
        shown = sure(guess, least=workshop.settings.abstain_below)
        if shown is not None and not kind.offers(shown.answer):
            shown = None  # the label was taken out of the config since
        _plan_one(session, plan, task_id, guess, shown)
    return plan


def _plan_one(
    session: Session, plan: PlanRow, task_id: int, guess: Guess | None, shown: Guess | None
) -> None:
    """A prediction to push; an empty one where the model has nothing worth showing."""
    row = session.get(PublicationRow, (plan.project_id, plan.version, task_id))
    if row is None:
        row = PublicationRow(project_id=plan.project_id, version=plan.version, task_id=task_id)
        session.add(row)
    row.plan_id = plan.id
    row.confidence = 0.0 if guess is None else float(guess.confidence)
    row.answer = [] if shown is None else answer_to_json(shown.answer)
    row.mark_confidences = [] if shown is None else [float(c) for c in shown.mark_confidences]
    row.abstained = shown is None
    row.pushed_at = row.pruning_at = row.pruned_at = None


def _release(session: Session, plan: PlanRow, drawn: frozenset[int]) -> None:
    """Untouched tasks that were chosen once and are not chosen now belong to no arm."""
    query = (
        sa.select(AssignmentRow)
        .join(
            TaskRow,
            (TaskRow.project_id == AssignmentRow.project_id)
            & (TaskRow.task_id == AssignmentRow.task_id),
        )
        .where(
            AssignmentRow.arm == selecting.ACTIVE,
            waiting.is_open(session, plan.project_id),
            ~waiting.is_begun(plan.project_id),
        )
    )
    for row in session.scalars(query).all():
        if row.task_id not in drawn:
            session.delete(row)


def _assign(session: Session, plan: PlanRow, task_id: int, arm: str) -> None:
    """A random task keeps the epoch it was drawn in; an active one moves with the batch."""
    row = session.get(AssignmentRow, (plan.project_id, task_id))
    if row is None:
        row = AssignmentRow(project_id=plan.project_id, task_id=task_id)
        session.add(row)
    elif row.arm == arm == selecting.RANDOM:
        return
    row.arm, row.epoch, row.drawn_at = arm, plan.epoch, plan.created_at
