"""``understudy models``: look at the versions of models, and decide which one serves.

Commands import the backend themselves, so that ``understudy --help`` answers at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from scripts.state import DEFAULT_FOLDER

if TYPE_CHECKING:
    from backend_ml.tables import VersionRow
    from backend_ml.workshop import Workshop

app = typer.Typer(
    name="models",
    help="Versions of models: what they learned, which one serves, and why.",
    no_args_is_help=True,
)
out = Console()

DASH = "-"
BY_HAND = "Chosen by hand"
StateOption = Annotated[
    Path, typer.Option("--state", help="The folder that holds databases, models, secrets and logs.")
]
ProjectOption = Annotated[
    int | None, typer.Option("--project", help="Id of a production project.", show_default=False)
]
ProjectArgument = Annotated[int, typer.Argument(help="Id of a production project.")]
COLUMNS = (
    "project", "version", "learner", "labels", "held-out", "calibration error", "state",
    "reason", "made at",
)  # fmt: skip

WIDE = 150
"""Characters a line from which the reasons stand in the table."""


@app.command("list")
def list_command(*, state: StateOption = DEFAULT_FOLDER, project: ProjectOption = None) -> None:
    """Show every version, newest first."""
    import sqlalchemy as sa

    from backend_ml.tables import ProjectRow, VersionRow

    workshop = _open(state)
    query = sa.select(VersionRow).order_by(VersionRow.project_id, VersionRow.number.desc())
    if project is not None:
        query = query.where(VersionRow.project_id == project)
    with workshop.reading() as session:
        rows = session.scalars(query).all()
        pinned = set(
            session.scalars(sa.select(ProjectRow.project_id).where(ProjectRow.pinned.is_(True)))
        )
    if not rows:
        out.print("No model has been made yet.")
        return
    shown = COLUMNS if out.width >= WIDE else COLUMNS[:-2]
    table = Table(title="Versions of models")
    for column in shown:
        table.add_column(column, no_wrap=column in ("version", "state"))
    for row in rows:
        table.add_row(*cells(row, pinned=row.project_id in pinned)[: len(shown)])
    out.print(table)
    if shown != COLUMNS:  # a narrow window: the reasons below, in lines of their own
        for row in rows:
            out.print(f"{row.name}, {row.created_at:%Y-%m-%d %H:%M}: {row.reason or DASH}")


@app.command()
def promote(
    version: Annotated[str, typer.Argument(help="Its name, as 'models list' shows it.")],
    *,
    pin: Annotated[
        bool, typer.Option("--pin", help="Keep it serving, whatever is trained later.")
    ] = False,
    project: ProjectOption = None,
    state: StateOption = DEFAULT_FOLDER,
) -> None:
    """Let a version serve; the running worker publishes it within seconds."""
    from backend_ml import promotion

    workshop = _open(state)
    row = promotion.promote(workshop, version, pin=pin, project_id=project, why=f"{BY_HAND}.")
    _say(workshop, row)


@app.command()
def rollback(project: ProjectArgument, *, state: StateOption = DEFAULT_FOLDER) -> None:
    """Let the version serve again that served before the present one."""
    from backend_ml import promotion

    workshop = _open(state)
    row = promotion.roll_back(workshop, project, why=f"{BY_HAND}: a rollback.")
    _say(workshop, row)


@app.command()
def unpin(project: ProjectArgument, *, state: StateOption = DEFAULT_FOLDER) -> None:
    """Let better versions of a project serve again."""
    from backend_ml import promotion

    if promotion.unpin(_open(state), project):
        out.print(f"Project {project}: better versions serve again from the next training on.")
    else:
        out.print(f"Project {project} was not pinned.")


def cells(row: VersionRow, *, pinned: bool) -> tuple[str, ...]:
    """One line of the table; a dash where a value is undefined."""
    serving = row.state == "champion"
    return (
        str(row.project_id),
        row.name,
        row.learner or DASH,
        str(row.labels),
        with_interval(row.held_out, row.held_out_low, row.held_out_high),
        with_interval(row.calibration_error, row.calibration_error_low, row.calibration_error_high),
        f"{row.state}, pinned" if serving and pinned else row.state,
        row.reason or DASH,
        row.created_at.strftime("%Y-%m-%d %H:%M:%S"),
    )


def with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """A rate with its 95% interval."""
    if value is None or low is None or high is None:
        return DASH
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def _open(state: Path) -> Workshop:
    from scripts.backend import open_backend

    return open_backend(state)


def _say(workshop: Workshop, row: VersionRow) -> None:
    from backend_ml.tables import ProjectRow

    with workshop.reading() as session:
        project = session.get(ProjectRow, row.project_id)
    pinned = " and is pinned" if project is not None and project.pinned else ""
    out.print(f"Project {row.project_id}: {row.name} serves from now on{pinned}.")
