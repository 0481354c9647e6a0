from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from prometheus_client import generate_latest

from backend_ml import evidence, planning, publishing, waiting
from backend_ml.metrics import Metrics
from backend_ml.selecting import ACTIVE, RANDOM
from backend_ml.tables import AssignmentRow, PublicationRow, VersionRow
from projects.kit.database import transaction
from projects.kit.errors import LabelStudioUnavailable
from projects.vocabulary import Prediction
from tests.backend_ml.conftest import Desk

MakeDesk = Callable[..., Desk]


def served(desk: Desk) -> str:
    return desk.workshop.studio.project(desk.project_id).model_version


def random_tasks(desk: Desk) -> set[int]:
    with transaction(desk.workshop.sessions) as session:
        query = sa.select(AssignmentRow.task_id).where(AssignmentRow.arm == RANDOM)
        return set(session.scalars(query))


def test_nothing_is_published_before_a_model_can_serve(make_desk: MakeDesk) -> None:
    desk = make_desk()
    desk.answer(10)
    desk.hear()
    assert desk.train("one") is None
    assert publishing.publish(desk.workshop, desk.project_id) == 0
    assert desk.stored() == []


@pytest.mark.parametrize("kind_name", ["intent", "details"])
def test_the_first_model_publishes_one_batch(
    make_desk: MakeDesk, kind_name: str, database_url: str
) -> None:
    desk = make_desk(kind_name, database_url=database_url)
    desk.answer(40)
    desk.hear()
    version = f"{kind_name}-0001"
    assert desk.train("one") == version
    assert publishing.publish(desk.workshop, desk.project_id) == 40
    assert served(desk) == version
    stored = desk.stored()
    assert Counter(v for _, v in stored) == {version: 40}
    assert {task_id for task_id, _ in stored}.isdisjoint(desk.task_ids[:40])
    assert len(random_tasks(desk)) == 4
    tasks = desk.workshop.studio.tasks(desk.project_id)
    pushed = [prediction for task in tasks for prediction in task.predictions]
    assert all(p.confidence is not None and 0 <= p.confidence <= 1 for p in pushed)


def test_publishing_again_changes_nothing(make_desk: MakeDesk) -> None:
    desk = make_desk()
    desk.answer(40)
    desk.hear()
    desk.train("one")
    publishing.publish(desk.workshop, desk.project_id)
    before = desk.stored()
    assert publishing.publish(desk.workshop, desk.project_id) == 0
    assert desk.stored() == before


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("after_effect", [False, True])
def test_an_interrupted_publication_is_carried_on(
    make_desk: MakeDesk,
    method: str,
    after_effect: bool,  # noqa: FBT001
) -> None:
    desk = make_desk()
    desk.answer(40)
    desk.hear()
    desk.train("one")
    desk.fake.fail_next(
        method,
        "/api/projects",
        times=1 if method == "POST" else 3,  # the SDK itself repeats what is not a POST
        after_effect=after_effect,
        error=httpx.ConnectError,
    )
    with pytest.raises(LabelStudioUnavailable):
        publishing.publish(desk.workshop, desk.project_id)
    drawn = random_tasks(desk)
    publishing.publish(desk.workshop, desk.project_id)
    assert random_tasks(desk) == drawn
    assert Counter(Counter(desk.stored()).values()) == {1: 40}
    assert served(desk) == "intent-0001"


