"""Old predictions leave Label Studio, and nothing else does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import httpx
import pytest
import sqlalchemy as sa

from backend_ml import model_store, pruning, publishing
from backend_ml.tables import PublicationRow, VersionRow
from projects.kit.database import transaction
from projects.kit.errors import LabelStudioUnavailable
from tests.backend_ml.conftest import Desk

MakeDesk = Callable[..., Desk]
HOUR = 3600.0


def publish_versions(desk: Desk, count: int) -> None:
    """So many versions, each published; after each, ten of its tasks are answered."""
    desk.answer(30)
    desk.hear()
    for turn in range(count):
        assert desk.train(f"train-{turn}") is not None
        publishing.publish(desk.workshop, desk.project_id)
        shown = desk.workshop.studio.project(desk.project_id).model_version
        for task_id, version in desk.stored():
            if version == shown and turn < count - 1 and is_left(desk, shown, 10):
                if not desk.workshop.studio.task(task_id).annotations:
                    desk.answer_task(task_id)
        desk.hear()


def is_left(desk: Desk, version: str, most: int) -> bool:
    """Whether fewer than ``most`` tasks of a version have been answered."""
    tasks = list(desk.workshop.studio.tasks(desk.project_id, predicted_by=version))
    return sum(bool(task.annotations) for task in tasks) < most


def versions(desk: Desk) -> Counter[str]:
    return Counter(version for _, version in desk.stored())


def shown(desk: Desk) -> str:
    return desk.workshop.studio.project(desk.project_id).model_version


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    made = make_desk(tasks=120, batch_size=12, low_water=5)
    publish_versions(made, 5)
    return made


def prune(desk: Desk) -> int:
    return pruning.prune(desk.workshop, desk.project_id)


def test_answered_tasks_lose_old_predictions_first(desk: Desk) -> None:
    before = versions(desk)
    assert set(before) == {f"intent-000{n}" for n in range(1, 6)}
    assert prune(desk) == 0  # whoever answered may still be at it
    desk.clock.forward(2 * HOUR)
    removed = prune(desk)
    assert removed > 0
    after = versions(desk)
    assert after["intent-0001"] == before["intent-0001"] - removed
    still = {task_id for task_id, version in desk.stored() if version == "intent-0001"}
    assert all(not desk.workshop.studio.task(task_id).annotations for task_id in still)
    assert shown(desk) == "intent-0005"


def test_after_a_day_all_of_it_goes_and_the_newest_stay(desk: Desk) -> None:
    before = versions(desk)
    desk.clock.forward(25 * HOUR)
    while prune(desk):
        pass
    kept = {name: count for name, count in before.items() if name > "intent-0002"}
    assert versions(desk) == kept
    assert shown(desk) == "intent-0005"
    assert prune(desk) == 0


def test_a_round_is_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "ROUND", 4)
    desk.clock.forward(25 * HOUR)
    assert [prune(desk), prune(desk)] == [4, 4]


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_round_that_is_cut_off_is_carried_on(desk: Desk, after_effect: bool) -> None:  # noqa: FBT001
    desk.clock.forward(25 * HOUR)
    desk.fake.fail_next(
        "DELETE", "/api/predictions", after_effect=after_effect, error=httpx.ConnectError
    )
    with pytest.raises(LabelStudioUnavailable):
        prune(desk)
    while prune(desk):
        pass
    assert set(versions(desk)) == {"intent-0003", "intent-0004", "intent-0005"}
    with transaction(desk.workshop.sessions) as session:
        rows = session.scalars(sa.select(PublicationRow)).all()
        assert all((row.pruned_at is None) == (row.version > "intent-0002") for row in rows)


def test_a_version_that_serves_again_stays(desk: Desk) -> None:
    desk.clock.forward(25 * HOUR)
    with transaction(desk.workshop.sessions) as session:
        first = session.scalars(sa.select(VersionRow).where(VersionRow.number == 1)).one()
        model_store.serve(session, first)
    before = versions(desk)["intent-0001"]
    while prune(desk):
        pass
    assert versions(desk)["intent-0001"] == before
    publishing.publish(desk.workshop, desk.project_id)
    assert shown(desk) == "intent-0001"


def test_what_was_removed_can_be_published_again(desk: Desk) -> None:
    desk.clock.forward(25 * HOUR)
    while prune(desk):
        pass
    with transaction(desk.workshop.sessions) as session:
        first = session.scalars(sa.select(VersionRow).where(VersionRow.number == 1)).one()
        model_store.serve(session, first)
    publishing.publish(desk.workshop, desk.project_id)
    assert shown(desk) == "intent-0001"
    assert versions(desk)["intent-0001"] > 0
    assert set(Counter(desk.stored()).values()) == {1}


def test_a_version_that_label_studio_shows_stays(desk: Desk) -> None:
    desk.clock.forward(25 * HOUR)
    desk.workshop.studio.update_project(desk.project_id, model_version="intent-0001")
    assert prune(desk) == 0
    assert versions(desk)["intent-0001"] > 0
