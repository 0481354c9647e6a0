"""What Label Studio tells and serves: webhooks, ML backends and the queue of tasks."""

from __future__ import annotations

import pytest

from projects.kit.errors import (
    LabelStudioRefused,
)
from projects.kit.label_studio import LabelStudioWriter
from projects.vocabulary import Project
from tests.support.receiver import Receiver
from tests.support.studio import (
    SECRET,
    Studio,
    choice,
    import_texts,
    of_project,
    prediction,
)


class TestWebhooks:
    def test_ensuring_twice_leaves_one_with_the_newest_headers(
        self, writer: LabelStudioWriter, project: Project, webhook_receiver: Receiver
    ) -> None:
        writer.ensure_webhook(project.id, webhook_receiver.url, headers={"X-Old": "1"})
        writer.ensure_webhook(project.id, webhook_receiver.url, headers=SECRET)
        import_texts(writer, project, "one")
        webhook_receiver.wait_for(of_project("TASKS_CREATED", project))
        assert len(webhook_receiver.calls) == 1
        headers = {name.lower(): value for name, value in webhook_receiver.calls[0].headers.items()}
        assert headers["x-understudy-secret"] == "one"
        assert "x-old" not in headers

    def test_ensuring_removes_copies(
        self, writer: LabelStudioWriter, project: Project, webhook_receiver: Receiver
    ) -> None:
        for _ in range(2):
            hook = {"project": project.id, "url": webhook_receiver.url, "is_active": True}
            writer.request("POST", "/api/webhooks/", json_body=hook)
        writer.ensure_webhook(project.id, webhook_receiver.url, headers=SECRET)
        import_texts(writer, project, "one")
        assert len(webhook_receiver.calls) == 1

    def test_only_the_wanted_actions_are_sent(
        self, writer: LabelStudioWriter, project: Project, webhook_receiver: Receiver
    ) -> None:
        wanted = ["TASKS_DELETED"]
        writer.ensure_webhook(project.id, webhook_receiver.url, headers=SECRET, actions=wanted)
        (number,) = import_texts(writer, project, "one")
        writer.delete_task(number)
        assert [call.body["action"] for call in webhook_receiver.calls] == wanted
        assert webhook_receiver.calls[0].body["tasks"] == [{"id": number}]

    def test_created_tasks_come_whole(
        self, writer: LabelStudioWriter, project: Project, webhook_receiver: Receiver
    ) -> None:
        writer.ensure_webhook(project.id, webhook_receiver.url, headers=SECRET)
        ids = import_texts(writer, project, "one", "two")
        body = webhook_receiver.wait_for(of_project("TASKS_CREATED", project)).body
        assert [task["id"] for task in body["tasks"]] == ids
        assert [task["data"] for task in body["tasks"]] == [{"text": "one"}, {"text": "two"}]
        assert body["tasks"][0]["project"] == project.id

    def test_an_annotation_comes_with_its_task_and_what_was_shown(
        self, writer: LabelStudioWriter, project: Project, webhook_receiver: Receiver
    ) -> None:
        (number,) = import_texts(writer, project, "one")
        writer.push_predictions(
            project.id, [prediction(number), prediction(number, version="v2", label="question")]
        )
        writer.update_project(project.id, model_version="v2")
        writer.ensure_webhook(project.id, webhook_receiver.url, headers=SECRET)
        made = writer.create_annotation(number, [choice("order")])
        body = webhook_receiver.wait_for(of_project("ANNOTATION_CREATED", project)).body
        assert body["annotation"]["id"] == made.id
        assert body["annotation"]["completed_by"] == made.completed_by
        assert body["annotation"]["prediction"]["model_version"] == "v2"
        assert body["annotation"]["prediction"]["result"] == [choice("question")]
        assert (body["task"]["id"], body["task"]["data"]) == (number, {"text": "one"})

    def test_without_a_shown_version_the_annotation_has_no_prediction(
        self, writer: LabelStudioWriter, project: Project, webhook_receiver: Receiver
    ) -> None:
        (number,) = import_texts(writer, project, "one")
        writer.push_predictions(project.id, [prediction(number)])
        writer.ensure_webhook(project.id, webhook_receiver.url, headers=SECRET)
        writer.create_annotation(number, [], was_cancelled=True)
        body = webhook_receiver.wait_for(of_project("ANNOTATION_CREATED", project)).body
        assert body["annotation"]["prediction"] == {}
        assert body["annotation"]["was_cancelled"] is True

    def test_of_an_answer_a_bare_webhook_says_only_that_there_is_one(
        self, writer: LabelStudioWriter, project: Project, webhook_receiver: Receiver
    ) -> None:
        for _ in range(2):  # neither takes the other for an earlier one of ours
            writer.ensure_webhooks(project.id, webhook_receiver.url, headers=SECRET)
        (number,) = import_texts(writer, project, "one")
        assert webhook_receiver.calls.pop().body["action"] == "TASKS_CREATED"
        made = writer.create_annotation(number, [choice("order")])
        path = f"/api/annotations/{made.id}/"
        writer.request("PATCH", path, json_body={"result": [choice("question")]})
        bare = [(call.path, call.body) for call in webhook_receiver.calls]
        actions = ("ANNOTATION_CREATED", "ANNOTATION_UPDATED")
        assert bare == [(f"/{project.id}", {"action": action}) for action in actions]
        writer.request("DELETE", path)
        removed = webhook_receiver.wait_for(of_project("ANNOTATIONS_DELETED", project)).body
        assert removed["annotations"] == [{"id": made.id}]

    def test_changes_and_removals_are_told(
        self, writer: LabelStudioWriter, project: Project, webhook_receiver: Receiver
    ) -> None:
        (number,) = import_texts(writer, project, "one")
        made = writer.create_annotation(number, [choice("order")])
        writer.ensure_webhook(project.id, webhook_receiver.url, headers=SECRET)
        path = f"/api/annotations/{made.id}/"
        writer.request("PATCH", path, json_body={"result": [choice("question")]})
        changed = webhook_receiver.wait_for(of_project("ANNOTATION_UPDATED", project)).body
        assert changed["annotation"]["result"] == [choice("question")]
        writer.request("DELETE", path)
        removed = webhook_receiver.wait_for(of_project("ANNOTATIONS_DELETED", project)).body
        assert removed["annotations"] == [{"id": made.id}]
        assert "task" not in removed

    def test_a_changed_project_is_told(
        self, writer: LabelStudioWriter, project: Project, webhook_receiver: Receiver
    ) -> None:
        writer.ensure_webhook(project.id, webhook_receiver.url, headers=SECRET)
        writer.update_project(project.id, expert_instruction="New words.")
        body = webhook_receiver.wait_for(of_project("PROJECT_UPDATED", project)).body
        assert body["project"]["expert_instruction"] == "New words."


