"""Tabs of the data manager: the same contract on the fake and on a real Label Studio."""

from __future__ import annotations

from projects.kit.label_studio import LabelStudioWriter
from projects.vocabulary import Project
from tests.support.studio import import_texts

TITLE = "Doubtful labels"


def shown(writer: LabelStudioWriter, project: Project, view: int) -> list[int]:
    """The tasks that a view lists."""
    found = writer.request("GET", f"/api/tasks/?project={project.id}&view={view}")
    return [task["id"] for task in found["tasks"]]


def test_a_view_shows_exactly_its_tasks(writer: LabelStudioWriter, project: Project) -> None:
    ids = import_texts(writer, project, *"abcde")
    view = writer.ensure_view(project.id, TITLE, [ids[3], ids[1]])
    assert sorted(shown(writer, project, view)) == [ids[1], ids[3]]


def test_a_view_of_the_same_title_is_changed(writer: LabelStudioWriter, project: Project) -> None:
    ids = import_texts(writer, project, *"abcde")
    first = writer.ensure_view(project.id, TITLE, ids[:2])
    assert writer.ensure_view(project.id, TITLE, ids[2:]) == first
    assert shown(writer, project, first) == ids[2:]
    assert writer.ensure_view(project.id, TITLE, []) == first
    assert shown(writer, project, first) == []


def test_a_first_view_leaves_one_of_all_tasks(writer: LabelStudioWriter, project: Project) -> None:
    ids = import_texts(writer, project, *"abc")
    ours = writer.ensure_view(project.id, TITLE, ids[:1])
    other = writer.ensure_view(project.id, "Default", ids)  # found: it was made before ours
    assert other < ours
    assert shown(writer, project, other) == ids
