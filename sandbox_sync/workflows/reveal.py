"""Put the reference beside a trainee's own answer in the sandbox, and take it away in time.

A reference is in the sandbox only while nobody has an item of its production
task open: it is shown after every answer, and taken back before the task is
given to somebody else. ``revealed_at`` is set before anything is pushed and
cleared after it is gone, so that what may be there is always known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import chain, groupby
from operator import attrgetter

from projects.kit import logs
from projects.kit.database import now as this_moment
from projects.kit.errors import LabelStudioRefused, NotInLabelStudio, PlatformError
from projects.vocabulary import Json, Prediction, Task
from sandbox_sync.db import reveals as rows
from sandbox_sync.workflows.apart import apart
from sandbox_sync.workflows.room import Room

VERSION = "reference"
"""The tab's name in the editor. The project keeps showing suggestions."""
LIMIT = 40
"""Items in one pass; the next one goes on."""
REFUSED_FOR = timedelta(hours=1)
"""Then a refused reference is tried again: the config may have its label back."""

_project_of = attrgetter("sandbox_project_id")
log = logs.get(__name__)


class NotKept(PlatformError):
    """Nobody kept the reference as Label Studio had it, and only a kind can write it anew."""

    def __init__(self, item_id: int) -> None:
        super().__init__(item_id)
        self.item_id = item_id

    def __str__(self) -> str:
        return f"The reference of item {self.item_id} cannot be shown in Label Studio."


def reveal_due(room: Room) -> None:
    """Take away what must not be shown or has changed; show what may be shown."""
    is_off = room.settings.reveal == "off"
    cut_off = this_moment() - timedelta(seconds=room.settings.in_flight_seconds)
    with room.reading() as session:
        if is_off:
            wrong = rows.everything(session, limit=LIMIT)
        else:
            wrong = rows.outdated(session, before=cut_off, limit=LIMIT)
    take_back_all(room, wrong)
    if is_off:
        return
    with room.reading() as session:
        due = rows.due(session, limit=LIMIT, besides=_put_off(room))
    reveal(room, due)


def _put_off(room: Room) -> list[int]:
    """Items whose reference was refused lately: it is not tried at every look."""
    since = this_moment() - REFUSED_FOR
    return [item_id for item_id, moment in room.refused.items() if moment > since]


def take_back_all(room: Room, in_the_way: Iterable[rows.Shown]) -> None:
    """Take back references to tasks that somebody is about to be given."""
    for shown in in_the_way:
        with apart("reveal", item=shown.item_id):
            take_back(room, shown)


def reveal(room: Room, item_ids: Collection[int]) -> None:
    """Show these references, each once, in three requests for each project they are in."""
    moment = this_moment()
    with room.transaction() as session:
        claimed = rows.claim(session, item_ids, now=moment)
    claimed.sort(key=_project_of)
    for project_id, wanted in groupby(claimed, key=_project_of):
        with apart("reveal", sandbox_project=project_id):
            _show(room, project_id, list(wanted), moment)


def _show(room: Room, project_id: int, wanted: Sequence[rows.ToShow], moment: datetime) -> None:
    tasks = [one.sandbox_task_id for one in wanted]
    before = _shown_among(room, project_id, tasks)
    for number in chain.from_iterable(before.values()):
        room.sandbox.delete_prediction(number)
    _push(room, project_id, [one for one in wanted if one.sandbox_task_id in before])
    after = _shown_among(room, project_id, tasks)
    shown = {one.item_id: after.get(one.sandbox_task_id, []) for one in wanted}
    with room.transaction() as session:
        kept = {
            item_id
            for item_id, numbers in shown.items()
            if numbers
            and rows.settle(session, item_id, revealed_at=moment, prediction_id=numbers[0])
        }
    for item_id, numbers in shown.items():
        for number in numbers[1:] if item_id in kept else numbers:
            room.sandbox.delete_prediction(number)
        log.info("reference.shown" if item_id in kept else "reference.not_shown", item=item_id)


def _push(room: Room, project_id: int, wanted: Iterable[rows.ToShow]) -> None:
    """All in one request, or each by itself where Label Studio refuses one of them."""
    made = _predictions(room, wanted)
    try:
        room.sandbox.push_predictions(project_id, list(made.values()))
    except LabelStudioRefused:
        for item_id, one in made.items():
            with _perhaps_refused(room, item_id):
                room.sandbox.push_predictions(project_id, [one])


def _predictions(room: Room, wanted: Iterable[rows.ToShow]) -> dict[int, Prediction]:
    """By item."""
    made = {}
    for one in wanted:
        with _perhaps_refused(room, one.item_id):
            regions = _regions(room, one)
            made[one.item_id] = Prediction(one.sandbox_task_id, VERSION, None, regions)
    return made


@contextmanager
def _perhaps_refused(room: Room, item_id: int) -> Iterator[None]:
    """A reference that cannot be shown, say for a label that the config has lost."""
    with apart("reveal", item=item_id):
        try:
            yield
        except (LabelStudioRefused, NotKept):
            room.refused[item_id] = this_moment()
            raise


def _regions(room: Room, wanted: rows.ToShow) -> tuple[Json, ...]:
    """As production had them; written anew where nobody kept them."""
    if wanted.regions is not None:
        return tuple(wanted.regions)
    kind = room.scheme(wanted.kind, wanted.label_config).kind
    if kind is None:
        raise NotKept(wanted.item_id)
    return tuple(kind.write(wanted.reference, wanted.data))


def take_back(room: Room, shown: rows.Shown) -> None:
    """Remove a reference from the sandbox, unless a push of it may still be under way."""
    age = this_moment() - shown.revealed_at
    if shown.prediction_id is None and age < timedelta(seconds=room.settings.in_flight_seconds):
        return
    for number in _shown_in(room, shown.sandbox_task_id):
        room.sandbox.delete_prediction(number)
    with room.transaction() as session:
        rows.clear(session, shown)
    log.info("reference.taken_back", item=shown.item_id)


def remove_strays(room: Room, project_id: int) -> None:
    """Remove references that we do not know to be there: a push can land long after its sender."""
    marked = room.sandbox.touched(project_id, predicted_by=VERSION).keys()
    with room.transaction() as session:
        strange = marked - rows.showing(session, marked)
    for task_id, numbers in _shown_among(room, project_id, strange).items():
        for number in numbers:
            room.sandbox.delete_prediction(number)
            log.warning("reference.stray", sandbox_task=task_id)


def _shown_among(room: Room, project_id: int, task_ids: Collection[int]) -> dict[int, list[int]]:
    """The references that stand at each of these sandbox tasks, where the task is there."""
    return {task.id: _references(task) for task in room.sandbox.tasks(project_id, among=task_ids)}


def _shown_in(room: Room, sandbox_task_id: int | None) -> list[int]:
    if sandbox_task_id is None:
        return []
    try:
        return _references(room.sandbox.task(sandbox_task_id))
    except NotInLabelStudio:
        return []


def _references(task: Task) -> list[int]:
    return sorted(p.id for p in task.predictions if p.model_version == VERSION and p.id is not None)