class TestBackends:
    def test_connecting_twice_is_connecting_once(
        self, writer: LabelStudioWriter, project: Project, webhook_receiver: Receiver
    ) -> None:
        ids = {
            writer.ensure_ml_backend(
                project.id, webhook_receiver.url, title="ours", user="a", password="b"
            )
            for _ in range(2)
        }
        assert len(ids) == 1
        assert writer.project(project.id).model_version == "ours"


class TestQueue:
    @pytest.fixture
    def ranked(self, writer: LabelStudioWriter, project: Project) -> list[int]:
        """Task ids, the least certain first, the one without a prediction last."""
        sure, unsure, unknown = import_texts(writer, project, "sure", "unsure", "unknown")
        writer.push_predictions(
            project.id, [prediction(sure, score=0.9), prediction(unsure, score=0.1)]
        )
        writer.update_project(project.id, model_version="v1", sampling="Uncertainty sampling")
        return [unsure, sure, unknown]

    def test_least_certain_first(
        self, writer: LabelStudioWriter, project: Project, ranked: list[int]
    ) -> None:
        served = []
        for _ in ranked:
            served.append(writer.request("GET", f"/api/projects/{project.id}/next")["id"])
            writer.create_annotation(served[-1], [choice("order")])
        assert served == ranked
        with pytest.raises(LabelStudioRefused) as refused:
            writer.request("GET", f"/api/projects/{project.id}/next")
        assert refused.value.code == 404

    def test_an_open_task_is_kept_for_the_one_who_opened_it(
        self, studio: Studio, project: Project, ranked: list[int]
    ) -> None:
        path = f"/api/projects/{project.id}/next"
        theirs = studio.as_person(studio.someone())
        assert studio.writer.request("GET", path)["id"] == ranked[0]
        assert studio.writer.request("GET", path)["id"] == ranked[0]
        assert theirs.request("GET", path)["id"] == ranked[1]
        studio.close(theirs)

    def test_the_next_task_shows_the_current_version_only(
        self, writer: LabelStudioWriter, project: Project, ranked: list[int]
    ) -> None:
        writer.push_predictions(project.id, [prediction(ranked[0], version="v2")])
        shown = writer.request("GET", f"/api/projects/{project.id}/next")
        assert [p["model_version"] for p in shown["predictions"]] == ["v1"]
