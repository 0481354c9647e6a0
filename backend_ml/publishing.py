"""The next batch: chosen once, written down, pushed to Label Studio, then switched to.

The decision is in the database before anything is sent, so a run that is killed
is carried on by the next one: what Label Studio already has is looked up, on
every run, and not sent again, and the random draw is not drawn twice.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import cast

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml import labels, model_store, plans, selecting, strategies
from backend_ml.learners.base import Guesses
from backend_ml.selecting import Assignment, Board, Draw, Sizes
from backend_ml.strategies.base import Strategy
from backend_ml.tables import AssignmentRow, PlanRow, PublicationRow, TaskRow, VersionRow, hold
from backend_ml.workshop import Workshop
from projects.kinds.base import Kind
from projects.kit import discovery, logs
from projects.kit.database import transaction
from projects.kit.errors import LabelStudioRefused, NotInLabelStudio
from projects.vocabulary import Prediction, answer_from_json, answer_to_json

log = logs.get(__name__)


def publish(workshop: Workshop, project_id: int) -> int:
    """Bring Label Studio's queue up to the serving version; returns how many were pushed.

    Safe to run again, also after it was killed at any point. One run at a time
    per project: the lane of the engine sees to that.
    """
    kind = workshop.kind(project_id)
    with transaction(workshop.sessions) as session:
        serving = model_store.champion(session, project_id)
        if serving is not None:
            plans.abandon(session, project_id, keep=serving.name, now=workshop.clock())
        plan = None if serving is None else plans.unfinished(session, project_id, serving.name)
    if serving is None:
        return 0
    resumed = plan is not None and plan.started_at is not None
    plan = plan or _decide(workshop, project_id, kind, serving)
    if plan is None:
        _switch(workshop, project_id, serving.name)
        return 0
    if resumed:
        _let_land(workshop, plan)
    pushed = _carry_out(workshop, kind, plan)
    log.info("batch.published", project=project_id, version=plan.version, tasks=pushed)
    return pushed


def _let_land(workshop: Workshop, plan: PlanRow) -> None:
    """Wait until no request of the run that was cut off can still be at work.

    Label Studio goes on with a request whose sender was killed: a prediction
    that is not there now can appear a second later.
    """
    begun = plan.started_at or workshop.clock()
    landed = begun + timedelta(seconds=workshop.settings.in_flight_seconds)
    time.sleep(max(0.0, (landed - workshop.clock()).total_seconds()))


def runs_low(session: Session, workshop: Workshop, project_id: int) -> bool:
    """Whether few published tasks are open and a draw would publish more."""
    serving = model_store.champion(session, project_id)
    if serving is None:
        return False
    if plans.any_unfinished(session, project_id):
        return True
    if published_open(session, project_id, serving.name) >= workshop.settings.low_water:
        return False
    return selecting.wants_draw(read_board(session, project_id, serving.name), sizes(workshop))


def published_open(session: Session, project_id: int, version: str) -> int:
    """How many tasks have a prediction of the version and no answer."""
    query = (
        sa.select(sa.func.count())
        .select_from(PublicationRow)
        .join(
            TaskRow,
            (TaskRow.project_id == PublicationRow.project_id)
            & (TaskRow.task_id == PublicationRow.task_id),
        )
        .where(
            PublicationRow.project_id == project_id,
            PublicationRow.version == version,
            labels.is_open(project_id),
        )
    )
    return session.scalar(query) or 0


def sizes(workshop: Workshop) -> Sizes:
    """The sizes that the settings ask for."""
    settings = workshop.settings
    return Sizes(settings.batch_size, settings.random_share, settings.low_water)


def read_board(session: Session, project_id: int, version: str) -> Board:
    """What there is to choose from, as of now."""
    open_ids = tuple(task_id for task_id, _ in labels.open_tasks(session, project_id))
    assigned = session.scalars(
        sa.select(AssignmentRow).where(AssignmentRow.project_id == project_id)
    )
    published = session.scalars(
        sa.select(PublicationRow.task_id).where(
            PublicationRow.project_id == project_id, PublicationRow.version == version
        )
    )
    return Board(
        open_ids=open_ids,
        assigned={row.task_id: Assignment(row.arm, row.epoch) for row in assigned},
        published=frozenset(published) & frozenset(open_ids),
    )


def _decide(workshop: Workshop, project_id: int, kind: Kind, serving: VersionRow) -> PlanRow | None:
    """Write down the next batch; ``None`` when there is nothing to add."""
    with transaction(workshop.sessions) as session:
        board = read_board(session, project_id, serving.name)
        texts = dict(labels.open_tasks(session, project_id))
    if not selecting.wants_draw(board, sizes(workshop)):
        return None
    learner = workshop.store.load(serving, kind)
    guesses = learner.predict([texts[task_id] for task_id in board.open_ids])
    strategy = cast(Strategy, discovery.load(strategies, workshop.settings.strategy))
    rng = np.random.default_rng([workshop.settings.seed, project_id, serving.number, board.epoch])
    drawn = selecting.draw(board, guesses.pool(), strategy, sizes(workshop), rng=rng)
    with transaction(workshop.sessions) as session:
        hold(session, project_id)
        return _write_down(session, workshop, serving, drawn, (board, guesses))


def _write_down(
    session: Session,
    workshop: Workshop,
    serving: VersionRow,
    drawn: Draw,
    seen: tuple[Board, Guesses],
) -> PlanRow:
    board, guesses = seen
    now = workshop.clock()
    plan = PlanRow(
        project_id=serving.project_id, version=serving.name, epoch=drawn.epoch, created_at=now
    )
    session.add(plan)
    session.flush()
    _release(session, plan, frozenset(drawn.task_ids))
    by_task = dict(zip(board.open_ids, guesses.items, strict=True))
    for task_id in drawn.task_ids:
        arm = selecting.RANDOM if task_id in drawn.random else selecting.ACTIVE
        _assign(session, plan, task_id, arm)
        guess = by_task[task_id]
        if task_id in board.published or guess is None:
            continue
        session.add(
            PublicationRow(
                project_id=plan.project_id,
                version=plan.version,
                task_id=task_id,
                plan_id=plan.id,
                confidence=guess.confidence,
                answer=answer_to_json(guess.answer),
                mark_confidences=list(guess.mark_confidences),
            )
        )
    return plan


def _release(session: Session, plan: PlanRow, drawn: frozenset[int]) -> None:
    """Open tasks that were chosen once and are not chosen now belong to no arm."""
    query = (
        sa.select(AssignmentRow)
        .join(
            TaskRow,
            (TaskRow.project_id == AssignmentRow.project_id)
            & (TaskRow.task_id == AssignmentRow.task_id),
        )
        .where(AssignmentRow.arm == selecting.ACTIVE, labels.is_open(plan.project_id))
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


def _carry_out(workshop: Workshop, kind: Kind, plan: PlanRow) -> int:
    """Push what the plan says and Label Studio lacks, then switch the project to the version."""
    project_id = plan.project_id
    with transaction(workshop.sessions) as session:
        session.get_one(PlanRow, plan.id).started_at = workshop.clock()
        texts = plans.texts(session, plan.id)
        planned = plans.rows(session, plan.id)
    there = {task.id for task in workshop.studio.tasks(project_id, predicted_by=plan.version)}
    wanted = [row for row in planned if row.task_id not in there]
    rows = [_prediction(row, texts[row.task_id], kind) for row in wanted]
    try:
        workshop.studio.push_predictions(project_id, rows)
    except LabelStudioRefused:
        # One task that is gone refuses a whole chunk: look at each, then try once more.
        rows = [row for row in rows if _lacks(workshop, plan, row.task_id)]
        workshop.studio.push_predictions(project_id, rows)
    _switch(workshop, project_id, plan.version)
    _finish(workshop, plan)
    return len(rows)


def _switch(workshop: Workshop, project_id: int, version: str) -> None:
    """Make Label Studio show the predictions of a version, once it has any."""
    with transaction(workshop.sessions) as session:
        any_pushed = plans.has_rows(session, project_id, version)
    if any_pushed and workshop.studio.project(project_id).model_version != version:
        workshop.studio.update_project(project_id, model_version=version)


def _lacks(workshop: Workshop, plan: PlanRow, task_id: int) -> bool:
    """Whether the task is there and has no prediction of the version."""
    try:
        task = workshop.studio.task(task_id)
    except NotInLabelStudio:
        with transaction(workshop.sessions) as session:
            hold(session, plan.project_id)
            row = session.get(TaskRow, (plan.project_id, task_id))
            if row is not None:
                row.deleted = True
            session.execute(
                sa.delete(PublicationRow).where(
                    PublicationRow.plan_id == plan.id, PublicationRow.task_id == task_id
                )
            )
        return False
    return all(found.model_version != plan.version for found in task.predictions)


def _prediction(row: PublicationRow, text: str, kind: Kind) -> Prediction:
    regions = kind.write(
        answer_from_json(row.answer), {kind.field: text}, [float(c) for c in row.mark_confidences]
    )
    return Prediction(row.task_id, row.version, row.confidence, tuple(regions))


def _finish(workshop: Workshop, plan: PlanRow) -> None:
    now = workshop.clock()
    with transaction(workshop.sessions) as session:
        session.get_one(PlanRow, plan.id).finished_at = now
        for row in plans.rows(session, plan.id):
            row.pushed_at = now
        version = sa.select(VersionRow).where(
            VersionRow.project_id == plan.project_id, VersionRow.name == plan.version
        )
        for found in session.scalars(version):
            found.serving_at = found.serving_at or now
