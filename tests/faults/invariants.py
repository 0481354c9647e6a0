"""What has to hold once everything is quiet, however much went wrong before.

Each check compares our tables with what both Label Studios and Slack really
have, and with a comparison made again from there by the pure functions.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import sqlalchemy as sa
from sqlalchemy.orm import Session

from projects import scheme as schemes
from projects.kinds import registry
from projects.vocabulary import Answer, Task, answer_from_json
from sandbox_sync import cloning, comparing
from sandbox_sync.db.tables import (
    Comparison,
    Event,
    Feedback,
    LaneRow,
    PracticeItem,
    PracticeTime,
    ProductionTask,
    SnapshotRow,
    Submission,
    Trainee,
)
from sandbox_sync.notifiers.slack import KEYS_JOIN
from tests.faults.people import People
from tests.faults.world import World


@dataclass
class Seen:
    """Everything at one moment."""

    world: World
    people: People
    session: Session
    production: dict[int, Task]
    sandbox: dict[int, Task]
    lanes: list[LaneRow]
    items: list[PracticeItem]
    snapshots: dict[str, SnapshotRow]
    submissions: dict[int, Submission]
    depth: int
    by_task: dict[int, PracticeItem] = field(default_factory=dict)


def violations(world: World, people: People, *, depth: int = 60) -> list[str]:
    """One sentence for everything that is not as it should be; numbers, no texts."""
    with world.sessions() as sessions, sessions() as session:
        seen = _see(world, people, session, depth)
        return [f"{check.__name__.strip('_')}: {what}" for check in CHECKS for what in check(seen)]


def _see(world: World, people: People, session: Session, depth: int) -> Seen:
    lanes = list(session.scalars(sa.select(LaneRow)))
    production = {
        task.id: task
        for project in world.projects.values()
        for task in world.production.writer().tasks(project)
    }
    writer = world.sandbox.writer()
    projects = [p for p in writer.projects() if "practice of" in p.title]
    sandbox = {task.id: task for project in projects for task in writer.tasks(project.id)}
    items = list(session.scalars(sa.select(PracticeItem)))
    return Seen(
        world=world,
        people=people,
        session=session,
        production=production,
        sandbox=sandbox,
        lanes=lanes,
        items=items,
        snapshots={row.digest: row for row in session.scalars(sa.select(SnapshotRow))},
        submissions={row.item_id: row for row in session.scalars(sa.select(Submission))},
        depth=depth,
        by_task={item.sandbox_task_id: item for item in items if item.sandbox_task_id},
    )


def _every_event_was_looked_at(seen: Seen) -> Iterator[str]:
    count = seen.session.scalar(
        sa.select(sa.func.count(Event.key)).where(Event.handled_at.is_(None))
    )
    if count:
        yield f"{count} events are unhandled"


def _answered_tasks_are_eligible(seen: Seen) -> Iterator[str]:
    known = set(
        seen.session.scalars(
            sa.select(ProductionTask.id).where(ProductionTask.deleted_at.is_(None))
        )
    )
    for task in seen.production.values():
        if cloning.is_answered(task) and task.id not in known:
            yield f"production task {task.id} is answered and not eligible"


def _everybody_has_every_item_once(seen: Seen) -> Iterator[str]:
    trainees = list(seen.session.scalars(sa.select(Trainee).where(Trainee.left_at.is_(None))))
    if len(trainees) != len(seen.world.sandbox.tokens):
        yield f"{len(trainees)} trainees of {len(seen.world.sandbox.tokens)}"
    lanes = {(lane.trainee_id, lane.production_project_id): lane for lane in seen.lanes}
    have = {(item.snapshot, item.trainee_id) for item in seen.items}
    waiting = Counter(
        item.lane_id
        for item in seen.items
        if item.id not in seen.submissions and not item.skipped_at and not item.expired_at
    )
    eligible = sa.select(ProductionTask).where(ProductionTask.deleted_at.is_(None))
    for task in seen.session.scalars(eligible):
        for trainee in trainees:
            lane = lanes.get((trainee.id, task.project_id))
            if lane is None:
                yield f"trainee {trainee.id} has no lane for project {task.project_id}"
            elif (task.snapshot, trainee.id) not in have and waiting[lane.id] < seen.depth:
                yield f"task {task.id} was not given to trainee {trainee.id}"


def _items_and_copies_are_one_to_one(seen: Seen) -> Iterator[str]:
    for item in seen.items:
        if item.expired_at is not None:
            continue
        task = seen.sandbox.get(item.sandbox_task_id or 0)
        if task is None:
            yield f"item {item.id} has no task in the sandbox ({item.sandbox_task_id})"
        elif cloning.key_of(task) != item.key:
            yield f"item {item.id} is task {task.id}, which has another key"
    owners: Mapping[int, PracticeItem] = seen.by_task
    for task_id in seen.sandbox.keys() - owners.keys():
        yield f"task {task_id} in the sandbox is no item"


def _copies_show_the_suggestion_once(seen: Seen) -> Iterator[str]:
    for task_id, item in seen.by_task.items():
        task = seen.sandbox.get(task_id)
        if task is None or item.expired_at is not None:
            continue
        shown = [p for p in task.predictions if p.model_version == cloning.SHOWN_VERSION]
        wanted = seen.snapshots[item.snapshot].suggestion
        if len(shown) != (wanted is not None):
            yield f"task {task_id} shows {len(shown)} suggestions"
        others = len(task.predictions) - len(shown)
        if others and item.id not in seen.submissions:
            yield f"task {task_id} has {others} other predictions before it was answered"


def _submissions_are_the_first_answers(seen: Seen) -> Iterator[str]:
    for task_id, item in seen.by_task.items():
        task = seen.sandbox.get(task_id)
        if task is None:
            continue
        first = comparing.first_submission(task.annotations, item.trainee_id)
        stored = seen.submissions.get(item.id)
        if first is None and stored is None:
            continue
        if first is None or stored is None or first.id != stored.annotation_id:
            have, want = stored and stored.annotation_id, first and first.id
            yield f"item {item.id}: annotation {have} is its submission, {want} is the first"
        elif answer_from_json(stored.answer) not in seen.people.said[first.id]:
            yield f"item {item.id}: the submission says what was never said"


def _comparisons_are_those_of_both_answers(seen: Seen) -> Iterator[str]:
    stored = {row.item_id: row for row in seen.session.scalars(sa.select(Comparison))}
    for item in seen.items:
        row, submission = stored.get(item.id), seen.submissions.get(item.id)
        reference = _reference(seen, item)
        if submission is None or reference is None:
            if row is not None and row.withdrawn_at is None:
                yield f"item {item.id} is compared and lacks an answer"
            continue
        if row is None or row.withdrawn_at is not None:
            yield f"item {item.id} has both answers and is not compared"
            continue
        snapshot = seen.snapshots[item.snapshot]
        scheme = schemes.of_kind(registry.load(snapshot.kind), snapshot.label_config)
        _, outcome = scheme.closest((reference,), answer_from_json(submission.answer))
        if answer_from_json(row.reference_answer) != reference:
            yield f"item {item.id} is compared with another reference"
        elif comparing.digest_of(outcome.differences) != row.outcome:
            yield f"item {item.id}: another outcome"
        elif outcome.agreement != row.agreement:
            yield f"item {item.id}: agreement {row.agreement}, not {outcome.agreement}"


def _reference(seen: Seen, item: PracticeItem) -> Answer | None:
    task = seen.production.get(item.production_task_id)
    snapshot = seen.snapshots[item.snapshot]
    if task is None or cloning.digest_of(task.data) != snapshot.data_digest:
        return None
    accepted = [a for a in task.annotations if not a.was_cancelled]
    if not accepted:
        return None
    committed = max(accepted, key=lambda a: (a.updated_at, a.id))
    return schemes.of_kind(registry.load(snapshot.kind), snapshot.label_config).read(
        committed.regions, task.data
    )


def _everything_was_told(seen: Seen) -> Iterator[str]:
    told = {(f.comparison_id, f.revision): f for f in seen.session.scalars(sa.select(Feedback))}
    for row in seen.session.scalars(sa.select(Comparison).where(Comparison.withdrawn_at.is_(None))):
        feedback = told.get((row.id, row.revision))
        if feedback is None:
            yield f"comparison {row.id} has nothing to tell"
        elif feedback.state != "sent":
            yield f"feedback {feedback.id} is {feedback.state}"
    posted = set(_posted(seen.world))
    for feedback in told.values():
        if feedback.state == "sent" and f"feedback-{feedback.id}" not in posted:
            yield f"feedback {feedback.id} is noted as sent and never came"


def _nothing_was_told_twice(seen: Seen) -> Iterator[str]:
    """But for a message whose sender died, or was not answered, before it could note it."""
    excuses = sorted([*seen.world.kills(), *seen.world.lost_answers])
    for key, moments in _posted(seen.world).items():
        for first, second in pairwise(moments):
            position = bisect_left(excuses, first - 0.1)
            if position == len(excuses) or excuses[position] > second:
                yield f"{key} came twice, {second - first:.1f} s apart, for no reason"


def _posted(world: World) -> dict[str, list[float]]:
    """When each message came to Slack, by its key."""
    found: dict[str, list[float]] = defaultdict(list)
    for arguments in list(world.slack.posted):
        for key in arguments["metadata"]["event_payload"]["key"].split(KEYS_JOIN):
            found[key].append(float(arguments["came_at"]))
    return found


def _no_time_is_counted_twice(seen: Seen) -> Iterator[str]:
    counted: dict[int, float] = defaultdict(float)
    for row in seen.session.scalars(sa.select(PracticeTime)):
        counted[row.annotation_id] += row.active_seconds
    lead: dict[int, float] = {
        annotation.id: annotation.lead_time_seconds or 0.0
        for task in seen.sandbox.values()
        for annotation in task.annotations
    }
    for annotation_id, seconds in counted.items():
        if seconds > lead.get(annotation_id, 0.0) + 1e-6:
            yield f"annotation {annotation_id}: {seconds} s of {lead.get(annotation_id)}"


CHECKS: tuple[Callable[[Seen], Iterator[str]], ...] = (
    _every_event_was_looked_at,
    _answered_tasks_are_eligible,
    _everybody_has_every_item_once,
    _items_and_copies_are_one_to_one,
    _copies_show_the_suggestion_once,
    _submissions_are_the_first_answers,
    _comparisons_are_those_of_both_answers,
    _everything_was_told,
    _nothing_was_told_twice,
    _no_time_is_counted_twice,
)
