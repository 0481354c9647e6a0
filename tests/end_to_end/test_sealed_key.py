"""The whole demo, seen from outside: what the practice half asked, pushed, told and logged."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from projects.kit import database
from projects.kit.read_gateway import READABLE
from projects.samples import generate
from sandbox_sync import cloning
from sandbox_sync.db.message_tables import Feedback
from sandbox_sync.db.tables import (
    Comparison,
    PracticeItem,
    SnapshotRow,
    Submission,
)
from sandbox_sync.workflows.reveal import VERSION
from scripts.demo import TRAINEES, WORKER_EMAIL
from scripts.programs import House
from scripts.state import SAMPLE_SEED, SAMPLES
from tests.end_to_end.recording import Recorded

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

GATEWAY_LOG = "projects-kit-read_gateway.log"
OF_ANSWERS = ("result", "regions", "choices", "answer", "value", "from_name", "text")
"""Fields under which answers and messages come; labels themselves are words like any other."""
SHORT = 20
"""Characters; what is shorter may be in a log by chance."""
WRITES = re.compile(
    r"POST /api/projects/?|PATCH /api/projects/\d+/?|DELETE /api/projects/\d+/?"
    r"|POST /api/projects/\d+/import(/predictions)?|DELETE /api/(tasks|predictions)/\d+/?"
    r"|POST /api/webhooks/?|(PATCH|DELETE) /api/webhooks/\d+/?|POST /user/login/"
)
"""Everything that the practice half ever changes in the sandbox; no annotations are among it."""


@pytest.fixture
def session(house: House, summary: dict[str, Any]) -> Iterator[Session]:
    """The tables of the practice half, after the demo."""
    assert summary["practice"]["comparisons"] > 0
    engine = database.make_engine(house.sync_database, immediate=False)
    with database.sessions(engine)() as opened:
        yield opened
    engine.dispose()


def test_the_practice_half_only_reads_production(
    recorded: Recorded, summary: dict[str, Any]
) -> None:
    assert summary["clones_exact"]
    asked = list(recorded.of_production)
    assert len(asked) > 30
    assert {one.method for one in asked} == {"GET"}
    odd = {one.path for one in asked if one.path != "/health" and not READABLE.fullmatch(one.path)}
    assert odd == set()


def test_what_it_changes_in_the_sandbox_is_a_short_list(
    recorded: Recorded, summary: dict[str, Any]
) -> None:
    assert summary["clones_exact"]
    written = [f"{one.method} {one.path}" for one in recorded.written]
    assert len(written) > 20
    assert [line for line in written if not WRITES.fullmatch(line)] == []


def test_a_copy_is_a_task_its_suggestion_and_a_key_and_nothing_else(
    recorded: Recorded, summary: dict[str, Any]
) -> None:
    assert summary["clones_exact"]
    copies = [row for one in recorded.written if one.path.endswith("/import") for row in one.rows]
    assert len(copies) > 40
    assert {name for row in copies for name in row} == {"data", "meta", "predictions"}
    assert {name for row in copies for name in row["meta"]} == {cloning.KEY}


def test_what_is_suggested_is_what_was_frozen(recorded: Recorded, session: Session) -> None:
    frozen: dict[object, list[Any]] = {}
    rows = sa.select(PracticeItem.key, PracticeItem.sandbox_task_id, SnapshotRow.suggestion).join(
        SnapshotRow, SnapshotRow.digest == PracticeItem.snapshot
    )
    for key, task, suggestion in session.execute(rows):
        frozen[key] = frozen[task] = (suggestion or {}).get("regions") or []
    brought = [
        (row["meta"][cloning.KEY], prediction)
        for one in recorded.written
        if one.path.endswith("/import")
        for row in one.rows
        for prediction in row.get("predictions", ())
    ]
    assert len(brought) > 40
    pushed = [(row["task"], row) for _, row in predictions(recorded)]
    suggested = [(name, row) for name, row in brought + pushed if row["model_version"] != VERSION]
    assert {row["model_version"] for _, row in suggested} == {cloning.SHOWN_VERSION}
    odd = [row for name, row in suggested if row["result"] != frozen.get(name, row["result"])]
    assert odd == []


def test_a_reference_comes_after_the_trainees_own_answer(
    recorded: Recorded, session: Session
) -> None:
    """Into the sandbox, into a message and onto a page, by the order of what was recorded."""
    answered: dict[int | None, datetime] = {}
    items: dict[int, datetime] = {}
    rows = sa.select(PracticeItem.id, PracticeItem.sandbox_task_id, Submission.candidate_at)
    for item, task, at in session.execute(rows.join(Submission)):
        answered[task] = items[item] = at
    pushed = predictions(recorded)
    shown = [(at, row["task"]) for at, row in pushed if row["model_version"] == VERSION]
    assert shown, "no reference was shown in the whole demo"
    assert [task for at, task in shown if at <= answered[task].timestamp()] == []
    told = sa.select(Comparison.item_id, Feedback.sent_at).join(Feedback)
    sent = session.execute(told.where(Feedback.sent_at.is_not(None))).all()
    assert len(sent) > 20
    assert [item for item, at in sent if at is None or at <= items[item]] == []
    assert set(session.scalars(sa.select(Comparison.item_id))) <= items.keys()


def predictions(recorded: Recorded) -> Iterator[tuple[float, Any]]:
    """Every prediction that was pushed into the sandbox, and when."""
    for one in recorded.written:
        if one.path.endswith("/import/predictions"):
            for row in one.rows:
                yield one.at, row


def test_no_log_of_ours_quotes_anybody(house: House, summary: dict[str, Any]) -> None:
    """Neither secrets nor people nor what was written or answered."""
    assert summary["clones_exact"]
    known = [*asdict(house.secrets).values(), WORKER_EMAIL, *TRAINEES]
    texts = (sample.message.text for sample in generate(SAMPLES, seed=SAMPLE_SEED))
    known += [json.dumps(text)[1:-1] for text in texts if len(text) > SHORT]
    known += [f'"{field}":' for field in OF_ANSWERS]
    logs = [path for path in house.state.logs.glob("*.log") if "label-studio" not in path.name]
    assert {"sandbox_sync.log", "backend_ml.log", GATEWAY_LOG} <= {path.name for path in logs}
    for log in logs:
        written = log.read_text("utf-8", "replace")
        assert [word for word in known if word in written] == [], log.name
