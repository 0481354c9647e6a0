"""The practice half's benchmark: its arithmetic, and a short form of it on real parts."""

from __future__ import annotations

import json
import threading
from itertools import islice

import pytest
import sqlalchemy as sa

from projects.kit.errors import UnknownName
from projects.kit.label_studio import LabelStudioWriter
from projects.vocabulary import Json
from sandbox_sync import inbox
from scripts.bench import sync
from scripts.bench.databases import a_database
from scripts.bench.figures import Report
from scripts.bench.load import Measured, WrongAnswer
from scripts.bench.practice import acknowledging, cloning, hearing, submitting
from scripts.bench.practice.hearing import Arrivals, Heard
from scripts.bench.practice.place import DidNotCome, texts_of, wait_until
from scripts.bench.practice.studios import Studio, Studios
from tests.support.live import TOKEN
from tests.support.postgres import Postgres


@pytest.fixture
def studios(live_production: LabelStudioWriter, live_sandbox: LabelStudioWriter) -> Studios:
    """The session's servers; whoever is there already does not practise."""
    there = list(live_sandbox.emails().values())
    return Studios(Studio(live_production.url, TOKEN), Studio(live_sandbox.url, TOKEN), there)


def measured(plan: sync.Plan, studios: Studios) -> tuple[dict[str, dict[str, float]], Report]:
    report = sync.run(plan, seed=1, say=lambda _: None, studios=studios)
    found: dict[str, dict[str, float]] = json.loads(json.dumps(report.to_json()))["figures"]
    assert all(one["value"] is not None and one["value"] > 0 for one in found.values())
    return found, report


@pytest.mark.live
@pytest.mark.timeout(600)
def test_a_short_run_on_sqlite(studios: Studios) -> None:
    found, report = measured(sync.plan(quick=True, only=["sqlite"]), studios)
    assert set(found) == {
        "submit_time_ratio_sqlite",
        "feedback_p50_seconds_trainee_last_sqlite",
        "feedback_p99_seconds_trainee_last_sqlite",
        "feedback_p50_seconds_production_last_sqlite",
        "feedback_p99_seconds_production_last_sqlite",
        "acknowledgement_p50_ms_1_senders_sqlite",
        "acknowledgement_p99_ms_1_senders_sqlite",
        "acknowledgement_p50_ms_8_senders_sqlite",
        "acknowledgement_p99_ms_8_senders_sqlite",
        "clones_per_second_ratio_5_items_sqlite",
    }
    feedback = report.details["feedback_sqlite"]
    assert feedback["messages"] == feedback["tasks"] == hearing.QUICK.tasks
    for one in feedback["each"]:
        assert 0 < one["recorded"] < one["compared"] < one["told"]
    clones = report.details["clones_sqlite"]
    assert (clones["doubled"], clones["missing"]) == (0, 0)


@pytest.mark.live
@pytest.mark.postgres
@pytest.mark.timeout(600)
def test_a_short_run_on_postgresql(studios: Studios, postgres_server: Postgres) -> None:
    server = postgres_server.url("postgres")
    only = ["postgresql", "submit", "clones"]
    found, report = measured(sync.plan(quick=True, only=only, server=server), studios)
    assert set(found) == {
        "submit_time_ratio_postgresql",
        "clones_per_second_ratio_5_items_postgresql",
    }
    assert report.details["clones_postgresql"]["missing"] == 0


def test_a_plan_has_the_parts_and_databases_that_are_named() -> None:
    assert sync.plan(quick=True).parts == sync.PARTS
    assert sync.plan(quick=True).databases == ("sqlite", "postgresql")
    some = sync.plan(quick=False, only=["clones", "sqlite"])
    assert (some.parts, some.databases) == (("clones",), ("sqlite",))
    assert some.clones.trainees == some.clones.rounds + 1
    with pytest.raises(UnknownName, match="feedback"):
        sync.plan(quick=True, only=["speed"])


@pytest.mark.postgres
def test_each_measurement_has_a_database_of_its_own(postgres_server: Postgres) -> None:
    server = postgres_server.url("postgres")
    with a_database(server) as one, a_database(server) as other:
        assert len({one, other, server}) == 3
        engine = sa.create_engine(one.replace("postgresql:", "postgresql+psycopg:"))
        with engine.connect() as connection:
            name = connection.scalar(sa.text("SELECT current_database()"))
        engine.dispose()
        assert one.endswith(f"/{name}")
    with a_database("") as url:
        assert url == ""


def bodies(hook: acknowledging.Hook) -> list[Json]:
    found = []
    for request in islice(hook.requests(), 5):
        head, _, body = request.partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")
        assert head.startswith(f"POST {hook.path} HTTP/1.1".encode())
        found.append(json.loads(body))
    return found


