"""What people do to projects while the machine half is at work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from backend_ml import publishing, reconciling, retraining, worker
from backend_ml.learners.choice_linear import ChoiceLinear
from backend_ml.predicting import Serving
from backend_ml.tables import LabelRow, VersionRow
from projects.kinds import registry
from projects.kit.database import transaction
from projects.vocabulary import Answer, Mark
from tests.backend_ml.conftest import Desk
from tests.backend_ml.corpus import messages

MakeDesk = Callable[..., Desk]
LABELLED = 60
CANCEL = '<Choice value="Cancel" hotkey="3"/>'


def labels_of(desk: Desk, version: str) -> set[str]:
    """What predictions of a version suggest in Label Studio."""
    kind = registry.load("intent")
    return {
        mark.label
        for task in desk.workshop.studio.tasks(desk.project_id)
        for prediction in task.predictions
        if prediction.model_version == version
        for mark in kind.read(prediction.regions, task.data)
    }


def suggested(desk: Desk) -> set[str]:
    """What /predict suggests for every text, under the config as it is now."""
    config = desk.workshop.studio.project(desk.project_id).label_config
    serving = Serving(desk.workshop.reading, desk.workshop.store)
    tasks = [{"data": {"text": text}} for text, _, _ in messages(40)]
    items = serving.predict(desk.project_id, desk.kind, tasks, config=config)
    return {region["value"]["choices"][0] for item in items if item for region in item["result"]}


@pytest.fixture
def during_training(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Let something happen once, in the middle of a training."""

    def arrange(happening: Callable[[], Any]) -> None:
        honest, waiting = ChoiceLinear.fit, [happening]

        def fit(
            learner: ChoiceLinear, texts: Sequence[str], answers: Sequence[Answer], *, seed: int
        ) -> None:
            if waiting:
                waiting.pop()()
            honest(learner, texts, answers, seed=seed)

        monkeypatch.setattr(ChoiceLinear, "fit", fit)

    return arrange


def set_config(desk: Desk, config: str) -> None:
    """A person saves another labelling config, and the periodic look comes by."""
    desk.workshop.studio.update_project(desk.project_id, label_config=config)
    desk.hear()


def test_a_label_removed_while_a_model_learns_is_never_suggested(
    make_desk: MakeDesk, during_training: Callable[[Callable[[], Any]], None]
) -> None:
    desk = make_desk()
    desk.answer(LABELLED)
    desk.hear()
    without = desk.kind.label_config.replace(CANCEL, "")
    during_training(lambda: set_config(desk, without))
    version = desk.train("first")
    assert version is not None
    publishing.publish(desk.workshop, desk.project_id)
    assert labels_of(desk, version) <= {"New meeting", "Reschedule"}
    assert suggested(desk) == {"New meeting", "Reschedule"}
    second = desk.train("second")
    assert second is not None
    publishing.publish(desk.workshop, desk.project_id)
    assert labels_of(desk, second) == {"New meeting", "Reschedule"}


def test_a_label_added_while_a_model_learns_is_learned_next(
    make_desk: MakeDesk, during_training: Callable[[Callable[[], Any]], None]
) -> None:
    desk = make_desk()
    desk.answer(LABELLED)
    desk.hear()
    more = desk.kind.label_config.replace(CANCEL, f'{CANCEL}<Choice value="Brand new"/>')
    during_training(lambda: set_config(desk, more))
    assert desk.train("first") is not None
    kind = desk.kind.with_config(more)
    regions = kind.write((Mark("intent", "Brand new"),), {"text": "x"})
    for task_id in desk.task_ids[LABELLED : LABELLED + 30]:
        desk.workshop.studio.create_annotation(task_id, regions)
    desk.hear()
    with transaction(desk.workshop.sessions) as session:
        answers = session.scalars(sa.select(LabelRow.answer)).all()
    assert sum(row[0]["label"] == "Brand new" for row in answers) == 30
    assert desk.train("second") is not None


def test_a_config_that_cannot_be_served_is_waited_out(make_desk: MakeDesk) -> None:
    desk = make_desk()
    desk.answer(LABELLED)
    desk.hear()
    version = desk.train("first")
    assert version is not None
    honest = desk.kind.label_config
    # Label Studio keeps a control that has answers; what it is about may change under them.
    set_config(desk, honest.replace('value="$text"', 'value="$body"'))
    assert publishing.publish(desk.workshop, desk.project_id) == 0
    assert suggested(desk) == set()
    assert labelled(desk, desk.project_id) == LABELLED
    set_config(desk, honest)
    assert publishing.publish(desk.workshop, desk.project_id) > 0
    assert suggested(desk) == {"New meeting", "Reschedule", "Cancel"}


