"""``understudy bench``: measures, prints a table, writes a file."""

from __future__ import annotations

import contextlib
import math
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from scripts.bench.figures import Report

SECONDS_BETWEEN_LINES = 30.0

app = typer.Typer(
    help="Measure the product against its goals; see docs/benchmarks.md.", no_args_is_help=True
)


@app.callback()
def bench() -> None:
    """Measure the product against its goals; see docs/benchmarks.md."""


@app.command()
def backend(  # noqa: PLR0913 - one option each
    *,
    data: Annotated[
        Path, typer.Option(help="A folder of folders with labelled texts (*.jsonl, *.jsonl.gz).")
    ],
    json: Annotated[Path, typer.Option(help="The file to write the figures to.")],
    quick: Annotated[
        bool, typer.Option("--quick", help="A small form of everything: does it work?")
    ] = False,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Repetitions; 5, with --quick 2.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    only: Annotated[
        str, typer.Option(help="Parts: label-efficiency, serving, cost, interference.")
    ] = "",
    tasks: Annotated[
        str, typer.Option(help="Of label efficiency, such as 'clinc150:label,hwu64:spans'.")
    ] = "",
    strategies: Annotated[
        str, typer.Option(help="To compare, besides the default and random; empty for all.")
    ] = "",
    embeddings: Annotated[
        str, typer.Option(help="A model of sentence embeddings: choices once more, with it.")
    ] = "",
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="Of label efficiency; one a core.", show_default=False),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0, help="Of label efficiency: no replay begins later.", show_default=False
        ),
    ] = None,
    most_labels: Annotated[
        int | None,
        typer.Option(
            min=1, help="Of label efficiency: every replay ends there.", show_default=False
        ),
    ] = None,
    peer: Annotated[
        Path, typer.Option(help="The environment of label-studio-ml that setup makes.")
    ] = Path(".venv-label-studio-ml"),
) -> None:
    """Label efficiency, serving, cost per label and interference of the machine half.

    Ends with 0 also when a goal is missed: the table says so.
    """
    from scripts.bench import backend as module

    plan = module.plan(
        quick=quick, seeds=seeds, only=_names(only), tasks=_names(tasks),
        strategies=_names(strategies), processes=processes, minutes=minutes,
        most_labels=most_labels,
    )  # fmt: skip
    _measured(
        json,
        lambda say: module.run(data, plan, seed=seed, embedding=embeddings, peer=peer, say=say),
    )


@app.command()
def faults(
    *,
    json: Annotated[Path, typer.Option(help="The file to write the figures to.")],
    kills: Annotated[int, typer.Option(min=1, help="kill -9 of our processes, in all.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    database: Annotated[
        str, typer.Option(help="postgresql://... of a server; without it SQLite.")
    ] = "",
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="Of sandbox_sync; 2 on PostgreSQL.", show_default=False),
    ] = None,
    real: Annotated[
        bool,
        typer.Option("--real", help="On two real Label Studio servers instead of stand-ins."),
    ] = False,
) -> None:
    """Kill, disturb and cut off the practice half, and check after each that nothing is wrong.

    Ends with 0 also when a goal is missed: the table says so.
    """
    from scripts.bench import faults as module

    count = processes or (module.TWO_PROCESSES if database else 1)
    plan = module.Plan(kills=kills, seed=seed, database=database, processes=count, is_real=real)
    _measured(json, lambda say: module.run(plan, say=say))


@app.command()
def sync(
    *,
    json: Annotated[Path, typer.Option(help="The file to write the figures to.")],
    database: Annotated[
        str, typer.Option(help="postgresql://... of a server; without it that of the wheel.")
    ] = "",
    quick: Annotated[
        bool, typer.Option("--quick", help="A small form of everything: does it work?")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the texts.")] = 0,
    only: Annotated[
        str,
        typer.Option(
            help="Parts (submit, feedback, acknowledgement, clones) and sqlite or postgresql."
        ),
    ] = "",
) -> None:
    """Acknowledgement, submit time, feedback and clones of the practice half.

    Starts two real Label Studio servers. Measures on SQLite and on PostgreSQL.
    Ends with 0 also when a goal is missed: the table says so.
    """
    from scripts.bench import sync as module

    plan = module.plan(quick=quick, only=_names(only), server=database)
    _measured(json, lambda say: module.run(plan, seed=seed, say=say))


def _measured(file: Path, measure: Callable[[Callable[[str], None]], Report]) -> None:
    out = Console()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the servers are ended on the way out
    with _progress(Console(stderr=True)) as say:
        report = measure(say)
    report.write(file)
    report.show(out)
    out.print(f"All numbers: {file}")


@contextlib.contextmanager
def _progress(err: Console) -> Iterator[Callable[[str], None]]:
    """A line that changes on a terminal; in a file now and then a new one."""
    if err.is_terminal:
        with err.status("reading ...") as status:
            yield lambda text: status.update(f"{text} ...")
        return
    told = -math.inf

    def say(text: str) -> None:
        nonlocal told
        if time.monotonic() - told >= SECONDS_BETWEEN_LINES:
            told = time.monotonic()
            err.print(text, markup=False, soft_wrap=True)

    yield say


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
