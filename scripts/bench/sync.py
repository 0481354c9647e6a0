"""``understudy bench sync``: the practice half between two real Label Studio servers.

The stand-in of Slack and the PostgreSQL of a wheel belong to the tests, so this runs
from a checkout.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from projects.kit import logs
from projects.kit.errors import BadInput, UnknownName
from scripts.bench.databases import POSTGRESQL, SQLITE, a_database
from scripts.bench.figures import Report

if TYPE_CHECKING:
    from scripts.bench.practice import acknowledging, cloning, hearing, submitting
    from scripts.bench.practice.studios import Studios

PARTS = ("submit", "feedback", "acknowledgement", "clones")
DATABASES = (SQLITE, POSTGRESQL)
DEEP = 1_000
"""More than a batch has: nothing waits for its place in a queue while it is measured."""


@dataclass(frozen=True)
class Plan:
    """What to measure, on which databases, how thoroughly."""

    parts: tuple[str, ...]
    databases: tuple[str, ...]
    server: str
    """``postgresql://...``; empty: the one of the wheel, where it is installed."""
    acknowledgement: acknowledging.Effort
    submit: submitting.Effort
    feedback: hearing.Effort
    clones: cloning.Effort


def plan(*, quick: bool, only: Sequence[str] = (), server: str = "") -> Plan:
    """The plan that options ask for; ``only`` names parts and databases.

    Raises
    ------
    UnknownName
        When ``only`` names neither.
    """
    from scripts.bench.practice import acknowledging, cloning, hearing, submitting

    for name in only:
        if name not in (*PARTS, *DATABASES):
            raise UnknownName(name, (*PARTS, *DATABASES))
    return Plan(
        parts=tuple(name for name in PARTS if name in only) or PARTS,
        databases=tuple(name for name in DATABASES if name in only) or DATABASES,
        server=server,
        acknowledgement=acknowledging.QUICK if quick else acknowledging.Effort(),
        submit=submitting.QUICK if quick else submitting.Effort(),
        feedback=hearing.QUICK if quick else hearing.Effort(),
        clones=cloning.QUICK if quick else cloning.Effort(),
    )


def run(
    plan: Plan, *, seed: int, say: Callable[[str], None], studios: Studios | None = None
) -> Report:
    """Measure what the plan asks for, one database after the other on the same two servers."""
    try:
        import tests.fakes.slack  # noqa: F401 - whether it is there
    except ImportError as error:
        raise BadInput(
            "the stand-ins belong to the tests: run this in a checkout", "bench"
        ) from error
    from scripts.bench.practice import studios as servers

    logs.configure(service="bench", level="WARNING")  # of our own code, called for the clones
    report = Report()
    report.details |= {"seed": seed, "load_before": _load(), "skipped": {}}
    with tempfile.TemporaryDirectory(prefix="understudy-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        if studios is None:
            studios = stack.enter_context(servers.started(folder / "studios", say=say))
        for database in plan.databases:
            server = stack.enter_context(_server(plan, database))
            if server is None:
                report.details["skipped"][database] = "no --database, and no wheel of PostgreSQL"
                continue
            for_database = _Run(plan, database, server, studios, folder, seed, report, say)
            for_database.measure()
    report.details["load_after"] = _load()
    return report


@dataclass(frozen=True)
class _Run:
    """Everything on one database."""

    plan: Plan
    database: str
    server: str
    studios: Studios
    folder: Path
    seed: int
    report: Report
    say: Callable[[str], None]

    def measure(self) -> None:
        if set(self.plan.parts) - {"clones"}:
            self._processes()
        if "clones" in self.plan.parts:
            self._clones()

    def _processes(self) -> None:
        """What the running product is measured by."""
        from scripts.bench.practice import acknowledging, hearing, submitting
        from scripts.bench.practice.place import SLACK_TOKEN, a_place

        (email,) = people = [self._person(0)]
        with ExitStack() as stack:
            url = stack.enter_context(a_database(self.server))
            slack_url, arrivals = stack.enter_context(hearing.slack(people))
            place = stack.enter_context(
                a_place(
                    self.studios, self.folder / f"{self.database}-running", url, people=[email],
                    seed=self.seed, slack_token=SLACK_TOKEN, slack_url=slack_url,
                    queue_depth=DEEP, ahead=DEEP,
                )
            )  # fmt: skip
            stack.enter_context(place.running())
            place.hook(place.project.id)
            # In this order: what one leaves behind would disturb the one before it.
            for part in self.plan.parts:
                if part == "submit":
                    effort = self.plan.submit
                    found = submitting.measure(place, effort, database=self.database, say=self.say)
                elif part == "feedback":
                    found = hearing.measure(
                        place, arrivals, self.plan.feedback, database=self.database, say=self.say
                    )
                elif part == "acknowledgement":
                    found = acknowledging.measure(
                        place, self.plan.acknowledgement, database=self.database, say=self.say
                    )
                else:
                    continue
                self._add(part, *found)

    def _clones(self) -> None:
        """What its own code is measured by, called one queue after the other."""
        from scripts.bench.practice import cloning
        from scripts.bench.practice.place import a_place

        effort = self.plan.clones
        people = [self._person(number + 1) for number in range(effort.trainees)]
        with (
            a_database(self.server) as url,
            a_place(
                self.studios, self.folder / f"{self.database}-clones", url, people=people,
                seed=self.seed, ahead=DEEP,
            ) as place,
            place.gateway(),
        ):  # fmt: skip
            self._add(
                "clones", *cloning.measure(place, effort, database=self.database, say=self.say)
            )

    def _add(self, part: str, figures: Sequence[Any], details: Any) -> None:
        self.report.add(figures, f"{part}_{self.database}", details)

    def _person(self, number: int) -> str:
        """A trainee whose address fits into a project's title."""
        return f"{self.database[:2]}{number}-{os.urandom(2).hex()}@example.com"


@contextmanager
def _server(plan: Plan, database: str) -> Iterator[str | None]:
    """The address of the database server: empty for SQLite, ``None`` where there is none."""
    if database == SQLITE or plan.server:
        yield "" if database == SQLITE else plan.server
        return
    from tests.support import postgres

    with ExitStack() as stack:
        try:
            server = stack.enter_context(postgres.running(fsync=True))
        except postgres.NoPostgres:
            yield None
        else:
            yield server.url("postgres")


def _load() -> list[float]:
    """What the machine had to do in the last one, five and fifteen minutes."""
    return [round(one, 2) for one in os.getloadavg()]
