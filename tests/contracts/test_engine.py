"""What we rely on the workflow engine for, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from projects.kit import database, engine
from projects.kit.engine import Acceptor, AlreadyRunning, Engine, Lane
from projects.kit.errors import BadInput, LabelStudioUnavailable
from tests.support import engine_program

QUICK = Lane("quick", poll_seconds=0.05)
SINGLE = Lane("single", concurrency=8, one_per_key=True, poll_seconds=0.05)


@dataclass
class Notebook:
    """What the workflows of this module did; they get plain JSON and so find it here."""

    begun: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    inside: Counter[str] = field(default_factory=Counter)
    overlaps: list[str] = field(default_factory=list)
    most_keys_at_once: int = 0
    fail: bool = False
    busy_tries: int = 0
    guard: threading.Lock = field(default_factory=threading.Lock)


notebook = Notebook()


@pytest.fixture(autouse=True)
def _new_notebook() -> None:
    globals()["notebook"] = Notebook()


@engine.step(name="contract.work")
def work(name: str, seconds: float) -> None:
    with notebook.guard:
        notebook.begun[name] += 1
    time.sleep(seconds)
    if notebook.fail:
        raise BadInput("told to fail")
    with notebook.guard:
        notebook.ended[name] += 1


@engine.workflow(name="contract.run")
def run(name: str, seconds: float) -> None:
    work(name, seconds)


@engine.workflow(name="contract.alone")
def alone(name: str, seconds: float) -> None:
    with notebook.guard:
        notebook.inside[name] += 1
        if notebook.inside[name] > 1:
            notebook.overlaps.append(name)
        at_once = sum(1 for count in notebook.inside.values() if count)
        notebook.most_keys_at_once = max(notebook.most_keys_at_once, at_once)
    work(name, seconds)
    with notebook.guard:
        notebook.inside[name] -= 1


@engine.step(name="contract.busy", attempts=3)
def busy() -> None:
    notebook.busy_tries += 1
    if notebook.busy_tries < 2:
        raise LabelStudioUnavailable("told to be busy")
    notebook.ended["busy"] += 1


@engine.workflow(name="contract.retry")
def retry() -> None:
    busy()


@dataclass
class Bench:
    """The accepting half of the engine on one database."""

    url: str
    folder: Path
    acceptor: Acceptor
    sessions: database.Sessions

    def accept(
        self, name: str, *args: object, key: str, lane: Lane = QUICK, lane_key: str | None = None
    ) -> bool:
        with database.transaction(self.sessions) as session:
            return self.acceptor.accept(session, lane, name, *args, key=key, lane_key=lane_key)

    def engine(self) -> Engine:
        lock = self.folder / "engine.lock"
        name, executor = engine_program.NAME, engine_program.EXECUTOR
        return Engine(name=name, url=self.url, executor_id=executor, lock=lock)

    @contextmanager
    def serving(self, lanes: Sequence[Lane] = (QUICK, SINGLE)) -> Iterator[Engine]:
        running = self.engine()
        running.launch(lanes)
        try:
            yield running
        finally:
            running.stop(patience_seconds=0)


@pytest.fixture
def bench(database_url: str, tmp_path: Path) -> Iterator[Bench]:
    engine.prepare(database_url)
    acceptor = Acceptor(name=engine_program.NAME, url=database_url)
    ours = database.make_engine(database_url)
    yield Bench(database_url, tmp_path, acceptor, database.sessions(ours))
    acceptor.close()
    ours.dispose()


def eventually(condition: Callable[[], bool], *, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s; so far {notebook}"
        time.sleep(0.02)


def settle() -> None:
    """Time enough for work that should not be there to show itself."""
    time.sleep(0.5)


def test_accepted_work_runs_once(bench: Bench) -> None:
    with bench.serving():
        assert bench.accept("contract.run", "a", 0.0, key="a")
        eventually(lambda: notebook.ended["a"] == 1)
        settle()
    assert notebook.begun == {"a": 1}


def test_work_accepted_while_nobody_serves_runs_later(bench: Bench) -> None:
    assert bench.accept("contract.run", "a", 0.0, key="a")
    with bench.serving():
        eventually(lambda: notebook.ended["a"] == 1)


def test_making_the_tables_again_changes_nothing(bench: Bench) -> None:
    assert bench.accept("contract.run", "a", 0.0, key="a")
    engine.prepare(bench.url)
    assert not bench.accept("contract.run", "a", 0.0, key="a")


def test_a_repeated_key_is_refused_and_the_transaction_goes_on(bench: Bench) -> None:
    with bench.serving():
        assert bench.accept("contract.run", "a", 0.0, key="same")
        with database.transaction(bench.sessions) as session:
            arguments = ("contract.run", "b", 0.0)
            assert not bench.acceptor.accept(session, QUICK, *arguments, key="same")
            assert bench.acceptor.accept(session, QUICK, "contract.run", "c", 0.0, key="other")
        eventually(lambda: notebook.ended["a"] == notebook.ended["c"] == 1)
        assert not bench.accept("contract.run", "b", 0.0, key="same")
        settle()
    assert notebook.begun == {"a": 1, "c": 1}


def test_a_rollback_takes_the_work_back(bench: Bench) -> None:
    with bench.serving():
        with bench.sessions() as session:
            session.begin()
            assert bench.acceptor.accept(session, QUICK, "contract.run", "a", 0.0, key="a")
            session.rollback()
        settle()
        assert notebook.begun == {}
        assert bench.accept("contract.run", "a", 0.0, key="a")
        eventually(lambda: notebook.ended["a"] == 1)


def test_one_per_key_never_overlaps_and_keys_do_not_wait_for_each_other(bench: Bench) -> None:
    with bench.serving():
        for number in range(3):
            for name in ("a", "b", "c"):
                key = f"{name}-{number}"
                bench.accept("contract.alone", name, 0.3, key=key, lane=SINGLE, lane_key=name)
        eventually(lambda: notebook.ended == {"a": 3, "b": 3, "c": 3})
    assert notebook.overlaps == []
    assert notebook.most_keys_at_once > 1, "the keys waited for each other"


@pytest.mark.parametrize(("lane", "lane_key"), [(SINGLE, None), (QUICK, "a")])
def test_a_lane_key_is_given_exactly_where_it_is_needed(
    bench: Bench, lane: Lane, lane_key: str | None
) -> None:
    with pytest.raises(ValueError, match=f"lane {lane.name}"):
        bench.accept("contract.run", "a", 0.0, key="a", lane=lane, lane_key=lane_key)


def test_failed_work_runs_again_only_under_a_new_key(bench: Bench) -> None:
    notebook.fail = True
    with bench.serving():
        bench.accept("contract.run", "a", 0.0, key="first")
        eventually(lambda: notebook.begun["a"] == 1)
        settle()
        notebook.fail = False
        assert not bench.accept("contract.run", "a", 0.0, key="first")
        settle()
        assert notebook.begun["a"] == 1, "what failed for good is not tried by itself"
        assert bench.accept("contract.run", "a", 0.0, key="second")
        eventually(lambda: notebook.ended["a"] == 1)


def test_a_step_is_tried_again_when_trying_again_may_help(bench: Bench) -> None:
    with bench.serving():
        bench.accept("contract.retry", key="a")
        eventually(lambda: notebook.ended["busy"] == 1)
    assert notebook.busy_tries == 2


def test_a_second_engine_on_the_same_lock_is_refused(bench: Bench) -> None:
    with bench.serving():
        with pytest.raises(AlreadyRunning, match=r"engine\.lock"):
            bench.engine().launch([QUICK])
        bench.accept("contract.run", "a", 0.0, key="a")
        eventually(lambda: notebook.ended["a"] == 1)
    with bench.serving():
        pass  # the lock is free again


def test_periodic_work_outlives_its_errors(bench: Bench) -> None:
    calls: list[int] = []

    def now_and_then() -> None:
        calls.append(1)
        raise ValueError("told to fail")

    with capture_logs() as lines, bench.serving() as running:
        running.every(0.02, now_and_then, name="a test")
        eventually(lambda: len(calls) > 2)
    assert {line["error"] for line in lines} == {"ValueError"}
    assert "told to fail" not in str(lines)
    count = len(calls)
    settle()
    assert len(calls) == count, "it goes on after the stop"


def test_pruning_forgets_what_ended_before(bench: Bench) -> None:
    with bench.serving():
        bench.accept("contract.run", "a", 0.0, key="a")
        eventually(lambda: notebook.ended["a"] == 1)
        settle()
        assert engine.prune(database.now() - timedelta(hours=1)) == 0
        assert engine.prune(database.now() + timedelta(hours=1)) == 1


def test_pruning_forgets_what_failed_too(bench: Bench) -> None:
    notebook.fail = True
    with bench.serving():
        bench.accept("contract.run", "a", 0.0, key="a")
        eventually(lambda: notebook.begun["a"] == 1)
        settle()
        assert engine.prune(database.now() - timedelta(hours=1)) == 0
        assert engine.prune(database.now() + timedelta(hours=1)) == 1


class TestAnotherProcess:
    @contextmanager
    def process(self, bench: Bench) -> Iterator[subprocess.Popen[str]]:
        arguments = [bench.url, str(bench.folder / "engine.lock")]
        started = subprocess.Popen(
            [sys.executable, "-m", "tests.support.engine_program", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"PYTHONWARNINGS": "ignore"},
        )
        assert started.stdout is not None
        with started.stdout as output:
            assert output.readline() == "launched\n"
            yield started
            started.kill()
            started.wait()

    def test_a_killed_process_leaves_its_work_to_the_next_one(self, bench: Bench) -> None:
        journal, stopper = bench.folder / "journal", bench.folder / "stopper"
        stopper.touch()
        with self.process(bench) as process:
            arguments = (str(journal), str(stopper))
            bench.accept(engine_program.WORKFLOW, *arguments, key="slow", lane=engine_program.LANE)
            # The second line means that the first one's step is on record.
            eventually(lambda: journal.exists() and "waiting" in journal.read_text())
            with pytest.raises(AlreadyRunning):
                bench.engine().launch([QUICK])
            process.send_signal(signal.SIGKILL)
            process.wait()
        stopper.unlink()
        assert "ended" not in journal.read_text()
        with bench.serving([engine_program.LANE]):
            eventually(lambda: "ended" in journal.read_text())
            settle()
        lines = Counter(journal.read_text().split())
        assert (lines["begun"], lines["ended"]) == (1, 1)

    def test_a_dead_process_is_taken_over_by_another_one_and_frees_its_lane(
        self, bench: Bench
    ) -> None:
        journal, stopper = bench.folder / "journal", bench.folder / "stopper"
        stopper.touch()
        lane, arguments = engine_program.SINGLE, (str(journal), str(stopper))
        with self.process(bench) as process:
            name = engine_program.WORKFLOW
            bench.accept(name, *arguments, key="first", lane=lane, lane_key="a")
            bench.accept(name, *arguments, key="second", lane=lane, lane_key="a")
            eventually(lambda: journal.exists() and "waiting" in journal.read_text())
            process.send_signal(signal.SIGKILL)
            process.wait()
        stopper.unlink()
        other = Engine(
            name=engine_program.NAME,
            url=bench.url,
            executor_id="another-one",
            lock=bench.folder / "another.lock",
            dead_seconds=2.0,
        )
        other.launch([lane])
        try:
            eventually(lambda: journal.read_text().split().count("ended") == 2)
            settle()
        finally:
            other.stop(patience_seconds=0)
        assert Counter(journal.read_text().split())["begun"] == 2
