"""``understudy curve``, ``replay``, ``doubtful`` and ``export``: evidence for engineers.

Commands import the backend themselves, so that ``understudy --help`` answers at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from projects.kit.errors import BadInput, UnknownName
from scripts.state import DEFAULT_FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable

    from backend_ml.labels import Label
    from backend_ml.workshop import Workshop
    from projects.kinds.base import Kind

app = typer.Typer()
out = Console()

DASH = "-"
VIEW = "Doubtful labels"
StateOption = Annotated[
    Path, typer.Option("--state", help="The folder that holds databases, models, secrets and logs.")
]
ProjectArgument = Annotated[
    str, typer.Argument(help="Id of a production project, or its kind if only one has it.")
]
Seeds = Annotated[int, typer.Option(min=1, help="Shuffles to average over.")]
JsonFile = Annotated[
    Path | None, typer.Option("--json", help="Write the numbers here.", show_default=False)
]
PlotFile = Annotated[
    Path | None,
    typer.Option("--plot", help="Write a page with the chart here.", show_default=False),
]
LearnerOption = Annotated[
    str, typer.Option(help="A file of learners; the serving one, else the kind's first.")
]


@dataclass(frozen=True)
class Desk:
    """One project, its kind as it is now, its accepted labels and who learns them."""

    workshop: Workshop
    project_id: int
    kind: Kind
    labels: list[Label]
    learner: str


@app.command()
def curve(
    project: ProjectArgument,
    *,
    state: StateOption = DEFAULT_FOLDER,
    learner: LearnerOption = "",
    seeds: Seeds = 3,
    json_file: JsonFile = None,
    plot: PlotFile = None,
) -> None:
    """Say whether more labelling is worth it, from the project's own labels."""
    from backend_ml import charts, curves

    desk = _desk(state, project, learner)
    with _progress("fitting", curves.fits(seeds)) as tell:
        found = curves.learning_curve(desk.kind, desk.learner, desk.labels, seeds=seeds, tell=tell)
    table = Table(title=f"Learning curve of {desk.learner}, {found.labels} labels")
    for column in ("labels", "agreement", "95% interval"):
        table.add_column(column, justify="right")
    for point in found.points:
        quality = point.quality
        table.add_row(
            str(point.labels),
            f"{quality.value:.3f}",
            _literal(f"[{quality.low:.3f}, {quality.high:.3f}]"),
        )
    out.print(table)
    sentence = gain_in_words(found)
    out.print(sentence, highlight=False, markup=False)
    _save(json_file, asdict(found) | {"verdict": found.verdict, "sentence": sentence})
    if plot is not None:
        estimates = [asdict(point.quality) for point in found.points]
        chart = charts.line(desk.learner, [p.labels for p in found.points], estimates)
        figure = charts.figure([chart], x="labels learned", y="agreement")
        title = f"Learning curve of {desk.kind.title}"
        _page(plot, charts.standalone(title, sentence, [("Agreement", figure)]))


def gain_in_words(found: Any) -> str:
    """Is more labelling worth it? In one sentence."""
    words = {"yes": "Yes", "no": "Hardly", "unclear": "Not clear"}[found.verdict]
    gain = found.gain
    return (
        f"Is more labelling worth it? {words}: doubling the labels ({found.labels} to "
        f"{found.to_labels}) is expected to add {gain.value:+.3f} "
        f"[{gain.low:.3f}, {gain.high:.3f}] to agreement."
    )


@app.command()
def replay(
    project: ProjectArgument,
    *,
    state: StateOption = DEFAULT_FOLDER,
    learners: Annotated[str, typer.Option(help="Names, with commas between; all that fit.")] = "",
    strategies: Annotated[str, typer.Option(help="Names, with commas between.")] = "",
    seeds: Seeds = 3,
    json_file: JsonFile = None,
    plot: PlotFile = None,
) -> None:
    """Play labelling again with each learner and strategy: which would have needed fewer labels?"""
    from scripts import replays

    desk = _desk(state, project, "")
    plan = replays.plan(desk.kind, desk.labels, desk.learner, learners, strategies, seeds)
    with _progress("replaying", len(plan.runs)) as tell:
        found = replays.run(plan, tell)
    out.print(replays.table(found))
    _save(json_file, replays.to_json(found))
    if plot is not None:
        title = f"Labelling played again: {desk.kind.title}"
        _page(plot, replays.page(title, found))


