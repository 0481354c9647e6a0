"""Offsets, answers, and the reading of Label Studio's JSON."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects import vocabulary
from projects.vocabulary import (
    Json,
    Mark,
    Prediction,
    annotation_from_json,
    answer_from_json,
    answer_to_json,
    as_answer,
    parse_time,
    prediction_from_json,
    prediction_to_json,
    project_from_json,
    task_from_json,
)

MOMENT = "2026-11-22T16:57:58.436125Z"

texts = st.text(alphabet=st.one_of(st.characters(), st.sampled_from("a😀👍🏽é\u200d")), max_size=40)
offsets = st.one_of(st.none(), st.integers(0, 50))
atoms = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
anything = st.recursive(
    atoms, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner), max_leaves=8
)
marks = st.builds(Mark, st.sampled_from("ab"), st.sampled_from("xyz"), offsets, offsets)


class TestAnswers:
    @given(st.lists(marks))
    def test_json_there_and_back(self, found: list[Mark]) -> None:
        answer = as_answer(found)
        assert answer_from_json(answer_to_json(answer)) == answer

    @given(st.lists(marks), st.randoms())
    def test_order_does_not_matter(self, found: list[Mark], random: Random) -> None:
        shuffled = list(found)
        random.shuffle(shuffled)
        assert as_answer(shuffled) == as_answer(found)

    def test_marking_twice_is_not_marking_once(self) -> None:
        once = Mark("details", "place", 0, 5)
        assert as_answer([once, once]) != as_answer([once])

    def test_a_span_has_both_ends(self) -> None:
        assert Mark("details", "place", 0, 5).is_span
        assert not Mark("intent", "order").is_span


class TestJson:
    def test_an_annotation_of_a_webhook(self) -> None:
        row: Json = {
            "id": 3,
            "result": [{"id": "r1"}],
            "was_cancelled": False,
            "ground_truth": True,
            "created_at": MOMENT,
            "updated_at": MOMENT,
            "lead_time": 5.5,
            "prediction": {"id": 7, "result": [], "score": 0.5, "model_version": "v1", "task": 60},
            "task": 60,
            "project": 31,
            "completed_by": 2,
        }
        annotation = annotation_from_json(row)
        assert (annotation.id, annotation.task_id, annotation.project_id) == (3, 60, 31)
        assert (annotation.completed_by, annotation.lead_time_seconds) == (2, 5.5)
        assert annotation.created_at == datetime(2026, 11, 22, 16, 57, 58, 436125, tzinfo=UTC)
        assert annotation.prediction == Prediction(60, "v1", 0.5, (), 7)
        assert annotation_from_json(row | {"prediction": {}}).prediction is None

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            (2, 2),
            ({"id": 2}, 2),
            ([{"user_id": 2}], 2),
            ([{"user_id": 2}, {"user_id": 3}], None),
            ([], None),
            ("two", None),
            (True, None),
            (None, None),
        ],
    )
    def test_a_person_is_an_id_or_an_object(self, given: object, expected: int | None) -> None:
        assert vocabulary.user_id(given) == expected

    def test_who_really_sent_an_annotation(self) -> None:
        row: Json = {"id": 3, "created_at": MOMENT, "updated_at": MOMENT, "completed_by": 2}
        assert annotation_from_json(row).updated_by is None
        assert annotation_from_json(row | {"updated_by": 5}).updated_by == 5

    @given(anything, anything, anything)
    def test_a_task_is_readable_whatever_its_members_wrote(
        self, data: object, meta: object, results: object
    ) -> None:
        stored = {"id": 3, "created_at": MOMENT, "updated_at": MOMENT, "result": results}
        row: Json = {"id": 1, "created_at": MOMENT, "updated_at": MOMENT, "data": data}
        task = task_from_json(row | {"meta": meta, "annotations": [stored, "none"]})
        assert task.data == (data if isinstance(data, dict) else {})
        assert task.meta == (meta if isinstance(meta, dict) else {})
        assert task.annotations[0].id == 3

    def test_a_task_with_everything(self) -> None:
        common = {"created_at": MOMENT, "updated_at": MOMENT}
        row = common | {
            "id": 60,
            "project": 31,
            "data": {"text": "a"},
            "meta": None,
            "is_labeled": True,
            "annotations": [common | {"id": 3, "task": 60, "completed_by": {"id": 2}}],
            "predictions": [{"id": 7, "task": 60, "score": None, "model_version": None}],
        }
        task = task_from_json(row)
        assert (task.id, task.project_id, task.data, task.meta) == (60, 31, {"text": "a"}, {})
        assert task.annotations[0].completed_by == 2
        assert task.predictions == (Prediction(60, "", None, (), 7),)

    def test_a_project(self) -> None:
        row = {"id": 31, "title": "t", "model_version": None, "expert_instruction": "g"}
        project = project_from_json(row | {"task_number": None})
        assert (project.id, project.model_version, project.guidelines) == (31, "", "g")
        assert project.task_count == 0

    @given(st.floats(0, 1), st.text())
    def test_predictions_there_and_back(self, confidence: float, version: str) -> None:
        prediction = Prediction(5, version, confidence, ({"id": "r"},))
        assert prediction_from_json(prediction_to_json(prediction)) == prediction


class TestTime:
    def test_every_moment_is_utc(self) -> None:
        here = datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))
        assert parse_time(here).tzinfo is UTC
        assert parse_time(here) == here
        assert parse_time("2026-01-02T03:00:00") == datetime(2026, 1, 2, 3, tzinfo=UTC)
        assert parse_time("2026-01-02T03:00:00+02:00").hour == 1
