"""``understudy bench``: measures, prints a table, writes a file."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

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
    )  # fmt: skip
    out = Console()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the servers are ended on the way out
    with Console(stderr=True).status("reading ...") as status:

        def say(text: str) -> None:
            status.update(f"{text} ...")

        report = module.run(data, plan, seed=seed, embedding=embeddings, peer=peer, say=say)
    report.write(json)
    report.show(out)
    out.print(f"All numbers: {json}")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
