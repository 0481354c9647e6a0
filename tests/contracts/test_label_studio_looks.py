"""Which tasks a look finds: the same contract on the fake and on a real Label Studio."""

from __future__ import annotations

from datetime import timedelta

from projects.kit import database
from projects.kit.label_studio import LabelStudioWriter
from projects.vocabulary import Project
from tests.support.studio import choice, import_texts, prediction


def test_updated_after_finds_what_an_annotation_touched(
    writer: LabelStudioWriter, project: Project
) -> None:
    first, second = import_texts(writer, project, "one", "two")
    before = max(task.updated_at for task in writer.tasks(project.id))
    assert list(writer.tasks(project.id, updated_after=before)) == []

    annotation = writer.create_annotation(second, [choice("order")])
    assert [t.id for t in writer.tasks(project.id, updated_after=before)] == [second]

    created = writer.task(second).updated_at
    writer.request("PATCH", f"/api/annotations/{annotation.id}/", json_body={"result": []})
    assert [t.id for t in writer.tasks(project.id, updated_after=created)] == [second]

    changed = writer.task(second).updated_at
    writer.request("DELETE", f"/api/annotations/{annotation.id}/")
    assert [t.id for t in writer.tasks(project.id, updated_after=changed)] == [second]
    assert writer.task(first).updated_at <= before


def test_updated_after_the_future_finds_nothing(
    writer: LabelStudioWriter, project: Project
) -> None:
    import_texts(writer, project, "one")
    later = database.now() + timedelta(days=1)
    assert list(writer.tasks(project.id, updated_after=later)) == []


def test_tasks_that_nobody_answered(writer: LabelStudioWriter, project: Project) -> None:
    first, second = import_texts(writer, project, "one", "two")
    writer.create_annotation(first, [choice("Cancel")])
    assert [task.id for task in writer.tasks(project.id, unanswered=True)] == [second]


def test_tasks_with_one_of_these_ids(writer: LabelStudioWriter, project: Project) -> None:
    first, second, third = import_texts(writer, project, "one", "two", "three")
    among = [third, first, third + 1_000]
    assert [task.id for task in writer.tasks(project.id, among=among)] == [first, third]
    assert list(writer.tasks(project.id, among=[])) == []
    many = range(first, first + 500)
    assert [task.id for task in writer.tasks(project.id, among=many)] == [first, second, third]
    assert [t.id for t in writer.tasks(project.id, among=[second], unanswered=True)] == [second]


def test_tasks_besides_those_with_these_ids(writer: LabelStudioWriter, project: Project) -> None:
    first, second, third = import_texts(writer, project, "one", "two", "three")
    before = writer.task(third).updated_at
    for task in (first, second, third):
        writer.create_annotation(task, [choice("order")])
    rest = writer.tasks(project.id, updated_after=before, besides=[first, third])
    assert [task.id for task in rest] == [second]


def test_when_tasks_were_touched(writer: LabelStudioWriter, project: Project) -> None:
    first, second = import_texts(writer, project, "one", "two")
    before = max(writer.task(task).updated_at for task in (first, second))
    writer.create_annotation(second, [choice("order")])
    assert writer.touched(project.id, since=before) == {second: writer.task(second).updated_at}
    since = before - timedelta(days=1)
    assert set(writer.touched(project.id, since=since)) == {first, second}
    assert writer.touched(project.id, since=before + timedelta(days=1)) == {}
    writer.push_predictions(project.id, [prediction(first, version="v1")])
    assert set(writer.touched(project.id, predicted_by="v1")) == {first}


def test_tasks_that_a_version_predicted(writer: LabelStudioWriter, project: Project) -> None:
    first, second, third = import_texts(writer, project, "one", "two", "three")
    pushed = [(first, "v1"), (second, "v2"), (second, "v2"), (third, "v20"), (third, "v1")]
    writer.push_predictions(project.id, [prediction(t, version=v) for t, v in pushed])
    assert [task.id for task in writer.tasks(project.id, predicted_by="v2")] == [second]
    found = writer.tasks(project.id, predicted_by="v1", page_size=1)
    assert [task.id for task in found] == [first, third]
    assert list(writer.tasks(project.id, predicted_by="v3")) == []