def labelled(desk: Desk, project_id: int) -> int:
    with transaction(desk.workshop.sessions) as session:
        query = sa.select(sa.func.count()).where(LabelRow.project_id == project_id)
        return session.scalar(query) or 0


def with_projects(desk: Desk, *numbers: int) -> Desk:
    """The same desk, whose settings name these projects too."""
    known = desk.workshop.settings.projects
    projects = known | dict.fromkeys(numbers, desk.kind.name)
    settings = desk.workshop.settings.model_copy(update={"projects": projects})
    return replace(desk, workshop=replace(desk.workshop, settings=settings))


def second_project(desk: Desk) -> Desk:
    """Another project of the same kind, in the same Label Studio and workshop."""
    studio = desk.workshop.studio
    project = studio.create_project("The other one", label_config=desk.kind.label_config)
    rows = [{"data": {"text": text, "heading": "", "context": ""}} for text, _, _ in messages(120)]
    ids = studio.import_tasks(project.id, rows)
    both = with_projects(desk, int(project.id))
    return replace(both, project_id=int(project.id), task_ids=ids)


def test_two_projects_of_one_kind_are_two(make_desk: MakeDesk) -> None:
    one = make_desk()
    two = second_project(one)
    one = replace(one, workshop=two.workshop)
    one.answer(LABELLED)
    turned = {"Cancel": "Reschedule", "Reschedule": "New meeting", "New meeting": "Cancel"}
    for task_id, (_, choice, _) in zip(two.task_ids[:LABELLED], messages(120), strict=False):
        swapped = (Mark("intent", turned[choice[0].label]),)
        two.workshop.studio.create_annotation(task_id, two.kind.write(swapped, {"text": "x"}))
    for desk in (one, two):
        desk.hear()
        version = desk.train(f"first-{desk.project_id}")
        assert version == "intent-0001"
        assert publishing.publish(desk.workshop, desk.project_id) > 0
        assert labelled(desk, desk.project_id) == LABELLED
        assert {task_id for task_id, _ in desk.stored()} <= set(desk.task_ids)
    text = next(text for text, choice, _ in messages(120) if choice[0].label == "Cancel")
    serving = Serving(one.workshop.reading, one.workshop.store)
    asked = [{"data": {"text": text}}]
    said = {
        desk.project_id: serving.predict(desk.project_id, desk.kind, asked)[0]["result"][0]["value"]
        for desk in (one, two)
    }
    assert said == {
        one.project_id: {"choices": ["Cancel"]},
        two.project_id: {"choices": ["Reschedule"]},
    }


def test_a_deleted_project_holds_up_no_other(make_desk: MakeDesk) -> None:
    gone = make_desk()
    other = second_project(gone)
    gone = replace(gone, workshop=other.workshop)
    for desk in (gone, other):
        desk.answer(LABELLED)
        desk.hear()
    assert gone.train("first") is not None
    gone.workshop.studio.request("DELETE", f"/api/projects/{gone.project_id}/")
    other.answer(5, first=LABELLED)
    for _ in range(3):
        worker._reconcile(gone.workshop)
        assert publishing.publish(gone.workshop, gone.project_id) == 0
    assert labelled(other, other.project_id) == LABELLED + 5
    version = other.train("other")
    assert version is not None
    assert publishing.publish(other.workshop, other.project_id) > 0


def test_settings_that_name_no_project_hold_up_no_other(make_desk: MakeDesk) -> None:
    desk = with_projects(make_desk(), 4711)
    desk.answer(LABELLED)
    worker._reconcile(desk.workshop)
    assert labelled(desk, desk.project_id) == LABELLED
    assert reconciling.reconcile(desk.workshop, 4711) == 0
    assert publishing.publish(desk.workshop, 4711) == 0
    assert retraining.retrain(desk.workshop, 4711, "nothing") is None
    with transaction(desk.workshop.sessions) as session:
        found = session.scalars(sa.select(VersionRow).where(VersionRow.project_id == 4711)).all()
    assert found == []
