"""The next batch: chosen once, written down, pushed to Label Studio, then switched to.

The decision is in the database before anything is sent, so a run that is killed
is carried on by the next one: what Label Studio already has is looked up, on
every run, and not sent again, and the random draw is not drawn twice.
"""

from __future__ import annotations

import time
from datetime import timedelta

import sqlalchemy as sa

from backend_ml import planning, plans
from backend_ml.tables import PlanRow, PublicationRow, TaskRow, VersionRow, hold
from backend_ml.workshop import Workshop
from projects.kinds.base import Kind
from projects.kit import logs
from projects.kit.database import transaction
from projects.kit.errors import LabelStudioRefused, NotInLabelStudio
from projects.vocabulary import Prediction, answer_from_json

log = logs.get(__name__)


def publish(workshop: Workshop, project_id: int) -> int:
    """Bring Label Studio's queue up to the serving version; returns how many were pushed.

    Safe to run again, also after it was killed at any point. One run at a time
    per project: the lane of the engine sees to that.
    """
    kind = workshop.kind(project_id)
    with transaction(workshop.sessions) as session:
        serving = planning.serving(session, workshop, project_id)
        keep = "" if serving is None else serving.name
        plans.abandon(session, project_id, keep=keep, now=workshop.clock())
        plan = plans.unfinished(session, project_id, keep)
    if serving is None:
        return 0
    resumed = plan is not None and plan.started_at is not None
    plan = plan or planning.decide(workshop, project_id, kind, serving)
    if plan is None:
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
