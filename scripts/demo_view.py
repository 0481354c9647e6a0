"""What the demo shows: live progress while people work, and tables at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

DASH = "-"


class View:
    """Progress bars for production and for each trainee, and a line on the model."""

    def __init__(
        self, console: Console, labels: Mapping[str, int], trainees: Sequence[str]
    ) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._progress = Progress(*columns, TimeElapsedColumn(), console=console)
        self._labels = {
            name: self._progress.add_task(f"production labels, {name}", total=total)
            for name, total in labels.items()
        }
        self._trainees = {
            email: self._progress.add_task(f"practice, {email}", total=None) for email in trainees
        }
        self._line = Text("")
        self._live = Live(Group(self._progress, self._line), console=console, refresh_per_second=4)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def show(
        self, labelled: Mapping[str, int], evidence: Mapping[str, Any], practice: Mapping[str, Any]
    ) -> None:
        """Draw the newest numbers."""
        for name, done in labelled.items():
            self._progress.update(self._labels[name], completed=done)
        clones = practice["clones"] // max(1, len(self._trainees))
        for email, bar in self._trainees.items():
            done = sum(row["n"] for row in practice["scores"] if row["email"] == email)
            self._progress.update(bar, completed=done, total=clones or None)
        self._line.plain = _line(evidence, practice)


def _line(evidence: Mapping[str, Any], practice: Mapping[str, Any]) -> str:
    models = [
        f"{row['kind']}: {row['versions'][-1]['version']}"
        if row["versions"]
        else f"{row['kind']}: no model yet"
        for row in evidence["projects"].values()
    ]
    return (
        f"models  {', '.join(models)}\n"
        f"clones {practice['clones']} of {practice['expected_clones']}   "
        f"comparisons {practice['comparisons']}   feedback sent {practice['feedbacks']}"
    )


def percent(estimate: Mapping[str, Any] | None) -> str:
    """A rate with its interval, such as ``81% [74, 86]``; a dash when undefined."""
    if not estimate or estimate.get("value") is None:
        return DASH
    low, high = estimate["low"], estimate["high"]
    return f"{estimate['value']:.0%} [{low * 100:.0f}, {high * 100:.0f}]"


def print_summary(console: Console, summary: Mapping[str, Any]) -> None:
    """The tables at the end of the demo."""
    for project in summary["production"]["projects"].values():
        console.print(_accuracy_table(project))
        console.print(_version_table(project))
    console.print(_trainee_table(summary["practice"]["scores"]))
    console.print(_count_table(summary))


def _accuracy_table(project: Mapping[str, Any]) -> Table:
    table = Table(title=f"{project['kind']}: how often the suggestion was right, by labels so far")
    for column in ("labels", "active batch", "n", "random arm, whole draws", "n"):
        table.add_column(column, justify="right")
    for bucket in project["accuracy"]:
        active, random = bucket["active"], bucket["random"]
        table.add_row(
            f"{bucket['from_labels']} to {bucket['to_labels']}",
            percent(active),
            str(active["n"] if active else 0),
            percent(random),
            str(random["n"] if random else 0),
        )
    return table


def _version_table(project: Mapping[str, Any]) -> Table:
    table = Table(title=f"{project['kind']}: each model on labels that it never saw")
    for column in ("model", "labels", "agreement", "n", "state"):
        table.add_column(column, justify="right")
    for row in project["versions"]:
        held_out = row["held_out"]
        n = str(held_out["n"] if held_out else 0)
        table.add_row(row["version"], str(row["labels"]), percent(held_out), n, row["state"])
    return table


def _trainee_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title="Trainees: agreement with production, beside the error we planted")
    for column in ("trainee", "kind", "compared", "agreement [95% interval]", "planted"):
        table.add_column(column)
    for row in rows:
        planted = row.get("planted")
        table.add_row(
            row["email"],
            row["kind"],
            str(row["n"]),
            percent(row["agreement"]),
            DASH if planted is None else f"{planted:.0%}",
        )
    return table


def _count_table(summary: Mapping[str, Any]) -> Table:
    practice = summary["practice"]
    latency = practice["feedback_latency_seconds"]
    eligible = sum(practice["eligible_production_tasks"].values())
    exact = "exactly" if summary["clones_exact"] else "NOT"
    gold = eligible * practice["trainees"] - practice["expected_clones"]
    table = Table(title="Counts", show_header=False)
    table.add_row("annotations committed in production", str(sum(summary["labels"].values())))
    table.add_row(
        f"clones: {exact} eligible tasks x trainees, less those that gold stands in for",
        f"{practice['clones']} = {eligible} x {practice['trainees']} - {gold}",
    )
    table.add_row("comparisons", str(practice["comparisons"]))
    table.add_row("feedback sent", str(practice["feedbacks"]))
    table.add_row(
        "feedback after the later of the two answers",
        f"median {_seconds(latency['median'])}, p99 {_seconds(latency['p99'])} (n={latency['n']})",
    )
    table.add_row("duration", f"{summary['seconds']:.0f} s")
    return table


def _seconds(value: float | None) -> str:
    return DASH if value is None else f"{value:.2f} s"
