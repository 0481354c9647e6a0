"""``understudy hours`` on a state folder as ``understudy up`` leaves it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from projects.kit import database
from sandbox_sync.db.tables import PracticeTime, Trainee
from scripts import cli
from scripts.programs import House
from scripts.state import State
from tests.sandbox_sync.house import migrated

Run = Callable[..., int]


@pytest.fixture
def state(tmp_path: Path) -> State:
    """Two trainees: an hour and a half on the first of May, a minute on the second."""
    state = State(tmp_path / "state")
    state.prepare()
    house = House(state, state.ports(), state.secrets())
    file = Path(house.sync_database.removeprefix("sqlite:///"))
    file.parent.mkdir()
    file.write_bytes((migrated()).read_bytes())
    engine = sa.create_engine(house.sync_database)  # asks for no items behind the hours
    moment = datetime(2026, 5, 1, 12, tzinfo=UTC)
    with database.transaction(database.sessions(engine)) as session:
        for number, email in ((7, "ada@example.com"), (8, "=ben@example.com")):
            session.add(Trainee(id=number, email=email, since=moment, left_at=None))
        session.flush()
        for number, (trainee, day, kind, seconds) in enumerate(
            [
                (7, "2026-05-01", "intent", 3600.0),
                (7, "2026-05-01", "details", 1800.0),
                (8, "2026-05-02", "intent", 60.0),
            ],
            start=1,
        ):
            session.add(
                PracticeTime(
                    annotation_id=number,
                    annotation_at=moment + timedelta(hours=number),
                    item_id=number,
                    trainee_id=trainee,
                    kind=kind,
                    day=day,
                    active_seconds=seconds,
                    lead_time_seconds=seconds,
                )
            )
    engine.dispose()
    return state


@pytest.fixture
def run(state: State, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command as a person calls it; gives back its exit status."""
    monkeypatch.setenv("COLUMNS", "120")

    def run(*options: str, folder: Path = state.folder) -> int:
        command = ["understudy", "hours", *options, "--state", str(folder)]
        monkeypatch.setattr("sys.argv", command)
        try:
            cli.main()
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    return run


MAY = ("--from", "2026-05-01", "--to", "2026-05-31")


def test_hours_are_shown_per_day_trainee_and_kind_and_summed(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*MAY) == 0
    shown = capsys.readouterr().out
    lines = [" ".join(line.strip("│ \n").replace("│", " ").split()) for line in shown.splitlines()]
    assert "2026-05-01 ada@example.com intent 1 1 h 00 min 1.00" in lines
    assert "2026-05-01 ada@example.com details 1 30 min 0.50" in lines
    assert "all days ada@example.com all kinds 2 1 h 30 min 1.50" in lines


def test_hours_as_csv_are_for_payroll(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "may.csv"
    assert run(*MAY, "--csv", str(file)) == 0
    assert "3 rows from 2026-05-01 to 2026-05-31" in capsys.readouterr().out
    assert file.read_bytes().decode() == (
        "date,trainee_id,email,kind,items,seconds,hours\r\n"
        "2026-05-01,7,ada@example.com,details,1,1800,0.5000\r\n"
        "2026-05-01,7,ada@example.com,intent,1,3600,1.0000\r\n"
        "2026-05-02,8,'=ben@example.com,intent,1,60,0.0167\r\n"
    )


def test_days_without_practice_are_said_in_words(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--from", "2020-01-01", "--to", "2020-01-31") == 0
    assert capsys.readouterr().out == "Nobody has practised from 2020-01-01 to 2020-01-31.\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--from", "yesterday"), "from: not a day; write 2026-05-04"),
        (("--from", "2026-05-02", "--to", "2026-05-01"), "2026-05-02 is after 2026-05-01"),
        ((*MAY, "--csv", "/dev/null/may.csv"), "/dev/null/may.csv: it cannot be written"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    options: tuple[str, ...], words: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*options) == 1
    said = capsys.readouterr().err
    assert words in " ".join(said.split())
    assert "Traceback" not in said


def test_a_folder_that_nothing_ran_on_is_named(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder=tmp_path / "nowhere") == 1
    assert "Understudy is not running on" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()
