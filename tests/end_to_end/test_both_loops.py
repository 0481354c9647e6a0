"""People work through both loops while processes are killed under them."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import pytest
from rich.console import Console

from projects.kit.label_studio import LabelStudioWriter
from scripts import programs
from scripts.demo import TRAINEES, Demo, Plan
from scripts.programs import House
from scripts.state import read_json

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

LABELS = {"intent": 45, "details": 24}


def kill(house: House, name: str) -> None:
    rows = read_json(house.state.status_file)["processes"]
    pid = next(row["pid"] for row in rows if row["name"] == name)
    if pid:
        os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def summary(house: House) -> dict[str, Any]:
    """A demo in which the worker and the practice service are killed, twice each."""
    demo = Demo(house, Plan(labels=LABELS, seed=3, limit_seconds=500), Console(quiet=True))
    result: dict[str, Any] = {}
    errors: list[Exception] = []

    def work() -> None:
        try:
            result.update(demo.run())
        except Exception as error:  # noqa: BLE001 - handed to the test's own thread
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    for share in (0.3, 0.7):
        while thread.is_alive() and sum(demo.labelled.values()) < share * sum(LABELS.values()):
            time.sleep(0.2)
        kill(house, programs.WORKER)
        kill(house, programs.SYNC)
    thread.join()
    if errors:
        raise errors[0]
    return result


def test_everything_committed_was_learned_from_once(
    summary: dict[str, Any], production: LabelStudioWriter
) -> None:
    projects = {row["kind"]: row for row in summary["production"]["projects"].values()}
    assert {kind: row["labels"]["total"] for kind, row in projects.items()} == LABELS
    committed = sum(
        len([a for a in task.annotations if not a.was_cancelled])
        for project in production.projects()
        for task in production.tasks(project.id)
    )
    assert committed == sum(LABELS.values())


def test_a_model_serves_and_its_batch_is_what_annotators_get(
    summary: dict[str, Any], production: LabelStudioWriter
) -> None:
    versions = {p["kind"]: p["versions"] for p in summary["production"]["projects"].values()}
    assert versions["intent"], "no model was trained"
    served = {project.model_version for project in production.projects()}
    assert any(version["version"] in served for version in versions["intent"])


def test_no_prediction_is_stored_twice_for_one_version(
    summary: dict[str, Any], production: LabelStudioWriter
) -> None:
    assert summary
    for project in production.projects():
        for task in production.tasks(project.id):
            versions = [prediction.model_version for prediction in task.predictions]
            assert len(versions) == len(set(versions))


def test_clones_are_eligible_tasks_times_trainees_exactly(
    house: House, summary: dict[str, Any]
) -> None:
    practice = summary["practice"]
    assert practice["trainees"] == len(TRAINEES)
    assert (
        practice["clones"]
        == sum(practice["eligible_production_tasks"].values()) * len(TRAINEES)
        > 0
    )
    sandbox = LabelStudioWriter(house.sandbox.url, house.sandbox.token)
    in_label_studio = [
        (project.id, task.data["message_id"])
        for project in sandbox.projects()
        if "look around" not in project.title
        for task in sandbox.tasks(project.id)
    ]
    sandbox.close()
    assert len(in_label_studio) == practice["clones"]
    assert len(set(in_label_studio)) == len(in_label_studio)


def test_every_pair_was_compared_and_told_once(summary: dict[str, Any]) -> None:
    practice = summary["practice"]
    assert practice["comparisons"] > 0
    assert practice["feedbacks"] == practice["comparisons"]
    assert practice["unhandled_events"] == 0
    assert practice["pending_feedback"] == 0


def test_trainees_are_told_apart_by_their_agreement(summary: dict[str, Any]) -> None:
    rows = [row for row in summary["practice"]["scores"] if row["kind"] == "intent"]
    value = {row["email"].split("@")[0]: row["agreement"] for row in rows}
    assert value["ada"]["value"] > value["cleo"]["value"]
    for estimate in value.values():
        assert 0 <= estimate["low"] <= estimate["value"] <= estimate["high"] <= 1
