"""What the community edition tells of a review: the same contract on the fake and for real."""

from __future__ import annotations

from projects.kit.label_studio import LabelStudioWriter
from projects.vocabulary import Project
from tests.support.studio import Studio, choice, import_texts


def test_whoever_changes_or_stars_an_annotation_becomes_its_updated_by(
    studio: Studio, writer: LabelStudioWriter, project: Project
) -> None:
    (number,) = import_texts(writer, project, "one")
    other = studio.as_person(studio.someone())
    try:
        made = writer.create_annotation(number, [choice("question")])
        assert made.updated_by == made.completed_by
        path = f"/api/annotations/{made.id}/"
        for body in ({"ground_truth": True}, {"ground_truth": False}):
            before = writer.task(number).updated_at
            other.request("PATCH", path, json_body=body)
            task = writer.task(number)
            (starred,) = task.annotations
            assert starred.completed_by == made.completed_by
            assert starred.updated_by not in (None, made.completed_by)
            assert starred.ground_truth is body["ground_truth"]
            assert starred.updated_at > made.updated_at
            assert task.updated_at > before
        writer.request("PATCH", path, json_body={"result": [choice("order")]})
        assert writer.annotation(made.id).updated_by == made.completed_by
        before = writer.task(number).updated_at
        writer.request("DELETE", path)
        assert writer.task(number).updated_at > before
    finally:
        studio.close(other)
