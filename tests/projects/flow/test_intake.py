from __future__ import annotations

import json
from dataclasses import replace
from uuid import uuid4

import httpx
import pytest

from projects.flow import intake
from projects.flow.intake import MessageConflict, decompose, load
from projects.flow.messages import Message
from projects.kinds import registry
from projects.kit.errors import BadInput, LabelStudioUnavailable
from projects.kit.label_studio import LabelStudioWriter
from projects.samples import generate
from projects.vocabulary import Json
from tests.fakes.label_studio import FakeLabelStudio

MESSAGES = [sample.message for sample in generate(12, seed=5)]


def make_projects(writer: LabelStudioWriter) -> dict[str, int]:
    return {
        kind.name: writer.create_project(
            f"{kind.title} {uuid4().hex[:6]}",
            label_config=kind.label_config,
            expert_instruction=kind.guidelines,
        ).id
        for kind in registry.all_kinds()
    }


def message_ids(writer: LabelStudioWriter, project_id: int) -> list[str]:
    return [task.data["message_id"] for task in writer.tasks(project_id)]


@pytest.fixture
def writer(fake: FakeLabelStudio) -> LabelStudioWriter:
    return fake.writer()


def test_a_message_becomes_one_task_per_kind() -> None:
    message = MESSAGES[0]
    tasks = decompose(message)
    assert set(tasks) == set(registry.names())
    for data in tasks.values():
        assert data["message_id"] == message.id
        assert data["text"] == message.text
        assert len(data["thread"]) == len(message.thread)
        assert "id" not in data
        assert json.loads(json.dumps(data)) == data


def test_decomposing_leaves_the_tasks_independent() -> None:
    first, second = decompose(MESSAGES[0]).values()
    first["text"] = "changed"
    assert second["text"] == MESSAGES[0].text


def test_every_message_is_loaded_once_however_often(writer: LabelStudioWriter) -> None:
    projects = make_projects(writer)
    first = load(MESSAGES[:8], writer=writer, projects=projects)
    again = load(MESSAGES, writer=writer, projects=projects)
    assert (first.created, first.already_there) == (16, 0)
    assert (again.created, again.already_there) == (8, 16)
    assert again.kinds["intent"] == intake.KindCount(created=4, already_there=8)
    for project_id in projects.values():
        assert message_ids(writer, project_id) == [message.id for message in MESSAGES]


def test_a_lost_answer_does_not_double_tasks(
    fake: FakeLabelStudio, writer: LabelStudioWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "IMPORT_CHUNK", 5)
    projects = make_projects(writer)
    path = f"/api/projects/{projects['details']}/import"
    fake.fail_next("POST", path, after_effect=True, error=httpx.ReadTimeout)
    with pytest.raises(LabelStudioUnavailable):
        load(MESSAGES, writer=writer, projects=projects)
    assert len(message_ids(writer, projects["details"])) == 5
    result = load(MESSAGES, writer=writer, projects=projects)
    assert result.kinds["details"] == intake.KindCount(created=7, already_there=5)
    for project_id in projects.values():
        assert message_ids(writer, project_id) == [message.id for message in MESSAGES]


def test_another_text_for_a_known_id_stops_everything(writer: LabelStudioWriter) -> None:
    projects = make_projects(writer)
    load(MESSAGES[:2], writer=writer, projects=projects)
    changed = replace(MESSAGES[1], text="Something else")
    with pytest.raises(MessageConflict) as caught:
        load([MESSAGES[5], changed], writer=writer, projects=projects)
    assert caught.value.message_ids == (changed.id,)
    assert caught.value.status == 409
    assert changed.id in str(caught.value)
    assert all(len(message_ids(writer, number)) == 2 for number in projects.values())


def test_other_context_for_a_known_id_is_not_a_conflict(writer: LabelStudioWriter) -> None:
    projects = make_projects(writer)
    load(MESSAGES[:1], writer=writer, projects=projects)
    later = replace(MESSAGES[0], thread=(), subject="Re: later")
    assert load([later], writer=writer, projects=projects).created == 0


def test_an_id_twice_in_one_call_is_refused(writer: LabelStudioWriter) -> None:
    with pytest.raises(BadInput, match="1 messages have the id"):
        load([MESSAGES[0], MESSAGES[0]], writer=writer, projects=make_projects(writer))


def test_tasks_made_by_hand_are_left_alone(writer: LabelStudioWriter) -> None:
    projects = make_projects(writer)
    by_hand = {name: decompose(MESSAGES[3])[name] for name in projects}
    for name, number in projects.items():
        data = {key: value for key, value in by_hand[name].items() if key != "message_id"}
        writer.import_tasks(number, [{"data": data, "meta": {}}])
    assert load(MESSAGES[3:4], writer=writer, projects=projects).created == 2


def test_progress_counts_up_to_the_total(
    writer: LabelStudioWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "IMPORT_CHUNK", 5)
    number = make_projects(writer)["intent"]
    seen: list[tuple[str, int, int]] = []
    load(
        MESSAGES,
        writer=writer,
        projects={"intent": number},
        progress=lambda *step: seen.append(step),
    )
    assert seen == [("intent", done, 12) for done in (0, 5, 10, 12)]


def test_a_long_list_of_conflicts_is_cut() -> None:
    error = MessageConflict(tuple(f"m-{number}" for number in range(25)))
    assert "m-19 and 5 more" in str(error)


@pytest.mark.live
def test_a_real_label_studio_gets_every_task_once(live_production: LabelStudioWriter) -> None:
    projects = make_projects(live_production)
    messages = [*MESSAGES, Message("plain", "Noon? 😀")]
    assert load(messages, writer=live_production, projects=projects).created == 26
    again = load(messages, writer=live_production, projects=projects)
    assert (again.created, again.already_there) == (0, 26)
    for kind in registry.all_kinds():
        number = projects[kind.name]
        assert message_ids(live_production, number) == [message.id for message in messages]
        assert live_production.project(number).guidelines == kind.guidelines
        for task, message in zip(live_production.tasks(number), messages, strict=True):
            assert task.data == decompose(message)[kind.name]


def test_twins_that_one_import_made_are_removed(
    writer: LabelStudioWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    projects = make_projects(writer)
    once = writer.import_tasks

    def twice(project_id: int, rows: list[Json]) -> list[int]:
        first = once(project_id, rows)
        (answered, *_) = once(project_id, rows)
        writer.create_annotation(answered, [], lead_time=1.0)
        return first

    monkeypatch.setattr(writer, "import_tasks", twice)
    load(MESSAGES, writer=writer, projects=projects)
    for number in projects.values():
        tasks = list(writer.tasks(number))
        assert sorted(t.data["message_id"] for t in tasks) == sorted(m.id for m in MESSAGES)
        assert sum(bool(task.annotations) for task in tasks) == 1
