"""What Label Studio says to a labelling config that leaves answers behind, fake and real."""

from __future__ import annotations

import pytest

from projects.kit.errors import LabelStudioRefused
from projects.kit.label_studio import LabelStudioWriter
from projects.vocabulary import WORK_SETTINGS, Project
from tests.support.studio import CONFIG, choice, import_texts

RENAMED = CONFIG.replace('name="intent"', 'name="purpose"')
WITHOUT_ORDER = CONFIG.replace('<Choice value="order"/>', "")
SPAN = {
    "from_name": "details",
    "to_name": "message",
    "type": "labels",
    "value": {"start": 0, "end": 3, "text": "one", "labels": ["place"]},
}


@pytest.fixture
def answered(writer: LabelStudioWriter, project: Project) -> int:
    """The one answer in the project: a choice."""
    (task,) = import_texts(writer, project, "one")
    return writer.create_annotation(task, [choice("order")]).id


@pytest.mark.usefixtures("answered")
@pytest.mark.parametrize("config", [RENAMED, CONFIG.replace('"message"', '"mail"')])
def test_a_control_with_answers_has_to_stay_as_it_is(
    writer: LabelStudioWriter, project: Project, config: str
) -> None:
    with pytest.raises(LabelStudioRefused, match="from_name=intent") as refused:
        writer.update_project(project.id, label_config=config, expert_instruction="New.")
    assert refused.value.code == 400
    assert "label_config" in refused.value.detail
    assert writer.project(project.id).guidelines != "New."  # nothing of it was stored


@pytest.mark.usefixtures("answered")
@pytest.mark.parametrize(
    "config",
    [
        WITHOUT_ORDER,
        CONFIG.replace('<Choice value="question"/>', ""),
        CONFIG.replace("$text", "$body"),
        CONFIG.replace("</View>", '<Rating name="stars" toName="message"/></View>'),
        CONFIG.replace('name="details"', 'name="places"'),
    ],
)
def test_anything_else_may_change_a_label_with_answers_too(
    writer: LabelStudioWriter, project: Project, config: str
) -> None:
    writer.update_project(project.id, label_config=config)
    assert writer.project(project.id).label_config.strip() == config.strip()


def test_a_skipped_answer_with_something_in_it_counts_too(
    writer: LabelStudioWriter, project: Project
) -> None:
    (task,) = import_texts(writer, project, "one")
    writer.create_annotation(task, [SPAN], was_cancelled=True)
    with pytest.raises(LabelStudioRefused, match="from_name=details"):
        writer.update_project(
            project.id, label_config=CONFIG.replace('name="details"', 'name="places"')
        )


def test_without_the_answer_the_control_may_go(
    writer: LabelStudioWriter, project: Project, answered: int
) -> None:
    writer.request("DELETE", f"/api/annotations/{answered}/")
    writer.update_project(project.id, label_config=RENAMED)
    assert writer.project(project.id).label_config.strip() == RENAMED.strip()


def test_what_changes_the_work_is_told_and_can_be_set(
    writer: LabelStudioWriter, project: Project
) -> None:
    assert set(writer.project(project.id).extra) == set(WORK_SETTINGS)
    wanted = {
        "show_instruction": True,
        "show_skip_button": False,
        "skip_queue": "REQUEUE_FOR_ME",
        "enable_empty_annotation": False,
        "show_annotation_history": True,
        "show_collab_predictions": False,
        "reveal_preannotations_interactively": True,
    }
    writer.update_project(project.id, **wanted)
    assert writer.project(project.id).extra == wanted
    assert next(p for p in writer.projects() if p.id == project.id).extra == wanted