def test_each_call_about_a_deletion_is_a_new_event() -> None:
    hook, keys = acknowledging.deleted(80, first=7), set()
    for sent in bodies(hook):
        keys.add(inbox.event_key("production", sent["action"], sent, inbox.hint_of(sent)))
    assert len(keys) == 5
    hook.check(b'{"new": true}')
    with pytest.raises(WrongAnswer):
        hook.check(b'{"new":false}')


def test_a_call_about_an_answer_names_the_project_in_its_address_and_nothing_else() -> None:
    hook = acknowledging.answered(80, 12)
    assert hook.path.endswith("/12")
    assert bodies(hook) == [{"action": "ANNOTATION_CREATED"}] * 5
    hook.check(b'{"accepted": true}')
    for other in (b'{"error": "NotSignedIn"}', b'{"accepted": false}', b'{"new": true}'):
        with pytest.raises(WrongAnswer):
            hook.check(other)


def test_acknowledgement_is_told_beside_the_endpoint_that_does_nothing() -> None:
    ours = [Measured(1.0, (4.0,) * 10), Measured(1.0, (9.0,) * 10)]
    no_op = [Measured(1.0, (2.0,) * 10), Measured(1.0, (3.0,) * 10)]
    p50, p99 = acknowledging.figures_of(8, ours, no_op, database="sqlite")
    assert p50.name == "acknowledgement_p50_ms_8_senders_sqlite"
    # Geometric means: of 4 and 9 it is 6, of 2 and 3 the root of 6, and of the ratios 6 over it.
    assert p50.value == pytest.approx(6.0)
    assert p50.extra["no_op"] == pytest.approx(6**0.5)
    assert p50.extra["ratio"]["value"] == pytest.approx(6**0.5)
    assert (p50.goal, p99.goal) == (50.0, 250.0)


def test_submit_time_is_the_median_of_a_round_over_that_of_its_peer() -> None:
    # Medians 2 and 3 over 1 and 3: ratios 2 and 1, and their geometric mean is the root of 2.
    ours, without = [[1.0, 2.0, 90.0], [3.0, 3.0, 3.0]], [[1.0, 1.0, 50.0], [3.0, 3.0, 3.0]]
    found = submitting.figure((ours, without, ours, ours), database="sqlite")
    assert found.value == pytest.approx(2**0.5)
    assert not found.ok
    assert found.extra["over_a_webhook_that_does_nothing"]["value"] == pytest.approx(1.0)


def heard(order: str, told: float) -> Heard:
    return Heard(order, told / 4, told / 3, told / 2, told)


def test_feedback_is_told_apart_by_who_was_last() -> None:
    ones = [heard(hearing.TRAINEE_LAST, 0.01 * n) for n in range(1, 101)]
    ones += [heard(hearing.PRODUCTION_LAST, 2.0)]
    found = {one.name: one for one in hearing.figures(ones, database="sqlite")}
    # Of 0.01 to 1.00 the median is 0.505; percentile 99 lies at 0.99 + 0.01 * 0.01.
    assert found["feedback_p50_seconds_trainee_last_sqlite"].value == pytest.approx(0.505)
    p99 = found["feedback_p99_seconds_trainee_last_sqlite"]
    assert p99.value == pytest.approx(0.9901)
    assert p99.ok
    assert p99.extra["within_a_second"]["value"] == 1.0
    late = found["feedback_p99_seconds_production_last_sqlite"]
    assert (late.value, late.ok, late.extra["within_a_second"]["value"]) == (2.0, False, 0.0)


def test_nothing_heard_is_no_number() -> None:
    assert {one.value for one in hearing.figures([], database="sqlite")} == {None}


def test_clones_a_second_are_compared_round_by_round() -> None:
    rates = cloning.Rates(ours=[40.0, 90.0], raw=[50.0, 100.0], bare=[80.0, 180.0])
    (found,) = cloning.figures_of(30, rates, database="postgresql")
    assert found.value == pytest.approx((0.8 * 0.9) ** 0.5)
    assert found.extra["over_tasks_alone"]["value"] == pytest.approx(0.5)
    assert (found.extra["ours"], found.extra["raw_import"]) == (65.0, 75.0)


def test_a_message_is_awaited_and_its_moment_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    arrivals = Arrivals()
    thread = threading.Timer(0.05, lambda: arrivals.append({"text": "You differ"}))
    thread.start()
    assert arrivals.wait(1) == arrivals.moments[0]
    thread.join()
    monkeypatch.setattr(hearing, "LOST_SECONDS", 0.01)
    with pytest.raises(DidNotCome, match="a message"):
        arrivals.wait(2)


def test_what_does_not_come_ends_the_measurement() -> None:
    with pytest.raises(DidNotCome, match=r"the copies did not come within 0\.02 seconds"):
        wait_until(lambda: False, what="the copies", seconds=0.02, pause=0.01)


def test_no_two_texts_are_alike_and_a_seed_repeats_them() -> None:
    texts = texts_of(50, seed="a")
    assert len(set(texts) | set(texts_of(50, seed="b"))) == 100
    assert texts == texts_of(50, seed="a")
