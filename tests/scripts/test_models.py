"""The commands that look at versions and choose the one that serves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from rich.console import Console
from typer.testing import CliRunner

from backend_ml import promotion
from backend_ml.learners.base import ModelUnreadable
from backend_ml.model_store import Facts
from backend_ml.tables import ProjectRow, VersionRow
from backend_ml.workshop import Workshop
from projects.kinds import registry
from projects.kit import database
from projects.kit.errors import PlatformError
from projects.kit.intervals import Estimate
from scripts import backend, models
from scripts.programs import House
from scripts.state import Ports, State
from tests.backend_ml.corpus import messages

PROJECT = 4
Run = Callable[..., str]


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    """A state folder of which project 4 is of the kind intent."""
    state = State(tmp_path / "state")
    state.prepare()
    house = House(state, Ports(), state.secrets())
    backend.remember(state, house.backend_environment({PROJECT: "intent", 5: "intent"}))
    opened = backend.open_backend(state.folder)
    monkeypatch.setattr(backend, "open_backend", lambda _: opened)
    yield opened
    for factory in (opened.sessions, opened.reading):
        factory.kw["bind"].dispose()


@pytest.fixture
def run(workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    def call(*arguments: str) -> str:
        monkeypatch.setattr(models, "out", Console(width=400))
        state = str(tmp_path / "state")
        result = CliRunner().invoke(models.app, [*arguments, "--state", state])
        if result.exception is not None:
            raise result.exception
        return result.output

    return call


def add(workshop: Workshop, *, project: int = PROJECT, promote: bool = True) -> VersionRow:
    kind = registry.load("intent")
    learner = __import__("backend_ml.learners.choice_linear", fromlist=["new"]).new(kind)
    rows = messages(30)
    learner.fit([text for text, _, _ in rows], [choice for _, choice, _ in rows], seed=0)
    facts = Facts(
        "cause", "choice_linear", 30, 24, Estimate(0.9, 0.8, 0.95, 6), 0.1, None, None,
        reason="Why it is so.",
    )  # fmt: skip
    staged = workshop.store.stage(learner, project)
    with database.transaction(workshop.sessions) as session:
        return workshop.store.add(
            session, staged, project, kind, facts=facts, promote=promote, now=database.now()
        )


def states(workshop: Workshop, project: int = PROJECT) -> list[str]:
    query = sa.select(VersionRow.state).where(VersionRow.project_id == project)
    with workshop.reading() as session:
        return list(session.scalars(query.order_by(VersionRow.number)))


def is_pinned(workshop: Workshop) -> bool:
    with workshop.reading() as session:
        row = session.get(ProjectRow, PROJECT)
    return row is not None and row.pinned


def test_the_list_shows_numbers_with_intervals_and_dashes(workshop: Workshop, run: Run) -> None:
    assert "No model has been made yet." in run("list")
    add(workshop)
    add(workshop, project=5, promote=False)
    shown = run("list")
    assert "0.900 (0.800 to 0.950)" in shown
    assert "Why it is so." in shown
    line = next(line for line in shown.splitlines() if "champion" in line)
    assert [cell.strip() for cell in line.split("│")][6] == "-"  # no calibration error is known
    assert "rejected" in shown
    assert "rejected" not in run("list", "--project", str(PROJECT))


def test_promote_lets_a_version_serve_and_pins_it(workshop: Workshop, run: Run) -> None:
    for promote in (True, False):
        add(workshop, promote=promote)
    assert "serves from now on." in run("promote", "intent-0002")
    assert states(workshop) == ["retired", "champion"]
    assert not is_pinned(workshop)
    assert "is pinned" in run("promote", "intent-0001", "--pin")
    assert states(workshop) == ["champion", "retired"]
    assert is_pinned(workshop)
    assert "champion, pinned" in run("list")
    assert "better versions serve again" in run("unpin", str(PROJECT))
    assert not is_pinned(workshop)
    assert "was not pinned" in run("unpin", str(PROJECT))


def test_rollback_goes_to_the_champion_before(workshop: Workshop, run: Run) -> None:
    for promote in (True, True, False, True):
        add(workshop, promote=promote)
    assert "intent-0002 serves" in run("rollback", str(PROJECT))
    assert "intent-0001 serves" in run("rollback", str(PROJECT))
    assert states(workshop) == ["champion", "retired", "rejected", "retired"]
    with pytest.raises(promotion.NothingBefore, match="Project 4"):
        run("rollback", str(PROJECT))


def test_rollback_passes_over_what_is_not_kept(workshop: Workshop, run: Run) -> None:
    rows = [add(workshop) for _ in range(3)]
    for path in sorted(workshop.store.folder(rows[1]).iterdir()):
        path.unlink()
    assert "intent-0001 serves" in run("rollback", str(PROJECT))


def test_what_cannot_serve_is_refused_in_a_sentence(workshop: Workshop, run: Run) -> None:
    rows = [add(workshop), add(workshop), add(workshop, project=5)]
    cases: list[tuple[list[str], type[PlatformError]]] = [
        (["intent-0009"], promotion.UnknownVersion),
        (["intent-0001"], promotion.SeveralVersions),
        (["intent-0002", "--project", "5"], promotion.UnknownVersion),
    ]
    for arguments, expected in cases:
        with pytest.raises(expected, match=r"\."):
            run("promote", *arguments)
    folder = workshop.store.folder(rows[0])
    for path in folder.iterdir():
        path.write_bytes(b"PK")
    with pytest.raises(ModelUnreadable):
        run("promote", "intent-0001", "--project", str(PROJECT))
    for path in sorted(folder.iterdir()):
        path.unlink()
    folder.rmdir()
    with pytest.raises(promotion.VersionGone):
        run("promote", "intent-0001", "--project", str(PROJECT))
    assert states(workshop) == ["retired", "champion"]