def test_a_push_that_was_cut_off_is_given_time_to_land(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(in_flight_seconds=30)
    desk.answer(40)
    desk.hear()
    desk.train("one")
    studio = desk.workshop.studio
    late: list[Sequence[Prediction]] = []

    def killed(_: int, rows: Sequence[Prediction]) -> None:
        late.append(rows)
        raise KeyboardInterrupt

    waited: list[float] = []

    def landing(seconds: float) -> None:
        waited.append(seconds)
        monkeypatch.undo()
        studio.push_predictions(desk.project_id, late[0])

    monkeypatch.setattr(studio, "push_predictions", killed)
    with pytest.raises(KeyboardInterrupt):
        publishing.publish(desk.workshop, desk.project_id)
    monkeypatch.setattr("backend_ml.publishing.time.sleep", landing)
    publishing.publish(desk.workshop, desk.project_id)
    assert 0 < waited[0] <= 30
    assert Counter(Counter(desk.stored()).values()) == {1: 40}


def test_what_label_studio_has_is_not_pushed_on_a_first_run_either(make_desk: MakeDesk) -> None:
    desk = make_desk()
    desk.answer(40)
    desk.hear()
    version = desk.train("one")
    there = [
        Prediction(task_id, str(version), 0.5, ()) for task_id in desk.task_ids[40:80]
    ]  # as Label Studio stores what it asked of /predict
    desk.workshop.studio.push_predictions(desk.project_id, there)
    publishing.publish(desk.workshop, desk.project_id)
    assert set(Counter(desk.stored()).values()) == {1}
    with transaction(desk.workshop.sessions) as session:
        planned = session.scalars(sa.select(PublicationRow.task_id)).all()
    assert set(planned) <= {task_id for task_id, _ in desk.stored()}
    assert served(desk) == version


def test_a_task_that_is_gone_does_not_hold_up_the_rest(make_desk: MakeDesk) -> None:
    desk = make_desk(tasks=60)
    desk.answer(30)
    desk.hear()
    desk.train("one")
    desk.workshop.studio.delete_task(desk.task_ids[-1])
    publishing.publish(desk.workshop, desk.project_id)
    assert Counter(desk.stored()).total() == 29
    with transaction(desk.workshop.sessions) as session:
        open_ids = [task for task, _ in waiting.open_tasks(session, desk.project_id)]
    assert desk.task_ids[-1] not in open_ids


def test_random_tasks_stay_published_until_answered(make_desk: MakeDesk) -> None:
    desk = make_desk(tasks=160, batch_size=20, random_share=0.2)
    desk.answer(30)
    desk.hear()
    desk.train("train-0")
    publishing.publish(desk.workshop, desk.project_id)
    for turn in range(1, 4):
        waiting = random_tasks(desk)
        version = served(desk)
        queue = sorted(
            (p.confidence or 0.0, task.id)
            for task in desk.workshop.studio.tasks(desk.project_id)
            for p in task.predictions
            if p.model_version == version and not task.annotations
        )
        for _, task_id in queue[:8]:  # as Label Studio serves them
            desk.answer_task(task_id)
            waiting.discard(task_id)
        desk.hear()
        assert desk.train(f"train-{turn}") is not None
        publishing.publish(desk.workshop, desk.project_id)
        now = {task_id for task_id, v in desk.stored() if v == served(desk)}
        still_open = {
            t.id for t in desk.workshop.studio.tasks(desk.project_id) if not t.annotations
        }
        assert waiting & still_open <= now
        assert waiting <= random_tasks(desk)


def test_a_low_queue_is_topped_up_under_the_same_version(make_desk: MakeDesk) -> None:
    desk = make_desk(tasks=160, batch_size=20, low_water=15, random_share=0.0)
    desk.answer(30)
    desk.hear()
    desk.train("one")
    publishing.publish(desk.workshop, desk.project_id)
    with desk.workshop.reading() as session:
        assert not planning.runs_low(session, desk.workshop, desk.project_id)
    for task_id, _ in desk.stored()[:6]:
        desk.answer_task(task_id)
    desk.hear()
    with desk.workshop.reading() as session:
        assert planning.runs_low(session, desk.workshop, desk.project_id)
    assert publishing.publish(desk.workshop, desk.project_id) > 0
    assert set(Counter(desk.stored()).values()) == {1}
    with desk.workshop.reading() as session:
        assert not planning.runs_low(session, desk.workshop, desk.project_id)


def test_evidence_compares_suggestions_with_answers(make_desk: MakeDesk) -> None:
    desk = make_desk()
    desk.listen()
    desk.answer(40)
    desk.hear()
    desk.train("one")
    publishing.publish(desk.workshop, desk.project_id)
    desk.clock.forward(5)
    for task_id, _ in desk.stored()[:30]:
        desk.answer_task(task_id)
    desk.hear()
    with transaction(desk.workshop.sessions) as session:
        found = evidence.collect(session, desk.workshop.settings.projects)
        planned = session.scalars(sa.select(PublicationRow)).all()
        assert all(row.pushed_at for row in planned)
        assert session.scalars(sa.select(VersionRow.serving_at)).one() is not None
    project = found["projects"][str(desk.project_id)]
    assert project["labels"]["total"] == 70
    assert project["labels"]["by_arm"]["unpublished"] == 40
    assert project["labels"]["by_outcome"]["unaided"] == 40
    told = [bucket["all"] for bucket in project["accuracy"] if bucket["all"]]
    assert sum(estimate["n"] for estimate in told) == 30
    assert project["versions"][0]["version"] == "intent-0001"
    assert project["versions"][0]["promoted"]
    assert project["label_to_serving_seconds"]["from_last"]["n"] == 1


def test_a_plan_of_an_older_version_is_given_up(make_desk: MakeDesk) -> None:
    desk = make_desk()
    desk.answer(40)
    desk.hear()
    desk.train("one")
    desk.fake.fail_next("POST", "/api/projects", times=1, error=httpx.ConnectError)
    with pytest.raises(LabelStudioUnavailable):
        publishing.publish(desk.workshop, desk.project_id)
    # Decided on, but not published.
    assert b"_predictions{project" not in generate_latest(Metrics(desk.workshop.reading).registry)
    drawn = random_tasks(desk)
    desk.answer(10, first=40)
    desk.hear()
    assert desk.train("two") == "intent-0002"
    publishing.publish(desk.workshop, desk.project_id)
    assert b"_predictions{project" in generate_latest(Metrics(desk.workshop.reading).registry)
    with transaction(desk.workshop.sessions) as session:
        assert evidence.is_settled(session, desk.project_id)
        versions = set(session.scalars(sa.select(PublicationRow.version)))
    assert versions == {"intent-0002"}
    assert drawn <= random_tasks(desk)


def project_evidence(desk: Desk) -> dict[str, Any]:
    with transaction(desk.workshop.sessions) as session:
        found = evidence.collect(session, desk.workshop.settings.projects)
    return dict(found["projects"][str(desk.project_id)])


def test_the_random_arm_is_told_from_whole_draws_only(make_desk: MakeDesk) -> None:
    desk = make_desk(batch_size=20, random_share=0.2)
    desk.listen()
    desk.answer(30)
    desk.hear()
    desk.train("one")
    publishing.publish(desk.workshop, desk.project_id)
    desk.clock.forward(5)
    first, *others = sorted(random_tasks(desk))
    desk.answer_task(first)
    desk.hear()
    told = project_evidence(desk)
    assert told["random_draws"] == [{"epoch": 1, "drawn": 4, "answered": 1, "complete": False}]
    assert all(bucket["random"] is None for bucket in told["accuracy"])
    for task_id in others:
        desk.answer_task(task_id)
    desk.hear()
    told = project_evidence(desk)
    assert told["random_draws"] == [{"epoch": 1, "drawn": 4, "answered": 4, "complete": True}]
    assert [b["random"]["n"] for b in told["accuracy"] if b["random"]] == [4]


def test_what_is_not_chosen_again_belongs_to_no_arm(make_desk: MakeDesk) -> None:
    desk = make_desk(batch_size=20, random_share=0.2)
    desk.answer(30)
    desk.hear()
    desk.train("one")
    publishing.publish(desk.workshop, desk.project_id)
    desk.answer(30, first=30)
    desk.hear()
    desk.train("two")
    publishing.publish(desk.workshop, desk.project_id)
    with transaction(desk.workshop.sessions) as session:
        active = sa.select(AssignmentRow.task_id).where(AssignmentRow.arm == ACTIVE)
        still_open = {task_id for task_id, _ in waiting.open_tasks(session, desk.project_id)}
        chosen = set(session.scalars(active)) & still_open
        newest = sa.select(PublicationRow.task_id).where(PublicationRow.version == "intent-0002")
        assert chosen <= set(session.scalars(newest))


def test_what_was_only_published_is_no_measurement(make_desk: MakeDesk) -> None:
    desk = make_desk()
    desk.answer(40)
    desk.hear()
    desk.train("one")
    publishing.publish(desk.workshop, desk.project_id)
    desk.clock.forward(5)
    for task_id, _ in desk.stored()[:10]:
        desk.answer_task(task_id)
    desk.hear()  # no webhook told what was shown
    told = project_evidence(desk)
    assert told["labels"]["by_outcome"]["unaided"] == 40
    assert all(bucket["all"] is None for bucket in told["accuracy"])
