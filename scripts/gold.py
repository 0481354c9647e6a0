"""``understudy gold load``: messages whose right answers are known, from a file.

The command imports what it needs itself, so that ``understudy --help`` answers at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from projects.kit.errors import BadInput
from scripts.errors import NotRunning
from scripts.programs import House
from scripts.state import DEFAULT_FOLDER, State
from scripts.supervisor import supervisor_pid

app = typer.Typer(no_args_is_help=True, help="Messages whose right answers are known.")
out = Console()


@app.callback()
def _group() -> None:
    """Keeps ``load`` a command of its own."""


@app.command()
def load(
    file: Annotated[Path, typer.Argument(help="Gold as .jsonl; see docs/gold.md.")],
    *,
    kind: Annotated[str, typer.Option(help="The kind that the answers are of.")],
    project: Annotated[
        int, typer.Option(help="Id of the production project, if several have this kind.")
    ] = 0,
    state: Annotated[
        Path, typer.Option("--state", help="The folder that 'understudy up' uses.")
    ] = DEFAULT_FOLDER,
) -> None:
    """Load gold: all rows or none; safe to repeat, a changed row makes a new state of its key."""
    place = State(state)
    if supervisor_pid(place.status_file) is None:
        raise NotRunning(state)
    house = House(place, place.ports(), place.secrets())
    text = _text(file)
    from projects.kit import logs
    from scripts import gold_loading

    logs.configure(service="understudy", level="ERROR")
    with gold_loading.opened(house) as room:
        found = gold_loading.load_text(house, room, text, str(file), kind=kind, project=project)
    done, bare = found.loaded, found.without_suggestion
    out.print(f"{done.created} created, {done.changed} changed, {done.unchanged} as they were")
    if bare:
        rows = "1 row has no suggestion" if bare == 1 else f"{bare} rows have no suggestion"
        out.print(
            f"Note: {rows}: no model says anything about it. Gold takes only the place of items "
            "that look like it. Load the file again when a model has learned more.",
            highlight=False,
        )


def _text(file: Path) -> str:
    if not file.is_file():
        raise BadInput("there is no such file", str(file))
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("it cannot be read as UTF-8 text", str(file)) from error
