"""From messages to Label Studio tasks: one per kind that applies, each created once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from projects.flow import display
from projects.flow.messages import Message, message_to_json
from projects.flow.reading import read_messages
from projects.kinds import registry
from projects.kit import logs
from projects.kit.errors import BadInput
from projects.kit.label_studio import LabelStudioReader, LabelStudioWriter
from projects.vocabulary import Json

__all__ = ["IntakeResult", "Message", "MessageConflict", "decompose", "load", "read_messages"]

IMPORT_CHUNK = 500
MAX_LISTED = 20

Progress = Callable[[str, int, int], None]
"""Called with the kind, the tasks that are there by now, and how many there will be."""


class MessageConflict(BadInput):
    """Messages whose ids Label Studio already has, with another text."""

    status = 409

    def __init__(self, message_ids: tuple[str, ...]) -> None:
        shown = ", ".join(message_ids[:MAX_LISTED])
        more = f" and {len(message_ids) - MAX_LISTED} more" if len(message_ids) > MAX_LISTED else ""
        what = f"already loaded with another text: {shown}{more}. Nothing was loaded"
        super().__init__(what, "message id")
        self.args = (message_ids,)
        self.message_ids = message_ids


@dataclass(frozen=True)
class KindCount:
    """What loading did for one kind."""

    created: int
    already_there: int


@dataclass(frozen=True)
class IntakeResult:
    """What loading did, by name of the kind."""

    kinds: Mapping[str, KindCount]

    @property
    def created(self) -> int:
        """Tasks created, over all kinds."""
        return sum(count.created for count in self.kinds.values())

    @property
    def already_there(self) -> int:
        """Tasks that needed nothing, over all kinds."""
        return sum(count.already_there for count in self.kinds.values())


@dataclass(frozen=True)
class _Plan:
    kind: str
    project_id: int
    rows: tuple[Json, ...]
    already_there: int


def decompose(message: Message) -> dict[str, Json]:
    """The data of the message's tasks, by name of the kind.

    Every kind that exists asks about the text, so every kind applies.
    """
    data = message_to_json(message)
    data["message_id"] = data.pop("id")
    data["sent_at"] = data["sent_at"] or ""
    data["heading"] = display.heading(message)
    data["byline"] = display.byline(message)
    data["context"] = display.context(message)
    return {name: dict(data) for name in registry.names()}


def load(
    messages: Sequence[Message],
    *,
    writer: LabelStudioWriter,
    projects: Mapping[str, int],
    progress: Progress | None = None,
) -> IntakeResult:
    """Make sure every message has its tasks; safe to run again, and after a kill.

    Two calls at the same moment for one project are not kept apart: Label
    Studio has no way to refuse a task it already has.

    Raises
    ------
    MessageConflict
        When a message id is known with another text; nothing is created then.
    """
    repeated = len(messages) - len({message.id for message in messages})
    if repeated:
        raise BadInput(f"{repeated} messages have the id of another one", "messages")
    tasks = [decompose(message) for message in messages]
    plans = _plan(tasks, writer, projects)
    counts = {plan.kind: _carry_out(plan, writer, progress) for plan in plans}
    return IntakeResult(counts)


def _plan(
    tasks: Sequence[Mapping[str, Json]], reader: LabelStudioReader, projects: Mapping[str, int]
) -> list[_Plan]:
    """Look at every project before anything is created in any."""
    plans: list[_Plan] = []
    conflicts: dict[str, None] = {}
    for kind, project_id in projects.items():
        wanted = [row[kind] for row in tasks if kind in row]
        known = _texts(reader, project_id)
        there = [row for row in wanted if row["message_id"] in known]
        conflicts |= {
            row["message_id"]: None for row in there if known[row["message_id"]] != row["text"]
        }
        rows = tuple(row for row in wanted if row["message_id"] not in known)
        plans.append(_Plan(kind, project_id, rows, len(there)))
    if conflicts:
        raise MessageConflict(tuple(conflicts))
    return plans


def _texts(reader: LabelStudioReader, project_id: int) -> dict[str, str]:
    tasks = reader.tasks(project_id)
    return {
        str(task.data["message_id"]): str(task.data.get("text") or "")
        for task in tasks
        if "message_id" in task.data
    }


def _carry_out(plan: _Plan, writer: LabelStudioWriter, progress: Progress | None) -> KindCount:
    total = plan.already_there + len(plan.rows)
    if progress:
        progress(plan.kind, plan.already_there, total)
    for first in range(0, len(plan.rows), IMPORT_CHUNK):
        chunk = plan.rows[first : first + IMPORT_CHUNK]
        writer.import_tasks(plan.project_id, [{"data": data, "meta": {}} for data in chunk])
        if progress:
            progress(plan.kind, plan.already_there + first + len(chunk), total)
    if plan.rows:
        _remove_twins(plan.project_id, writer)
    logs.get(__name__).info(
        "tasks.created", kind=plan.kind, created=len(plan.rows), already_there=plan.already_there
    )
    return KindCount(created=len(plan.rows), already_there=plan.already_there)


def _remove_twins(project_id: int, writer: LabelStudioWriter) -> None:
    """Second tasks of one message, which a busy Label Studio can make of one import.

    It handles a request again from the start when its database was locked. Of
    twins the one that somebody answered stays, else the first.
    """
    seen: set[str] = set()
    for task in sorted(writer.tasks(project_id), key=lambda t: (not t.annotations, t.id)):
        message_id = str(task.data.get("message_id", ""))
        if message_id in seen and not task.annotations:
            writer.delete_task(task.id)
            logs.get(__name__).warning("task.twin_removed", task=task.id)
        if message_id:
            seen.add(message_id)
