"""``understudy sandbox``: put practice behind any production project, without code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer
from rich.console import Console
from rich.table import Table

from projects.kit.errors import BadInput
from projects.policy import Policy, ReferencePolicy
from scripts.state import DEFAULT_FOLDER, State

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from projects.kit.label_studio import LabelStudioWriter
    from projects.scheme import Scheme
    from projects.vocabulary import Project
    from scripts.programs import House

app = typer.Typer(
    name="sandbox",
    help="Practice on production projects that nobody made a kind for.",
    no_args_is_help=True,
)
out = Console()

LOOKED_AT = 20
"""Tasks in which addresses of pictures and sounds are looked for."""
NOT_FOR_OTHERS = ("s3://", "gs://", "azure-blob://", "azure_spi://", "file:")
"""How addresses begin that only production can open; its uploaded files are copied."""
MEDIA = ("Image", "Audio", "AudioPlus", "Video", "Pdf", "HyperText", "TimeSeries")

StateOption = Annotated[
    Path, typer.Option("--state", help="The folder that holds databases, models, secrets and logs.")
]
ProjectArgument = Annotated[int, typer.Argument(help="Id of a production project.")]
Weights = Annotated[
    list[str] | None,
    typer.Option(
        "--weight",
        metavar="CONTROL=NUMBER",
        help="How much a control counts in the agreement; 1 unless given. May be repeated.",
        show_default=False,
    ),
]
Metrics = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        metavar="CONTROL=NAME",
        help="Compare a control by another metric. May be repeated.",
        show_default=False,
    ),
]
Ignored = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore",
        metavar="CONTROL",
        help="Leave a control out of the comparison. May be repeated.",
        show_default=False,
    ),
]
Reference = Annotated[
    str,
    typer.Option(
        "--policy",
        help="Of several production answers: the latest, what the majority said, or the latest "
        "that was reviewed.",
    ),
]
TryAgain = Annotated[
    bool,
    typer.Option("--try-again", help="A trainee may correct an answer: then the newest counts."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be compared, how.")]


@app.command("add")
def add_command(
    project_id: ProjectArgument,
    *,
    weight: Weights = None,
    metric: Metrics = None,
    ignore: Ignored = None,
    policy: Reference = "latest",
    try_again: TryAgain = False,
    dry_run: DryRun = False,
    state: StateOption = DEFAULT_FOLDER,
) -> None:
    """Begin practice on a production project, or change how its answers are compared."""
    from projects import scheme as schemes
    from projects.kit.database import now

    chosen = chosen_policy(
        weights=weight or (),
        metrics=metric or (),
        ignored=ignore or (),
        reference=policy,
        try_again=try_again,
    )
    house = _running(state)
    writer = _writer(house)
    project = writer.project(project_id)
    scheme = schemes.of_config(
        f"project-{project_id}", project.label_config, chosen, title=project.title
    )
    scheme.check()
    _show(scheme)
    _warn_of_media(scheme, writer, project)
    if dry_run:
        out.print("A dry run: nothing was changed.")
        return
    from sandbox_sync.db import by_hand

    with _database(house) as session:
        is_new = by_hand.add(session, project, chosen, now=now())
        _hook(writer, project_id, house)
    word = "begins" if is_new else "goes on under this policy"
    out.print(f"Practice on project {project_id} {word} within a minute.")


@app.command("list")
def list_command(*, state: StateOption = DEFAULT_FOLDER) -> None:
    """Show every project that was added, also those that were removed."""
    from sandbox_sync.db import by_hand

    with _database(_running(state)) as session:
        rows = by_hand.everything(session)
    if not rows:
        out.print("No project has been added.")
        return
    table = Table(title="Projects practised on without a kind")
    for column in ("project", "title", "policy", "weights", "metrics", "since", "until"):
        table.add_column(column, overflow="fold")
    for added in rows.values():
        again = "" if added.policy.first_submission_counts else ", try again"
        table.add_row(
            str(added.project_id),
            added.title,
            f"{added.policy.reference}{again}",
            _pairs(added.policy.weights),
            _pairs(added.policy.metrics),
            f"{added.added_at:%Y-%m-%d %H:%M}",
            "-" if added.removed_at is None else f"{added.removed_at:%Y-%m-%d %H:%M}",
        )
    out.print(table)


@app.command("remove")
def remove_command(project_id: ProjectArgument, *, state: StateOption = DEFAULT_FOLDER) -> None:
    """End practice on a project; what was compared stays."""
    from projects.kit.database import now
    from sandbox_sync.db import by_hand

    with _database(_running(state)) as session:
        title = by_hand.remove(session, project_id, now=now())
    out.print(f"Practice on project {project_id} ({title}) ends within a minute.")


def chosen_policy(
    *,
    weights: Sequence[str],
    metrics: Sequence[str],
    ignored: Sequence[str],
    reference: str,
    try_again: bool,
) -> Policy:
    """The options of the command as a policy.

    Raises
    ------
    BadInput
        When one is not what it should be.
    """
    from projects.policy import policy_from_json

    if reference not in get_args(ReferencePolicy):
        known = ", ".join(get_args(ReferencePolicy))
        raise BadInput(f"{reference!r} is none of {known}", "--policy")
    parts: dict[str, float] = {}
    for control, value in (_split(pair, "--weight") for pair in weights):
        try:
            parts[control] = float(value)
        except ValueError as error:
            raise BadInput(f"{value!r} is no number", f"--weight {control}") from error
    return policy_from_json(
        {
            "reference": reference,
            "first_submission_counts": not try_again,
            "weights": parts | dict.fromkeys(ignored, 0.0),
            "metrics": dict(_split(pair, "--metric") for pair in metrics),
        }
    )


def _split(pair: str, option: str) -> tuple[str, str]:
    control, equals, value = pair.rpartition("=")
    if not equals or not control or not value:
        raise BadInput(f"{pair!r} is not CONTROL=VALUE", option)
    return control, value


def _show(scheme: Scheme) -> None:
    table = Table(title=f"How answers to {scheme.title!r} are compared")
    for column in ("control", "tag", "metric", "weight"):
        table.add_column(column, overflow="fold")
    for name, plan in scheme.plans.items():
        if plan.is_compared:
            table.add_row(name, plan.control.tag, plan.metric, f"{plan.weight:g}")
    for control in scheme.left_out:
        table.add_row(control.name, control.tag, "not compared", "0")
    out.print(table)


def _warn_of_media(scheme: Scheme, writer: LabelStudioWriter, project: Project) -> None:
    """Name what trainees will not see."""
    tasks = list(islice(writer.tasks(project.id), LOOKED_AT))
    for shown in scheme.config.shown.values():
        contents = [shown.content(task.data) for task in tasks]
        addresses = [c for c in contents if isinstance(c, str) and c.startswith(NOT_FOR_OTHERS)]
        if shown.tag in MEDIA and addresses:
            out.print(
                f"Note: <{shown.tag}> {shown.name!r} shows files that only production can open "
                f"(in {len(addresses)} of {len(tasks)} tasks). Trainees will not see them: give "
                "http(s) addresses that their browsers can open.",
                highlight=False,
            )


def _hook(writer: LabelStudioWriter, project_id: int, house: House) -> None:
    from projects.kit.web import SECRET_HEADER

    writer.ensure_webhooks(
        project_id,
        f"{house.sync_url}/webhooks/production",
        headers={SECRET_HEADER: house.secrets.sync_webhook_production},
    )


def _pairs(values: object) -> str:
    rows = dict(values) if isinstance(values, dict) else {}
    return ", ".join(f"{name}={value}" for name, value in rows.items()) or "-"


def _running(folder: Path) -> House:
    """The running Understudy of this folder.

    Raises
    ------
    NotRunning
        When there is none, or it is still starting.
    """
    from scripts import up
    from scripts.errors import NotRunning
    from scripts.programs import House
    from scripts.state import read_json
    from scripts.supervisor import supervisor_pid

    state = State(folder)
    known = read_json(state.status_file) or {}
    if supervisor_pid(state.status_file) is None or known.get("phase") != up.READY:
        raise NotRunning(folder)
    return House(state, state.ports(), state.secrets())


def _writer(house: House) -> LabelStudioWriter:
    from projects.kit.label_studio import LabelStudioWriter

    return LabelStudioWriter(house.production.url, house.production.token)


@contextmanager
def _database(house: House) -> Iterator[Session]:
    from projects.kit import database

    engine = database.make_engine(house.sync_database)
    try:
        with database.transaction(database.sessions(engine)) as session:
            yield session
    finally:
        engine.dispose()
