"""What the evidence says: arms, calibration, drift, pace, and what waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Histogram
from sqlalchemy.orm import Session

from backend_ml import evidence
from backend_ml.evidence import accuracy, drift, pace, problems, reporting, summary, work
from backend_ml.evidence.reliability import Reliability, reliability
from backend_ml.tables import (
    AssignmentRow,
    Event,
    MarkRow,
    PlanRow,
    ProjectRow,
    PublicationRow,
)
from projects.kit.intervals import Estimate
from projects.vocabulary import Answer, Mark
from tests.backend_ml import paper
from tests.support.kinds import CONTROL, kind_of

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
A: Answer = (Mark(CONTROL, "a"),)
B: Answer = (Mark(CONTROL, "b"),)
CHOICE = kind_of("choice")


def of_project(session: Session) -> reporting.ProjectReport:
    session.flush()
    return reporting.project_report(session, 1, CHOICE, now=NOW, seed=0)


def add(session: Session, task_id: int, **more: object) -> None:
    """A label ``a`` of a task, later than those before."""
    paper.task(session, task_id, f"text {task_id}")
    when = paper.BEGAN + timedelta(seconds=task_id)
    paper.label(session, task_id, A, when=when, **more)  # type: ignore[arg-type]


def test_a_project_without_labels_has_nothing_to_say(session: Session) -> None:
    found = of_project(session)
    assert found.serving is None
    assert found.live == {"random": None, "active": None, "all": None}
    assert (found.course, found.versions, found.by_label, found.problems) == ([], [], [], [])
    assert found.reliability == Reliability()
    assert found.pace == pace.Pace(bar_seconds=60)
    assert found.delay == {"from_first": None, "from_last": None}
    assert all(one.distance is None and not one.drifted for one in found.drifts)


def test_arms_are_told_apart_and_random_waits_for_whole_draws(session: Session) -> None:
    for task_id in (1, 2):  # the first draw: both answered, one of them right
        session.add(AssignmentRow(project_id=1, task_id=task_id, arm="random", epoch=1,
                                  drawn_at=paper.BEGAN))  # fmt: skip
        add(session, task_id, arm="random", suggested=A if task_id == 1 else B, confidence=0.5)
    for task_id in (3, 4):  # the second: one is still open
        session.add(AssignmentRow(project_id=1, task_id=task_id, arm="random", epoch=2,
                                  drawn_at=paper.BEGAN))  # fmt: skip
    add(session, 3, arm="random", suggested=B, confidence=0.5)
    paper.task(session, 4, "open")
    for task_id in (5, 6, 7):  # the strategy's: all wrong
        add(session, task_id, arm="active", suggested=B, confidence=0.5)
    live = of_project(session).live
    assert live["random"] is not None
    assert live["active"] is not None
    assert (live["random"].value, live["random"].n) == (0.5, 2)
    assert (live["active"].value, live["active"].n) == (0.0, 3)
    assert live["all"] is not None
    # of six shown suggestions one was right
    assert live["all"].value == pytest.approx(1 / 6)


def test_the_random_course_gathers_draws_until_there_are_enough(session: Session) -> None:
    for task_id in range(1, 41):  # ten draws of four, the first two answers of each are right
        session.add(AssignmentRow(project_id=1, task_id=task_id, arm="random",
                                  epoch=1 + (task_id - 1) // 4, drawn_at=paper.BEGAN))  # fmt: skip
        right = (task_id - 1) % 4 < 2
        add(session, task_id, arm="random", suggested=A if right else B, confidence=0.5)
    found = of_project(session).random_course
    # 15 answers are reached with the fourth draw (16) and again with the eighth
    assert [(row["labels"], row["random"]["n"]) for row in found] == [(16, 16), (32, 16)]
    assert [row["random"]["value"] for row in found] == [0.5, 0.5]


def test_what_nobody_was_told_to_have_seen_is_no_measurement(session: Session) -> None:
    add(session, 1, suggested=B, confidence=0.9, suggestion_estimated=True)
    add(session, 2, suggested=B, confidence=0.9, ground_truth=True)
    add(session, 3)
    found = of_project(session)
    assert found.live["all"] is None
    assert found.reliability.bins == ()


def test_points_of_the_course_stay_few() -> None:
    assert reporting.bucket_size(0) == 25
    assert reporting.bucket_size(600) == 25  # 24 points
    assert reporting.bucket_size(601) == 50
    assert reporting.bucket_size(5000) == 225  # 200 buckets of 25, nine of them a point: 23 points


def test_reliability_puts_suggestions_into_bins(session: Session) -> None:
    rows = [
        paper.label(session, 1, A, suggested=A, confidence=0.92),
        paper.label(session, 2, A, suggested=A, confidence=0.98),
        paper.label(session, 3, A, suggested=B, confidence=1.0),
        paper.label(session, 4, A, suggested=B, confidence=0.11),
    ]
    low, high = reliability(rows).bins
    assert (low.low, low.high) == (0.1, 0.2)
    assert low.confidence == pytest.approx(0.11)
    assert (low.accepted.value, low.accepted.n) == (0.0, 1)
    # (0.92 + 0.98 + 1.0) / 3, and two of three accepted; certainty is in the last bin
    assert high.confidence == pytest.approx(2.9 / 3)
    assert high.accepted.value == pytest.approx(2 / 3)


def test_reliability_is_of_the_random_arm_where_there_is_one(session: Session) -> None:
    chosen = paper.label(session, 1, A, suggested=B, confidence=0.9)
    drawn = paper.label(session, 2, A, suggested=A, confidence=0.9, arm="random")
    assert not reliability([chosen]).drawn
    found = reliability([chosen, drawn])
    assert found.drawn
    assert [(one.accepted.value, one.accepted.n) for one in found.bins] == [(1.0, 1)]


def test_js_distance_of_halves() -> None:
    same = np.array([[3.0, 1.0]])
    # different support: exactly 1 with base 2
    apart = drift.distances(np.array([[2.0, 0.0]]), np.array([[0.0, 5.0]]))
    assert drift.distances(same, same * 7)[0] == pytest.approx(0)
    assert apart[0] == pytest.approx(1)
    # p = (1, 0), q = (1/2, 1/2): JSD = H(3/4, 1/4) - 1/2 = 0.811278 - 0.5; its root is 0.557923
    half = drift.distances(np.array([[1.0, 0.0]]), np.array([[1.0, 1.0]]))
    assert half[0] == pytest.approx(0.557923, abs=1e-6)


def test_drift_needs_enough_items() -> None:
    found = drift.measure("letters", [["a"]] * 119, seed=0)  # a quarter of 119 is 29
    assert (found.recent, found.before, found.distance) == (29, 90, None)
    assert not found.drifted


def test_drift_is_more_than_chance() -> None:
    rng = np.random.default_rng(0)
    steady = [[str(n)] for n in rng.integers(0, 5, size=400)]
    assert not drift.measure("letters", steady, seed=0).drifted
    changed = steady[:300] + [["new"] if n < 50 else items for n, items in enumerate(steady[300:])]
    found = drift.measure("letters", changed, seed=0)
    assert found.drifted
    assert found.distance is not None
    assert found.limit is not None
    assert found.distance > found.limit >= (found.chance or 0) + drift.MARGIN


def test_steady_items_rarely_look_like_drift() -> None:
    alarms = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        items = [[str(n)] for n in rng.geometric(0.2, size=160)]
        alarms += drift.measure("numbers", items, seed=seed).drifted
    assert alarms <= 2  # one in a hundred by design, less with the margin


def test_labels_of_the_random_arm_only_tell_of_drift(session: Session) -> None:
    session.add(PlanRow(id=1, project_id=1, version="v", epoch=1, created_at=NOW))
    for task_id in range(1, 401):
        arm = "random" if task_id % 2 else "active"
        session.add(AssignmentRow(project_id=1, task_id=task_id, arm=arm, epoch=task_id // 40,
                                  drawn_at=NOW))  # fmt: skip
        label = "later" if arm == "random" and task_id > 300 else "always"
        session.add(PublicationRow(project_id=1, version="v", task_id=task_id, plan_id=1,
                                   confidence=0.5, answer=[{"control": "c", "label": label}],
                                   mark_confidences=[], pushed_at=NOW))  # fmt: skip
    session.flush()
    predicted = drift.drifts(session, 1, seed=0)[2]
    assert (predicted.what, predicted.recent, predicted.before) == ("predicted labels", 50, 150)
    assert predicted.distance == pytest.approx(1)
    assert predicted.drifted


def test_labels_per_hour_leave_pauses_out() -> None:
    # two sittings of four labels, 30 s apart, with an hour between: 6 labels in 180 s
    first = [paper.BEGAN + timedelta(seconds=30 * n) for n in range(4)]
    second = [moment + timedelta(hours=1) for moment in first]
    found = pace.rate([*first, *second])
    assert found is not None
    assert found.n == 6
    assert found.value == pytest.approx(120)
    # Garwood for a count of 6: [2.202, 13.059]
    assert found.low == pytest.approx(44.04, abs=0.01)
    assert found.high == pytest.approx(261.19, abs=0.01)
    assert pace.rate(first[:1]) is None
    assert pace.rate([first[0], second[0]]) is None


def test_pace_counts_every_label_once(session: Session) -> None:
    for task_id in range(1, 31):
        add(session, task_id)
    add(session, 31, ground_truth=True)
    found = of_project(session).pace
    assert sum(one.labels for one in found.bars) == 30
    assert (found.bar_seconds, found.seconds_per_label) == (60, 12.5)


def test_quantiles_of_a_histogram() -> None:
    # 10 at most 0.1, 80 more at most 0.2, 10 more at most 1
    bounds, counts = [0.1, 0.2, 1.0, float("inf")], [10, 90, 100, 100]
    # the 50th of 100 is the 40th of 80 between 0.1 and 0.2; the 99th the 9th of 10 up to 1
    assert pace.quantile(bounds, counts, 0.5) == pytest.approx(0.15)
    assert pace.quantile(bounds, counts, 0.99) == pytest.approx(0.92)
    assert pace.quantile(bounds, [0, 0, 0, 5], 0.5) == 1.0
    assert pace.quantile(bounds, [0, 0, 0, 0], 0.5) is None


def test_latency_reads_a_prometheus_histogram() -> None:
    histogram = Histogram("seconds", "of something", registry=CollectorRegistry(), buckets=(1, 2))
    assert pace.latency(histogram) is None
    for value in (0.5, 0.5, 1.5, 1.5):
        histogram.observe(value)
    found = pace.latency(histogram)
    assert found is not None
    # the 3.96th of 4 is 0.98 of the way through the bucket from 1 to 2
    assert (found.p50, found.n) == (1.0, 4)
    assert found.p99 == pytest.approx(1.98)


def test_labels_are_listed_with_what_was_suggested(session: Session) -> None:
    rows = [
        paper.label(session, 1, A, suggested=A, confidence=0.9),
        paper.label(session, 2, A, suggested=B, confidence=0.9),
        paper.label(session, 3, B),
    ]
    first, second = reporting.by_label(rows)
    assert (first.label, first.accepted) == ("a", 2)
    assert first.found is not None
    assert (first.found.value, first.found.n) == (0.5, 2)
    assert (second.label, second.accepted, second.found) == ("b", 1, None)


def event(session: Session, number: int, *, attempts: int, error: str | None = None) -> None:
    session.add(Event(key=str(number), action="ANNOTATION_CREATED", project_id=1, body={},
                      received_at=NOW - timedelta(seconds=90), attempts=attempts,
                      error=error))  # fmt: skip


def test_waiting_work_is_counted(session: Session) -> None:
    event(session, 1, attempts=0)
    event(session, 2, attempts=5, error="KeyError")
    session.add(MarkRow(project_id=1, wanted=12, trained=5, forced=1, forced_done=0, failures=0))
    session.add(PlanRow(id=1, project_id=1, version="v", epoch=1, created_at=NOW))
    for task_id, pushed in ((1, NOW), (2, None), (3, None)):
        paper.task(session, task_id, "text")
        session.add(PublicationRow(project_id=1, version="v", task_id=task_id, plan_id=1,
                                   confidence=0.5, answer=[], mark_confidences=[],
                                   pushed_at=pushed))  # fmt: skip
    paper.label(session, 1, A)
    session.flush()
    found = work.waiting(session, 1, now=NOW)
    assert found == work.Waiting(
        events=1, oldest_event_seconds=90.0, changes_to_learn=7, training_asked_for=True,
        unfinished_plans=1, unpublished_predictions=2, open_tasks=2,
    )  # fmt: skip
    assert work.failed_events(session, 1) == {"KeyError": 1}
    assert (evidence.pending(session), evidence.stuck(session)) == (1, 1)
    assert not evidence.is_settled(session, 1)


def test_problems_are_told_worst_first(session: Session) -> None:
    event(session, 1, attempts=5, error="KeyError")
    event(session, 2, attempts=0)
    session.add(MarkRow(project_id=1, wanted=1, trained=1, failures=2, last_error="OSError: disk"))
    session.add(ProjectRow(project_id=1, config="", config_problem="no control 'intent'",
                           gone=False, pinned=True, rolled_back_at=NOW))  # fmt: skip
    found = of_project(session).problems
    assert [one.level for one in found] == ["broken", "broken", "broken", "watch", "watch", "note"]
    text = " ".join(one.text for one in found)
    for part in ("no control 'intent'", "KeyError", "waited 90 s", "2 time(s)", "disk", "pinned",
                 "2026-03-02 09:00"):  # fmt: skip
        assert part in text


def test_a_confidence_that_misleads_and_drift_are_problems() -> None:
    waiting = work.Waiting(0, None, 0, False, 0, 0, 0)
    for low, expected in ((0.12, 1), (0.05, 0)):
        facts = problems.Facts(
            None, None, waiting, {}, Reliability((), Estimate(0.2, low, 0.3, 50)), []
        )
        assert len(problems.problems(facts)) == expected
    moved = drift.Drift("words", 30, 90, 0.5, 0.1, 0.2)
    facts = problems.Facts(None, None, waiting, {}, Reliability(), [moved])
    assert "words of the newest 30" in problems.problems(facts)[0].text


def test_versions_and_delay(session: Session) -> None:
    paper.version(session, 1, held_out=0.8, held_out_low=0.7, held_out_high=0.9, held_out_n=10)
    paper.version(session, 2, state="champion")
    found = of_project(session)
    assert found.serving is not None
    assert found.serving["version"] == "sample-0002"
    assert [row["version"] for row in found.versions] == ["sample-0002", "sample-0001"]
    assert found.versions[1]["held_out"] == {"value": 0.8, "low": 0.7, "high": 0.9, "n": 10}
    assert found.versions[0]["held_out"] is None
    assert found.delay["from_first"] == {"median": 15.0, "max": 15.0, "n": 2}
    assert found.delay["from_last"] == {"median": 5.0, "max": 5.0, "n": 2}


def test_the_course_has_a_bucket_per_25_labels(session: Session) -> None:
    for task_id in range(1, 31):
        add(session, task_id, suggested=A if task_id <= 25 else B, confidence=0.5)
    session.flush()
    rows = summary.answered(session, 1)
    course = accuracy.live(session, 1, CHOICE, rows).course()
    assert [(row["from_labels"], row["all"]["value"], row["all"]["n"]) for row in course] == [
        (0, 1.0, 25),
        (25, 0.0, 5),
    ]
