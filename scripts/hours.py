"""``understudy hours``: how long trainees have practised, for payroll."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from projects.kit.errors import BadInput
from scripts.errors import NotRunning
from scripts.programs import House
from scripts.state import DEFAULT_FOLDER, State

if TYPE_CHECKING:
    from sandbox_sync.hours import Days, Row

out = Console()


def hours_command(
    *,
    first: Annotated[str, typer.Option("--from", help="First day, such as 2026-05-01.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last day; by default today.")] = "",
    csv: Annotated[Path | None, typer.Option(help="Write the rows to this file instead.")] = None,
    state: Annotated[
        Path, typer.Option("--state", help="The folder that 'understudy up' uses.")
    ] = DEFAULT_FOLDER,
) -> None:
    """Practice time per trainee, day and kind; without days, this month's."""
    from projects.kit import database
    from sandbox_sync import hours

    days = hours.days_of(first, last, today=database.now().date())
    found = _read(State(state), days)
    if csv is not None:
        try:
            csv.write_text(hours.to_csv(found), encoding="utf-8", newline="")
        except OSError as error:
            raise BadInput(f"it cannot be written: {error.strerror}", str(csv)) from error
        out.print(f"{len(found)} rows from {days.first} to {days.last} in {csv}")
        return
    if not found:
        out.print(f"Nobody has practised from {days.first} to {days.last}.")
        return
    table = Table(title=f"Practice time, {days.first} to {days.last}")
    for name in ("day", "trainee", "kind"):
        table.add_column(name)
    for name in ("items", "time", "hours"):
        table.add_column(name, justify="right")
    for row in [*found, *hours.totals(found)]:
        day, kind = row.day or "all days", row.kind or "all kinds"
        time = hours.in_words(row.seconds)
        table.add_row(day, row.email, kind, str(row.items), time, f"{row.hours:.2f}")
    out.print(table)


def _read(state: State, days: Days) -> list[Row]:
    import sqlalchemy as sa

    from projects.kit import database
    from sandbox_sync.db import hours as rows
    from sandbox_sync.db.tables import PracticeTime

    if not state.secrets_file.exists():
        raise NotRunning(state.folder)
    house = House(state, state.ports(), state.secrets())
    engine = database.make_engine(house.sync_database, immediate=False)
    try:
        if not sa.inspect(engine).has_table(PracticeTime.__tablename__):
            raise NotRunning(state.folder)
        with database.sessions(engine)() as session:
            return rows.rows(session, days.first, days.last)
    finally:
        engine.dispose()
