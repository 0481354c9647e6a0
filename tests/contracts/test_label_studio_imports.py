"""Tasks that bring predictions with them: the same on the fake and on a real server."""

from __future__ import annotations

from projects.kit.label_studio import LabelStudioWriter
from projects.vocabulary import Json, Project
from tests.support.studio import CONFIG, choice


def brought(label: str, score: float | None) -> Json:
    """A prediction as a task of an import has it."""
    return {"result": [choice(label)], "score": score, "model_version": "v0"}


def test_tasks_can_bring_predictions_and_the_first_version_is_shown(
    writer: LabelStudioWriter, project: Project
) -> None:
    first, second, third = writer.import_tasks(
        project.id,
        [
            {"data": {"text": "one"}, "predictions": [brought("order", 0.5)]},
            {"data": {"text": "two"}},
            {"data": {"text": "three"}, "predictions": [brought("question", None)]},
        ],
    )
    shown = {task.id: task.predictions for task in writer.tasks(project.id)}
    assert [(p.task_id, p.model_version, p.confidence) for p in shown[first]] == [
        (first, "v0", 0.5)
    ]
    assert shown[first][0].regions == (choice("order"),)
    assert shown[second] == ()
    assert [(p.task_id, p.confidence) for p in shown[third]] == [(third, None)]
    assert writer.project(project.id).model_version == "v0"


def test_a_version_that_was_chosen_before_stays(writer: LabelStudioWriter) -> None:
    """A new project takes one that nobody predicted; a project that is there does not."""
    project = writer.create_project("Chosen", label_config=CONFIG, model_version="chosen")
    assert writer.project(project.id).model_version == "chosen"
    writer.import_tasks(
        project.id, [{"data": {"text": "one"}, "predictions": [brought("order", 0.5)]}]
    )
    writer.update_project(project.id, label_config=CONFIG, expert_instruction="Shorter.")
    assert writer.project(project.id).model_version == "chosen"


def test_an_invalid_prediction_in_an_import_is_stored_as_it_is(
    writer: LabelStudioWriter, project: Project
) -> None:
    """Unlike one that is pushed by itself."""
    rows: list[Json] = [
        {"data": {"text": "one"}, "predictions": [brought("order", 0.5)]},
        {"data": {"text": "two"}, "predictions": [brought("unheard of", 0.5)]},
    ]
    writer.import_tasks(project.id, rows)
    found = [task.predictions[0].regions for task in writer.tasks(project.id)]
    assert found == [(choice("order"),), (choice("unheard of"),)]
