"""Which tasks wait for somebody, and what the label is where several people answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from backend_ml import waiting
from backend_ml.tables import LabelRow, LookRow, MarkRow, ProjectRow
from projects.kit.label_studio import LabelStudioWriter
from projects.vocabulary import Json, Mark
from tests.backend_ml.conftest import Desk

MakeDesk = Callable[..., Desk]


class Team:
    """Several people in one project, with one answer each on demand."""

    def __init__(self, desk: Desk, *, overlap: int = 1, **fields: object) -> None:
        self.desk = desk
        self._writers: dict[str, LabelStudioWriter] = {}
        desk.workshop.studio.update_project(desk.project_id, maximum_annotations=overlap, **fields)
        for task in desk.fake.store.tasks.values():
            task.overlap = overlap  # as Label Studio does when the project changes

    def writer(self, name: str) -> LabelStudioWriter:
        if name not in self._writers:
            token = self.desk.fake.add_user(f"{name}@example.com")
            self._writers[name] = self.desk.fake.writer(token)
        return self._writers[name]

    def answer(self, name: str, task_id: int, label: str, **fields: object) -> int:
        self.desk.clock.forward(1)
        regions = self.desk.kind.write((Mark(self.desk.kind.control, label),), {"text": ""})
        return int(self.writer(name).create_annotation(task_id, regions, **fields).id)

    def change(self, name: str, annotation_id: int, label: str) -> None:
        self.desk.clock.forward(1)
        regions = self.desk.kind.write((Mark(self.desk.kind.control, label),), {"text": ""})
        body: Json = {"result": regions}
        path = f"/api/annotations/{annotation_id}/"
        self.writer(name).request("PATCH", path, json_body=body)

    def skip(self, name: str, task_id: int) -> None:
        self.desk.clock.forward(1)
        path = f"/api/tasks/{task_id}/annotations/?was_cancelled=1"
        self.writer(name).request("POST", path, json_body={"result": []})

    def open(self) -> list[int]:
        self.desk.hear()
        with self.desk.workshop.reading() as session:
            return [task_id for task_id, _ in waiting.open_tasks(session, self.desk.project_id)]

    def label(self, task_id: int) -> str | None:
        self.desk.hear()
        with self.desk.workshop.reading() as session:
            row = session.get(LabelRow, (self.desk.project_id, task_id))
        return None if row is None else str(row.answer[0]["label"])


def test_a_task_waits_until_enough_people_have_answered(make_desk: MakeDesk) -> None:
    team = Team(make_desk(tasks=3), overlap=2)
    first, second, third = team.desk.task_ids
    team.answer("ann", first, "Cancel")
    team.answer("bo", second, "Cancel")
    assert team.open() == [first, second, third]
    team.answer("bo", first, "Cancel")
    assert team.open() == [second, third]


def test_nobody_left_to_answer_is_not_waiting(make_desk: MakeDesk) -> None:
    team = Team(make_desk(tasks=2), overlap=2)
    first, second = team.desk.task_ids
    team.answer("ann", first, "Cancel")
    assert team.open() == [second]  # Ann is alone at work, and nobody else would get it
    team.answer("bo", second, "Cancel")
    assert team.open() == [first, second]


def test_a_skipped_task_waits_for_others_only(make_desk: MakeDesk) -> None:
    team = Team(make_desk(tasks=3))
    first, second, third = team.desk.task_ids
    team.skip("ann", first)
    assert team.open() == [second, third]
    team.answer("bo", second, "Cancel")
    assert team.open() == [first, third]
    team.skip("bo", first)
    assert team.open() == [third]


def test_a_skip_counts_where_label_studio_counts_it(make_desk: MakeDesk) -> None:
    team = Team(make_desk(tasks=2), skip_queue="IGNORE_SKIPPED")
    first, second = team.desk.task_ids
    team.answer("bo", second, "Cancel")
    team.skip("ann", first)
    assert team.open() == []


def test_who_left_is_not_at_work(make_desk: MakeDesk) -> None:
    team = Team(make_desk(tasks=3), overlap=2)
    team.answer("ann", team.desk.task_ids[0], "Cancel")
    team.desk.clock.forward(2 * 3600)
    team.answer("bo", team.desk.task_ids[1], "Cancel")
    team.desk.hear()
    with team.desk.workshop.reading() as session:
        people = waiting.people(session, team.desk.project_id)
    assert people == 1
    assert team.open() == [team.desk.task_ids[0], team.desk.task_ids[2]]


def test_the_answer_of_most_is_the_label(make_desk: MakeDesk) -> None:
    team = Team(make_desk(tasks=1), overlap=3)
    (task,) = team.desk.task_ids
    team.answer("ann", task, "Cancel")
    assert team.label(task) == "Cancel"
    team.answer("bo", task, "Reschedule")
    assert team.label(task) == "Reschedule"  # as many votes: the newest
    team.answer("chitra", task, "Cancel")
    assert team.label(task) == "Cancel"


def test_each_person_has_one_vote(make_desk: MakeDesk) -> None:
    team = Team(make_desk(tasks=1), overlap=5)
    (task,) = team.desk.task_ids
    for label in ("Cancel", "Cancel", "New meeting"):
        team.answer("ann", task, label)
    team.answer("bo", task, "Reschedule")
    team.answer("chitra", task, "Reschedule")
    team.answer("dana", task, "New meeting")
    # Ann last said New meeting: 2 votes each, and Dana's is the newest.
    assert team.label(task) == "New meeting"


def test_truth_comes_before_votes(make_desk: MakeDesk) -> None:
    team = Team(make_desk(tasks=1), overlap=3)
    (task,) = team.desk.task_ids
    team.answer("ann", task, "Cancel", ground_truth=True)
    team.answer("bo", task, "Reschedule")
    team.answer("chitra", task, "Reschedule")
    assert team.label(task) == "Cancel"


def test_a_changed_or_removed_vote_changes_the_label(make_desk: MakeDesk) -> None:
    team = Team(make_desk(tasks=1), overlap=3)
    (task,) = team.desk.task_ids
    team.answer("ann", task, "Cancel")
    second = team.answer("bo", task, "Cancel")
    third = team.answer("chitra", task, "Reschedule")
    assert team.label(task) == "Cancel"
    before = wanted(team.desk)
    team.change("bo", second, "Reschedule")
    assert team.label(task) == "Reschedule"
    assert wanted(team.desk) == before + 1
    team.desk.workshop.studio.request("DELETE", f"/api/annotations/{third}/")
    team.desk.workshop.studio.request("DELETE", f"/api/annotations/{second}/")
    assert team.label(task) == "Cancel"
    assert wanted(team.desk) == before + 2


def test_a_skip_is_no_vote(make_desk: MakeDesk) -> None:
    team = Team(make_desk(tasks=1), overlap=3)
    (task,) = team.desk.task_ids
    team.skip("ann", task)
    team.skip("bo", task)
    assert team.label(task) is None
    team.answer("chitra", task, "Cancel")
    assert team.label(task) == "Cancel"


def wanted(desk: Desk) -> int:
    with desk.workshop.reading() as session:
        row = session.get(MarkRow, desk.project_id)
    return 0 if row is None else row.wanted


def project_row(desk: Desk) -> ProjectRow:
    with desk.workshop.reading() as session:
        return session.get_one(ProjectRow, desk.project_id)


def config_with(desk: Desk, *, without: str = "", more: str = "") -> str:
    lines = desk.kind.label_config.splitlines()
    kept = [line for line in lines if not (without and f'value="{without}"' in line)]
    if more:
        place = next(i for i, line in enumerate(kept) if "</Choices>" in line)
        kept.insert(place, f'<Choice value="{more}"/>')
    return "\n".join(kept)


def test_an_added_label_counts_also_in_answers_that_came_before_we_knew(
    make_desk: MakeDesk,
) -> None:
    desk = make_desk(tasks=4)
    team = Team(desk)
    team.answer("ann", desk.task_ids[0], "Cancel")
    desk.hear()
    new = {"from_name": "intent", "to_name": "message", "type": "choices"}
    region = new | {"value": {"choices": ["Brand new"]}}
    desk.listen()  # this answer is read under the old config, which has no such label
    desk.workshop.studio.create_annotation(desk.task_ids[1], [region])
    assert team_labels(desk) == {desk.task_ids[0]: "Cancel"}
    desk.fake.deliver = None
    config = config_with(desk, more="Brand new")
    desk.workshop.studio.update_project(desk.project_id, label_config=config)
    desk.hear()
    assert team_labels(desk) == {desk.task_ids[0]: "Cancel", desk.task_ids[1]: "Brand new"}
    assert "Brand new" in desk.workshop.kind(desk.project_id).labels
    assert project_row(desk).config == config


def test_a_removed_label_teaches_no_more_and_comes_back(make_desk: MakeDesk) -> None:
    desk = make_desk(tasks=4)
    team = Team(desk)
    team.answer("ann", desk.task_ids[0], "Cancel")
    team.answer("ann", desk.task_ids[1], "Reschedule")
    desk.hear()
    before = desk.kind.label_config
    lost = config_with(desk, without="Cancel")
    desk.workshop.studio.update_project(desk.project_id, label_config=lost)
    desk.hear()
    assert team_labels(desk) == {desk.task_ids[1]: "Reschedule"}
    desk.workshop.studio.update_project(desk.project_id, label_config=before)
    desk.hear()
    assert team_labels(desk) == {desk.task_ids[0]: "Cancel", desk.task_ids[1]: "Reschedule"}


def team_labels(desk: Desk) -> dict[int, str]:
    with desk.workshop.reading() as session:
        rows = session.scalars(sa.select(LabelRow)).all()
    return {row.task_id: row.answer[0]["label"] for row in rows}


def test_a_change_of_the_config_is_read_to_its_end(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(tasks=4)
    desk.answer(2)
    desk.hear()
    desk.workshop.studio.update_project(
        desk.project_id, label_config=config_with(desk, more="Brand new")
    )
    with monkeypatch.context() as patch:
        patch.setattr("backend_ml.reconciling.LabelStore", None)
        with pytest.raises(TypeError):
            desk.hear()
    with desk.workshop.reading() as session:
        assert session.get_one(LookRow, desk.project_id).config == desk.kind.label_config
    desk.hear()
    with desk.workshop.reading() as session:
        look = session.get_one(LookRow, desk.project_id)
    assert "Brand new" in str(look.config)


def test_a_config_that_cannot_be_answered_is_told_and_gets_over(make_desk: MakeDesk) -> None:
    desk = make_desk(tasks=4)
    desk.answer(2)
    desk.hear()
    # Label Studio keeps a control that has answers; what it is about may change under them.
    other = desk.kind.label_config.replace('value="$text"', 'value="$body"')
    desk.workshop.studio.update_project(desk.project_id, label_config=other)
    desk.hear()
    assert "'intent'" in str(project_row(desk).config_problem)
    assert desk.workshop.kind(desk.project_id) == desk.kind
    desk.workshop.studio.update_project(desk.project_id, label_config=desk.kind.label_config)
    desk.hear()
    assert project_row(desk).config_problem is None


def test_a_deleted_project_is_quiet_and_the_rest_goes_on(make_desk: MakeDesk) -> None:
    desk = make_desk(tasks=4)
    desk.answer(2)
    desk.hear()
    desk.workshop.studio.request("DELETE", f"/api/projects/{desk.project_id}/")
    for _ in range(2):
        desk.hear()
    assert project_row(desk).gone
    assert len(team_labels(desk)) == 2
