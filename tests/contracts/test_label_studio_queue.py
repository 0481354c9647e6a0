"""What we rely on of Label Studio's queue: the same contract on the fake and on a real server."""

from __future__ import annotations

from projects.kit.label_studio import LabelStudioWriter
from projects.vocabulary import Json, Prediction, Project
from tests.support.studio import CONFIG, Studio, import_texts, prediction


def empty(task: int, score: float, *, version: str = "v1") -> Prediction:
    return Prediction(task, version, score, ())


def queue_of(writer: LabelStudioWriter, title: str, **fields: object) -> Project:
    sampling = "Uncertainty sampling"
    return writer.create_project(title, label_config=CONFIG, sampling=sampling, **fields)


def following(writer: LabelStudioWriter, project: Project) -> Json:
    return writer.request("GET", f"/api/projects/{project.id}/next")


def test_an_empty_prediction_is_stored_shown_and_ranked(writer: LabelStudioWriter) -> None:
    project = queue_of(writer, "Empty predictions")
    first, second, third = import_texts(writer, project, "one", "two", "three")
    pushed = [prediction(first, score=0.9), empty(second, 0.4), empty(third, 0.0)]
    writer.push_predictions(project.id, pushed)
    writer.update_project(project.id, model_version="v1")
    order = []
    for _ in pushed:
        task = following(writer, project)
        (shown,) = task["predictions"]
        order.append((task["id"], shown["score"], shown["result"]))
        writer.create_annotation(task["id"], [])
    assert order[:2] == [(third, 0.0, []), (second, 0.4, [])]
    assert order[2][0] == first


def test_a_removed_prediction_takes_nothing_with_it(
    writer: LabelStudioWriter, project: Project
) -> None:
    first, second = import_texts(writer, project, "one", "two")
    pushed = [prediction(t, version=v) for t in (first, second) for v in ("v1", "v2")]
    writer.push_predictions(project.id, pushed)
    writer.update_project(project.id, model_version="v2")
    before = writer.task(first)
    old = next(p for p in before.predictions if p.model_version == "v1")
    for _ in range(2):  # what is gone is gone
        writer.delete_prediction(int(old.id or 0))
    left = writer.task(first)
    assert [p.model_version for p in left.predictions] == ["v2"]
    assert left.updated_at > before.updated_at  # unlike when it was pushed
    assert {p.model_version for p in writer.task(second).predictions} == {"v1", "v2"}
    assert writer.project(project.id).model_version == "v2"


def test_even_all_predictions_of_the_shown_version_may_go(
    writer: LabelStudioWriter, project: Project
) -> None:
    (number,) = import_texts(writer, project, "one")
    writer.push_predictions(project.id, [prediction(number, version="v1")])
    writer.update_project(project.id, model_version="v1")
    writer.delete_prediction(int(writer.task(number).predictions[0].id or 0))
    assert writer.project(project.id).model_version == "v1"


def test_a_project_says_how_many_answers_finish_a_task(writer: LabelStudioWriter) -> None:
    project = queue_of(writer, "Two answers", maximum_annotations=2)
    assert (project.overlap, project.skips_count) == (2, False)
    writer.update_project(project.id, skip_queue="IGNORE_SKIPPED")
    assert writer.project(project.id).skips_count


def test_a_task_waits_until_enough_people_have_answered(studio: Studio) -> None:
    writer = studio.writer
    project = queue_of(writer, "Overlap and skips", maximum_annotations=2)
    (number,) = import_texts(writer, project, "one")
    writer.request(
        "POST", f"/api/tasks/{number}/annotations/?was_cancelled=1", json_body={"result": []}
    )
    assert not writer.task(number).is_labeled
    other = studio.as_person(studio.someone())
    other.create_annotation(number, [])
    assert not writer.task(number).is_labeled  # one answer and one skip
    third = studio.as_person("another-" + studio.someone())
    third.create_annotation(number, [])
    assert writer.task(number).is_labeled
    studio.close(other)
    studio.close(third)


def test_drafts_of_everybody_are_known_until_they_are_submitted(
    studio: Studio, project: Project
) -> None:
    writer = studio.writer
    first, second, third = import_texts(writer, project, "one", "two", "three")
    assert writer.drafted_tasks(project.id) == set()
    other = studio.as_person("drafting-" + studio.someone())
    draft = other.request("POST", f"/api/tasks/{first}/drafts", json_body={"result": []})
    other.request("POST", f"/api/tasks/{third}/drafts", json_body={"result": []})
    assert writer.drafted_tasks(project.id) == {first, third}
    other.create_annotation(second, [])
    body = {"result": [], "draft_id": draft["id"]}
    other.request("POST", f"/api/tasks/{first}/annotations/", json_body=body)
    assert writer.drafted_tasks(project.id) == {third}
    writer.delete_task(third)
    assert writer.drafted_tasks(project.id) == set()
    studio.close(other)


def test_a_second_version_stands_beside_the_shown_one_and_is_served_to_nobody(
    writer: LabelStudioWriter,
) -> None:
    project = queue_of(writer, "Two versions")
    first, second = import_texts(writer, project, "one", "two")
    writer.push_predictions(project.id, [prediction(t, version="shown") for t in (first, second)])
    writer.update_project(project.id, model_version="shown")
    writer.create_annotation(first, [])
    writer.push_predictions(project.id, [empty(first, 0.1, version="other")])
    assert writer.project(project.id).model_version == "shown"
    assert [p.model_version for p in writer.task(first).predictions] == ["shown", "other"]
    served = following(writer, project)
    assert served["id"] == second
    assert [p["model_version"] for p in served["predictions"]] == ["shown"]
