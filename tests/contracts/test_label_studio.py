"""What we rely on Label Studio for: the same contract on the fake and on a real server."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import httpx
import pytest

from projects.kit.errors import (
    LabelStudioRefused,
    LabelStudioUnavailable,
    NotInLabelStudio,
)
from projects.kit.label_studio import LabelStudioReader, LabelStudioWriter
from projects.vocabulary import Json, Prediction, Project
from tests.fakes.label_studio import FakeLabelStudio
from tests.support.processes import free_port
from tests.support.studio import (
    CONFIG,
    Studio,
    choice,
    import_texts,
    prediction,
)


class TestProjects:
    def test_a_created_project_is_found_again(self, writer: LabelStudioWriter) -> None:
        created = writer.create_project(
            "Found again",
            label_config=CONFIG,
            sampling="Uncertainty sampling",
            expert_instruction="Read the message first.",
        )
        assert created in writer.projects()
        assert writer.project(created.id) == created
        assert (created.title, created.guidelines) == ("Found again", "Read the message first.")
        assert (created.sampling, created.model_version) == ("Uncertainty sampling", "")

    def test_a_changed_field_is_read_back(
        self, writer: LabelStudioWriter, project: Project
    ) -> None:
        writer.update_project(project.id, expert_instruction="Now shorter.")
        assert writer.project(project.id).guidelines == "Now shorter."

    def test_a_title_is_made_sure_of_once(self, writer: LabelStudioWriter) -> None:
        title = f"Made sure of {uuid4().hex[:8]}"
        made = writer.ensure_project(title, label_config=CONFIG)
        assert writer.ensure_project(title, label_config=CONFIG) == made
        assert [p.id for p in writer.projects() if p.title == title] == [made.id]

    def test_a_twin_that_one_request_made_goes(
        self, writer: LabelStudioWriter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        title = f"Twins {uuid4().hex[:8]}"
        create = writer.create_project

        def twice(title: str, *, label_config: str) -> Project:
            create(title, label_config=label_config)
            return create(title, label_config=label_config)

        monkeypatch.setattr(writer, "create_project", twice)
        made = writer.ensure_project(title, label_config=CONFIG)
        assert [p.id for p in writer.projects() if p.title == title] == [made.id]

    def test_tasks_are_counted(self, writer: LabelStudioWriter, project: Project) -> None:
        import_texts(writer, project, "one", "two")
        assert writer.project(project.id).task_count == 2

    def test_a_title_that_is_too_short_is_refused(self, writer: LabelStudioWriter) -> None:
        with pytest.raises(LabelStudioRefused, match="3 characters") as refused:
            writer.create_project("ab", label_config=CONFIG)
        assert refused.value.code == 400

    def test_a_config_that_is_not_xml_is_refused(self, writer: LabelStudioWriter) -> None:
        with pytest.raises(LabelStudioRefused, match="label_config"):
            writer.create_project("Broken", label_config="<View><Te")

    def test_a_version_nobody_predicted_is_refused(
        self, writer: LabelStudioWriter, project: Project
    ) -> None:
        with pytest.raises(LabelStudioRefused, match="model_version"):
            writer.update_project(project.id, model_version="never-pushed")

    def test_a_version_with_predictions_can_be_shown_and_hidden(
        self, writer: LabelStudioWriter, project: Project
    ) -> None:
        (task,) = import_texts(writer, project, "one")
        writer.push_predictions(project.id, [prediction(task)])
        assert writer.project(project.id).model_version == ""
        writer.update_project(project.id, model_version="v1")
        assert writer.project(project.id).model_version == "v1"
        writer.update_project(project.id, model_version="")
        assert writer.project(project.id).model_version == ""


class TestTasks:
    def test_ids_come_in_the_order_of_the_rows(
        self, writer: LabelStudioWriter, project: Project
    ) -> None:
        rows: list[Json] = [
            {"data": {"text": f"text {n}", "extra": [{"n": n}]}, "meta": {"key": n}}
            for n in range(5)
        ]
        ids = writer.import_tasks(project.id, rows)
        tasks = [writer.task(number) for number in ids]
        assert [{"data": task.data, "meta": task.meta} for task in tasks] == rows
        assert not any(task.is_labeled for task in tasks)

    def test_nothing_to_import_is_no_request(
        self, writer: LabelStudioWriter, project: Project
    ) -> None:
        assert writer.import_tasks(project.id, []) == []

    def test_one_bad_row_keeps_all_out(self, writer: LabelStudioWriter, project: Project) -> None:
        with pytest.raises(LabelStudioRefused, match="text"):
            writer.import_tasks(project.id, [{"data": {"text": "good"}}, {"data": {"no": "text"}}])
        assert list(writer.tasks(project.id)) == []

    @pytest.mark.parametrize("page_size", [2, 3, 6, 100])
    def test_every_page_is_read_once(
        self, writer: LabelStudioWriter, project: Project, page_size: int
    ) -> None:
        ids = import_texts(writer, project, *"abcdef")
        found = [task.id for task in writer.tasks(project.id, page_size=page_size)]
        assert found == ids

    def test_a_list_has_annotations_and_predictions(
        self, writer: LabelStudioWriter, project: Project
    ) -> None:
        (number,) = import_texts(writer, project, "one")
        writer.push_predictions(project.id, [prediction(number)])
        made = writer.create_annotation(number, [choice("order")])
        (task,) = writer.tasks(project.id)
        assert [a.id for a in task.annotations] == [made.id]
        assert task.annotations[0].completed_by == made.completed_by
        assert [p.model_version for p in task.predictions] == ["v1"]
        assert task == writer.task(number)
        assert task.is_labeled

    def test_removing_twice_is_removing_once(
        self, writer: LabelStudioWriter, project: Project
    ) -> None:
        kept, gone = import_texts(writer, project, "one", "two")
        writer.delete_task(gone)
        writer.delete_task(gone)
        assert [task.id for task in writer.tasks(project.id)] == [kept]


class TestPredictions:
    def test_a_prediction_is_read_back_as_pushed(
        self, writer: LabelStudioWriter, project: Project
    ) -> None:
        (number,) = import_texts(writer, project, "one")
        writer.push_predictions(project.id, [prediction(number, score=0.25)])
        (stored,) = writer.task(number).predictions
        assert (stored.model_version, stored.confidence) == ("v1", 0.25)
        assert stored.regions == (choice("order"),)

    def test_a_prediction_that_label_studio_drops_is_an_error(
        self, writer: LabelStudioWriter, project: Project
    ) -> None:
        (number,) = import_texts(writer, project, "one")
        with pytest.raises(LabelStudioRefused, match="it stored 0 of 1"):
            writer.push_predictions(project.id, [prediction(number, label="unheard of")])
        assert writer.task(number).predictions == ()

    def test_a_task_of_elsewhere_keeps_the_batch_out(
        self, writer: LabelStudioWriter, project: Project
    ) -> None:
        (number,) = import_texts(writer, project, "one")
        with pytest.raises(LabelStudioRefused, match="task") as refused:
            writer.push_predictions(project.id, [prediction(number), prediction(987654321)])
        assert refused.value.code == 400
        assert writer.task(number).predictions == ()

    def test_no_predictions_is_no_request(
        self, writer: LabelStudioWriter, project: Project
    ) -> None:
        writer.push_predictions(project.id, [])

    def test_spans_after_emoji_survive(self, writer: LabelStudioWriter, project: Project) -> None:
        text = "😀👍🏽 meet in Paris 🗼 at noon"
        start = text.index("Paris")
        value = {
            "start": start,
            "end": start + 5,
            "text": "Paris",
            "labels": ["place"],
        }
        region: Json = {
            "id": "details-0",
            "from_name": "details",
            "to_name": "message",
            "type": "labels",
            "value": value,
        }
        (number,) = import_texts(writer, project, text)
        writer.push_predictions(project.id, [Prediction(number, "v1", 0.9, (region,))])
        writer.create_annotation(number, [region])
        task = writer.task(number)
        for regions in (task.predictions[0].regions, task.annotations[0].regions):
            found = regions[0]["value"]
            assert task.data["text"][found["start"] : found["end"]] == "Paris"


class TestAnnotations:
    def test_an_annotation_is_read_back_as_submitted(
        self, writer: LabelStudioWriter, project: Project
    ) -> None:
        (number,) = import_texts(writer, project, "one")
        made = writer.create_annotation(number, [choice("question")], lead_time=4.5)
        assert (made.task_id, made.project_id) == (number, project.id)
        assert made.lead_time_seconds == 4.5
        assert made.regions == (choice("question"),)
        assert not made.was_cancelled
        assert not made.ground_truth
        assert writer.annotation(made.id) == made
        assert writer.annotations(number) == [made]

    def test_a_skipped_task_has_an_annotation_that_says_so(
        self, writer: LabelStudioWriter, project: Project
    ) -> None:
        (number,) = import_texts(writer, project, "one")
        skipped = writer.create_annotation(number, [], was_cancelled=True)
        assert writer.annotations(number) == [skipped]
        assert skipped.was_cancelled
        assert not writer.task(number).is_labeled

    def test_who_submitted_is_the_owner_of_the_token(
        self, studio: Studio, project: Project
    ) -> None:
        email = studio.someone()
        theirs = studio.as_person(email)
        (number,) = import_texts(studio.writer, project, "one")
        made = theirs.create_annotation(number, [choice("order")])
        studio.close(theirs)
        assert made.completed_by is not None
        assert studio.writer.emails()[made.completed_by] == email
        assert studio.writer.annotations(number)[0].completed_by == made.completed_by

    def test_a_removed_annotation_is_missing(
        self, writer: LabelStudioWriter, project: Project
    ) -> None:
        (number,) = import_texts(writer, project, "one")
        made = writer.create_annotation(number, [choice("order")])
        writer.request("DELETE", f"/api/annotations/{made.id}/")
        with pytest.raises(NotInLabelStudio, match=f"no annotation {made.id}"):
            writer.annotation(made.id)
        assert writer.annotations(number) == []


class TestErrors:
    @pytest.mark.parametrize(
        "look",
        [
            lambda w: w.project(987654321),
            lambda w: w.task(987654321),
            lambda w: w.annotation(987654321),
            lambda w: w.annotations(987654321),
            lambda w: w.create_annotation(987654321, []),
            lambda w: w.update_project(987654321, title="Nobody"),
        ],
        ids=["project", "task", "annotation", "annotations", "submit", "update"],
    )
    def test_what_is_not_there_is_called_missing(
        self, writer: LabelStudioWriter, look: Callable[[LabelStudioWriter], object]
    ) -> None:
        with pytest.raises(NotInLabelStudio, match="987654321"):
            look(writer)

    def test_tasks_of_a_missing_project_say_that_it_is_missing(
        self, writer: LabelStudioWriter
    ) -> None:
        with pytest.raises(NotInLabelStudio, match="no project 987654321"):
            list(writer.tasks(987654321))

    def test_a_wrong_token_is_refused(self, writer: LabelStudioWriter) -> None:
        http = writer._http if writer.url.endswith(".test") else None
        stranger = LabelStudioReader(writer.url, "f" * 40, http=http)
        with pytest.raises(LabelStudioRefused) as refused:
            stranger.projects()
        assert refused.value.code == 401
        if http is None:
            stranger.close()

    def test_a_plain_request_for_nothing_is_refused(self, writer: LabelStudioWriter) -> None:
        with pytest.raises(LabelStudioRefused) as refused:
            writer.request("GET", "/api/projects/987654321/")
        assert refused.value.code == 404

    def test_health_is_good(self, writer: LabelStudioWriter) -> None:
        assert writer.is_healthy()


def test_nobody_there_is_unavailable() -> None:
    writer = LabelStudioWriter(f"http://127.0.0.1:{free_port()}", "f" * 40)
    assert not writer.is_healthy()
    with pytest.raises(LabelStudioUnavailable, match="ConnectError"):
        writer.task(1)
    with pytest.raises(LabelStudioUnavailable, match="ConnectError"):
        writer.request("GET", "/api/projects/1/")
    writer.close()


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_temporary_answer_is_unavailable(fake: FakeLabelStudio, status: int) -> None:
    writer = fake.writer()
    fake.fail_next("POST", "/api/projects", status=status)
    with pytest.raises(LabelStudioUnavailable, match=str(status)) as unavailable:
        writer.create_project("A contract", label_config=CONFIG)
    assert unavailable.value.retryable


def test_a_post_is_not_sent_twice(fake: FakeLabelStudio) -> None:
    writer = fake.writer()
    fake.fail_next("POST", "/api/projects", status=500, after_effect=True)
    with pytest.raises(LabelStudioUnavailable):
        writer.create_project("A contract", label_config=CONFIG)
    assert len(writer.projects()) == 1
    assert [method for method, _ in fake.requests].count("POST") == 1


def test_the_fake_can_lose_an_answer(fake: FakeLabelStudio) -> None:
    writer = fake.writer()
    project = writer.create_project("A contract", label_config=CONFIG)
    fake.fail_next("POST", "/api/projects/", after_effect=True, error=httpx.ReadError)
    with pytest.raises(LabelStudioUnavailable, match="ReadError"):
        import_texts(writer, project, "one")
    assert len(list(writer.tasks(project.id))) == 1