@app.command()
def doubtful(
    project: ProjectArgument,
    *,
    state: StateOption = DEFAULT_FOLDER,
    learner: LearnerOption = "",
    top: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 50,
    push: Annotated[bool, typer.Option("--push", help="Make them a view in Label Studio.")] = False,
    json_file: JsonFile = None,
) -> None:
    """List the accepted labels that are likely to be wrong, the most doubtful first."""
    from backend_ml import doubting

    desk = _desk(state, project, learner)
    with _progress("fitting", doubting.FOLDS) as tell:
        found = doubting.doubts(desk.kind, desk.learner, desk.labels, tell=tell)
    shown = found[:top]
    base = f"{desk.workshop.settings.label_studio_url}/projects/{desk.project_id}/data"
    view = None
    if push:
        ids = [one.task_id for one in shown]
        view = desk.workshop.studio.ensure_view(desk.project_id, VIEW, ids)
    tab = "" if view is None else f"&tab={view}"
    table = Table(title=f"{len(shown)} of {len(found)} doubtful, of {len(desk.labels)} labels")
    for column in ("doubt", "task", "accepted", "model", "sure", "why", "where"):
        table.add_column(column, overflow="fold")
    rows = []
    for one in shown:
        link = f"{base}?task={one.task_id}{tab}"
        rows.append(asdict(one) | {"link": link})
        cells = (f"{one.doubt:.3f}", str(one.task_id), _names(one.accepted), _names(one.guessed),
                 f"{one.confidence:.2f}", one.why, link)  # fmt: skip
        table.add_row(*map(_literal, cells))
    out.print(table)
    if view is not None:
        out.print(f"In Label Studio: {base}?tab={view}", highlight=False, soft_wrap=True)
    _save(json_file, {"labels": len(desk.labels), "doubted": len(found), "doubts": rows})


@app.command()
def export(
    project: ProjectArgument,
    path: Annotated[Path, typer.Argument(help="The file to write.")],
    *,
    form: Annotated[str, typer.Option("--format", help="jsonl, spacy, parquet or csv.")] = "jsonl",
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    state: StateOption = DEFAULT_FOLDER,
) -> None:
    """Write the accepted labels for other tools: JSONL, spaCy, Parquet or CSV."""
    from backend_ml import exporting

    workshop = _open(state)
    project_id = project_number(workshop, project)
    with workshop.reading() as session:
        rows = exporting.labelled(session, project_id)
    written = exporting.write(rows, workshop.kind(project_id), path, form, force=force)
    out.print(f"{written.labels} labels in {path}", highlight=False, markup=False, soft_wrap=True)
    _tell("spans moved out to whole words", [f"{t} {name}" for t, name in written.misaligned])
    _tell("spans lost: white space only", [f"{t} {name}" for t, name in written.lost])
    _tell("tasks whose doc.ents lack overlapping spans (doc.spans has all)",
          list(map(str, written.overlapping)))  # fmt: skip


def project_number(workshop: Workshop, name: str) -> int:
    """The project that a person means by its id or by its kind."""
    projects = workshop.settings.projects
    if name.isdecimal() and int(name) in projects:
        return int(name)
    found = [number for number, kind in projects.items() if kind == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise BadInput(f"several projects have it: {sorted(found)}; name one", name)
    raise UnknownName(name, tuple(f"{number} ({kind})" for number, kind in projects.items()))


def _open(state: Path) -> Workshop:
    from scripts.backend import open_backend

    return open_backend(state)


def _desk(state: Path, project: str, learner: str) -> Desk:
    from backend_ml import labels, learners, model_store
    from projects.kit import discovery

    workshop = _open(state)
    project_id = project_number(workshop, project)
    kind = workshop.kind(project_id)
    with workshop.reading() as session:
        accepted = labels.accepted(session, project_id, kind)
        champion = model_store.champion(session, project_id)
    known = discovery.names(learners)
    chosen = learner or (champion.learner if champion is not None else "") or kind.learner
    if chosen not in known:
        raise UnknownName(chosen, tuple(known))
    if kind.form not in model_store.learner_file(chosen).FORMS:
        raise BadInput(f"it cannot learn {kind.form}", chosen)
    return Desk(workshop, project_id, kind, accepted, chosen)


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def _names(answer: Sequence[Any]) -> str:
    return ", ".join(mark.label for mark in answer) or "(nothing)"


def _literal(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _tell(what: str, items: Sequence[str]) -> None:
    if items:
        more = f" and {len(items) - 20} more" if len(items) > 20 else ""
        out.print(f"{len(items)} {what}: {', '.join(items[:20])}{more}", markup=False)


def _save(path: Path | None, content: Any) -> None:
    if path is not None:
        path.write_text(json.dumps(content, indent=2, default=str) + "\n", encoding="utf-8")


def _page(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    out.print(f"The chart: {path}", highlight=False, markup=False, soft_wrap=True)
