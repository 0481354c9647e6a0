"""The command ``understudy``: parses arguments, makes one call, prints.

Commands import what they need themselves, so that ``status`` and ``--help`` answer at once.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from projects.kit.errors import PlatformError
from scripts import engineering, gold, hours, models, sandbox, up
from scripts.bench.cli import app as bench
from scripts.errors import NotRunning
from scripts.label_studio import invite_link
from scripts.programs import BACKEND_USER, House, trainers
from scripts.state import DEFAULT_FOLDER, SAMPLE_SEED, SAMPLES, Options, State, read_json
from scripts.supervisor import supervisor_pid

app = typer.Typer(
    name="understudy",
    help="Active-learning annotation on Label Studio, with a practice sandbox.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("hours")(hours.hours_command)
app.add_typer(models.app)
app.add_typer(engineering.app)
app.add_typer(sandbox.app)
app.add_typer(bench, name="bench")
app.add_typer(gold.app, name="gold")
out = Console()

StateOption = Annotated[
    Path, typer.Option("--state", help="The folder that holds databases, models, secrets and logs.")
]
Port = Annotated[int | None, typer.Option(help="Port of this process.", show_default=False)]
Samples = Annotated[int, typer.Option(help="Sample messages for an empty production; 0 for none.")]


def _house(folder: Path, **ports: int | None) -> House:
    state = State(folder)
    state.prepare()
    return House(state, state.ports(**ports), state.secrets())


def _say(text: str) -> None:
    out.print(Text.assemble(("· ", "dim"), text))


@app.command("up")
def up_command(
    *,
    state: StateOption = DEFAULT_FOLDER,
    production_port: Port = None,
    sandbox_port: Port = None,
    backend_port: Port = None,
    sync_port: Port = None,
    reader_port: Port = None,
    samples: Samples = SAMPLES,
    detach: Annotated[
        bool, typer.Option("--detach", help="Run behind; return when ready.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", hidden=True)] = False,
) -> None:
    """Start everything and look after it until Ctrl-C."""
    house = _house(
        state,
        production=production_port,
        sandbox=sandbox_port,
        backend=backend_port,
        sync=sync_port,
        reader=reader_port,
    )
    if detach:
        start_behind(house, samples)
        print_addresses(house)
        return

    def on_ready() -> None:
        if not quiet:
            print_addresses(house)
            out.print("Ctrl-C ends everything.")

    up.run(house, Options(samples=samples), _say, on_ready)


def is_ready(state: State) -> bool:
    """Whether Understudy runs on this folder and has finished starting."""
    known = read_json(state.status_file) or {}
    return supervisor_pid(state.status_file) is not None and known.get("phase") == up.READY


def start_behind(house: House, samples: int) -> None:
    """Start ``understudy up`` as a process of its own and wait until it is ready."""
    command = ["up", "--quiet", "--state", str(house.state.folder), "--samples", str(samples)]
    for name, port in asdict(house.ports).items():
        command += [house.ports.option(name), str(port)]
    with out.status("starting ...") as status:

        def report(phase: str) -> None:
            status.update(f"{phase} ...")
            if phase != up.READY:
                _say(phase)

        up.detach(house, command, report)


@app.command()
def down(state: StateOption = DEFAULT_FOLDER) -> None:
    """End everything that 'understudy up' started."""
    if up.down(State(state)):
        out.print("Everything has ended.")
    else:
        out.print(f"Nothing runs on {state}.")


@app.command()
def status(state: StateOption = DEFAULT_FOLDER) -> None:
    """Show what runs, where, and how often it had to be restarted. Exit code 1 when not ready."""
    place = State(state)
    known = read_json(place.status_file) or {}
    running = supervisor_pid(place.status_file) is not None
    phase = str(known.get("phase", "never started"))
    if not running and not phase.startswith(up.FAILED):
        phase = "not running"
    table = Table(title=f"Understudy on {state}: {phase}")
    for column in ("process", "state", "pid", "port", "restarts", "log"):
        table.add_column(column, overflow="fold")
    for row in known.get("processes", ()) if running else ():
        port = "-" if row["port"] is None else str(row["port"])
        cells = (row["name"], row["state"], str(row["pid"] or "-"), port, str(row["restarts"]))
        table.add_row(*cells, row["log"])
    out.print(table)
    if phase != up.READY:
        raise typer.Exit(1)


@app.command()
def demo(
    *,
    state: StateOption = DEFAULT_FOLDER,
    intent: Annotated[int, typer.Option(help="Annotations of the kind intent.")] = 100,
    details: Annotated[int, typer.Option(help="Annotations of the kind details.")] = 50,
    seed: Annotated[int, typer.Option(help="Seed of the simulated people.")] = 7,
    production_port: Port = None,
    sandbox_port: Port = None,
    backend_port: Port = None,
    sync_port: Port = None,
    reader_port: Port = None,
    exit_after: Annotated[
        bool, typer.Option("--exit", help="End everything afterwards instead of leaving it on.")
    ] = False,
) -> None:
    """Start everything, let simulated people work through both loops, and report."""
    from scripts import demo as demo_module
    from scripts.demo_view import print_summary

    for name, value in demo_module.SETTINGS.items():
        os.environ.setdefault(name, value)
    house = _house(
        state,
        production=production_port,
        sandbox=sandbox_port,
        backend=backend_port,
        sync=sync_port,
        reader=reader_port,
    )
    plan = demo_module.Plan(labels={"intent": intent, "details": details}, seed=seed)
    try:
        if supervisor_pid(house.state.status_file) is None:
            start_behind(house, SAMPLES)
        else:
            up.wait_until_ready(house, lambda _: None)
            house = _house(state)
        summary = demo_module.Demo(house, plan, out).run()
        print_summary(out, summary)
        out.print(f"All numbers: {house.state.folder / 'demo-summary.json'}")
        if not summary["clones_exact"]:
            raise demo_module.DemoFailed("clones are not eligible tasks x trainees")
    finally:
        if exit_after:
            up.down(house.state)
    if not exit_after:
        print_addresses(house)
        people = ", ".join([demo_module.WORKER_EMAIL, *demo_module.TRAINEES])
        out.print(f"The simulated people: {people}", highlight=False)
        password = house.secrets.people_password
        out.print(f"Sign in as one of them with the password {password}", highlight=False)
        out.print("Everything goes on running. End it with: .venv/bin/understudy down")


@app.command("intake")
def intake_command(
    file: Annotated[Path, typer.Argument(help="Messages as .jsonl or .csv; see docs/intake.md.")],
    state: StateOption = DEFAULT_FOLDER,
) -> None:
    """Load messages from a file: one production task per message and kind, each only once."""
    from projects.flow import intake
    from projects.kit.label_studio import LabelStudioWriter
    from scripts import bootstrap

    messages = intake.read_messages(file)
    if not is_ready(State(state)):
        raise NotRunning(state)
    house = _house(state)
    writer = LabelStudioWriter(house.production.url, house.production.token)
    projects = bootstrap.by_kind(bootstrap.production_projects(writer))
    with out.status(f"loading {len(messages)} messages ..."):
        result = intake.load(messages, writer=writer, projects=projects)
    for kind in projects:
        count = result.kinds[kind]
        out.print(
            f"{kind}: {count.created} tasks created, {count.already_there} were there already"
        )


@app.command("samples")
def samples_command(
    file: Annotated[Path, typer.Argument(help="The .jsonl file to write.")],
    *,
    count: Annotated[int, typer.Option(help="How many messages.")] = SAMPLES,
    seed: Annotated[int, typer.Option(help="Same seed, same messages.")] = SAMPLE_SEED,
) -> None:
    """Write sample messages in the format that 'understudy intake' reads."""
    from projects.flow.messages import message_to_json
    from projects.samples import generate

    rows = (message_to_json(sample.message) for sample in generate(count, seed=seed))
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    file.write_text("".join(lines), encoding="utf-8")
    out.print(f"{count} messages in {file}")


def print_addresses(house: House) -> None:
    """The table of addresses and sign-ins, and the links with which people join."""
    table = Table(title="Understudy is running")
    table.add_column("for")
    table.add_column("address", no_wrap=True)
    table.add_column("sign in with", no_wrap=True)
    production, sandbox = house.production, house.sandbox
    trainer = f"{sandbox.email}\n{sandbox.password}"
    table.add_row("production", production.url, f"{production.email}\n{production.password}")
    table.add_row("sandbox", sandbox.url, trainer)
    table.add_row("trainers' pages", f"{house.sync_url}/trainer", "as the sandbox")
    others = sorted(set(trainers(os.environ)) - {sandbox.email})
    if others:
        own = "\n".join([*others, f"password: {house.secrets.trainers_password}"])
        table.add_row("other trainers", f"{house.sync_url}/trainer", own)
    table.add_row("ML backend", f"{house.backend_url}/health", "-")
    engineer = f"{BACKEND_USER}\n{house.secrets.backend_password}"
    table.add_row("engineers' page", f"{house.backend_url}/engineer", engineer)
    out.print(table)
    for who, instance in (("annotator", production), ("trainee", sandbox)):
        link = invite_link(instance.url, instance.token)
        out.print(f"A new {who} signs up at {link}", highlight=False, soft_wrap=True)


def main() -> None:
    """Run the command; our own errors are one clear sentence and exit code 1."""
    try:
        app()
    except PlatformError as error:
        message = Text.assemble(("error: ", "bold red"), str(error))
        Console(stderr=True, soft_wrap=True).print(message)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
