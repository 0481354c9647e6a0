"""A fit that hangs or crashes costs that fit only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from backend_ml import fit_process, retraining, warming
from backend_ml.fit_process import Children, FitCrashed, FitFailed, FitInterrupted, FitTimedOut
from backend_ml.fitting import Addition, Fitter, Here, Job
from backend_ml.labels import Label
from backend_ml.learners import choice_linear
from backend_ml.tables import MarkRow, VersionRow
from projects.kinds import registry
from projects.kit.database import transaction
from tests.backend_ml.conftest import Desk
from tests.backend_ml.corpus import messages

KIND = registry.load("intent")
LABELS = tuple(Label(n, text, choice) for n, (text, choice, _) in enumerate(messages(60)))
JOB = Job(KIND, "choice_linear", LABELS, seed=0)


@pytest.fixture
def children() -> Iterator[Children]:
    made = Children(60.0)
    yield made
    made.close()


def program(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """What runs instead of the process that fits."""
    monkeypatch.setattr(fit_process, "COMMAND", [sys.executable, "-c", code])


def test_a_fit_elsewhere_is_the_same_as_here(children: Children, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("here", "there")]
    children.start()
    fitters: tuple[Fitter, ...] = (Here(), children)
    for folder, fitter in zip(folders, fitters, strict=True):
        folder.mkdir()
        found = fitter.fit(JOB, folder)
        assert found is not None
        assert found.full_fit_labels == 60
    texts = [label.text for label in LABELS]
    here, there = (choice_linear.load(folder, KIND).predict(texts).items for folder in folders)
    assert here == there
    assert children.out_of_fold(JOB) == Here().out_of_fold(JOB)
    assert len(children._idle) == 1  # the same process did all of it


def test_learning_more_elsewhere_is_the_same_as_here(children: Children, tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    assert Here().fit(replace(JOB, labels=LABELS[:50]), base) is not None
    more = Addition(KIND, "choice_linear", base, 50, LABELS[50:], LABELS[:10], seed=0)
    guesses = []
    for name, fitter in (("here", Here()), ("there", children)):
        folder = tmp_path / name
        folder.mkdir()
        found = fitter.learn_more(more, folder)
        assert found is not None
        assert found.full_fit_labels == 50
        model = choice_linear.load(folder, KIND)
        guesses.append(model.predict([label.text for label in LABELS]).items)
        assert set(warming.read(folder) or {}) == {label.task_id for label in LABELS}
    assert guesses[0] == guesses[1]


def test_too_few_labels_are_nothing_to_learn_from(children: Children, tmp_path: Path) -> None:
    assert children.fit(replace(JOB, labels=LABELS[:1]), tmp_path) is None


def test_an_error_tells_its_class_and_no_words_of_others(
    children: Children, tmp_path: Path
) -> None:
    with pytest.raises(FitFailed) as caught:
        children.fit(replace(JOB, learner="no_such_learner"), tmp_path)
    assert caught.value.error == "UnknownName"
    with pytest.raises(FitFailed) as caught:
        children.fit(JOB, tmp_path / "nowhere")
    assert str(caught.value) == "FileNotFoundError"
    assert children.fit(replace(JOB, labels=LABELS[:1]), tmp_path) is None  # it still works


def test_a_fit_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(monkeypatch, "import time; time.sleep(60)")
    children = Children(0.5)
    with pytest.raises(FitTimedOut, match=r"0\.5 seconds"):
        children.fit(JOB, tmp_path)
    assert children._idle == []
    assert children._busy == set()


def test_a_crash_is_told_by_its_signal(
    children: Children, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash = "import os, sys; sys.stdin.readline(); os.kill(os.getpid(), 11)"
    program(monkeypatch, crash)
    with pytest.raises(FitCrashed, match="signal 11"):
        children.fit(JOB, tmp_path)
    monkeypatch.undo()
    assert children.fit(JOB, tmp_path) is not None


def test_a_training_whose_fit_crashed_is_done_again(
    make_desk: Callable[..., Desk], children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk()
    desk.workshop = replace(desk.workshop, fitter=children)
    desk.answer(40)
    desk.hear()
    program(monkeypatch, "import os, sys; sys.stdin.readline(); os.kill(os.getpid(), 9)")
    with pytest.raises(FitCrashed) as caught:
        desk.train("one")
    retraining.record_failure(desk.workshop, desk.project_id, caught.value)
    with transaction(desk.workshop.sessions) as session:
        mark = session.get_one(MarkRow, desk.project_id)
        assert mark.last_error == "FitCrashed: The process of the fit ended with signal 9."
    folder = desk.workshop.settings.models_dir / str(desk.project_id)
    assert list(folder.iterdir()) == []
    monkeypatch.undo()
    assert desk.train("two") == "intent-0001"


def test_a_fit_is_interrupted_when_the_worker_ends_and_nothing_is_recorded(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    program(monkeypatch, "import time; time.sleep(60)")
    children = Children(60.0)
    desk = make_desk()
    desk.workshop = replace(desk.workshop, fitter=children)
    threading.Timer(0.5, children.close).start()
    with pytest.raises(FitInterrupted):
        retraining.challenge(desk.workshop, desk.project_id, "rules", "cause")
    with pytest.raises(FitInterrupted):
        children.fit(JOB, Path("unused"))
    with desk.workshop.reading() as session:
        assert session.scalars(sa.select(VersionRow)).all() == []


def test_a_process_that_fits_ends_with_the_one_that_started_it() -> None:
    code = (
        "import subprocess, sys, time\n"
        "from backend_ml.fit_process import COMMAND\n"
        "child = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(parent.pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.2)
