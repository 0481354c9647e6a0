"""Rules for the made-up mailbox of ``tests.support.kinds``, written as people write them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from projects.kinds.base import RULES, Kind
from tests.backend_ml.corpus import PEOPLE

DAY = {"LOWER": {"REGEX": "^(mon|fri)day$"}}
SAMPLES: dict[str, list[dict[str, Any]]] = {
    "choice": [
        {"label": "New meeting", "pattern": "set up a meeting", "confidence": 0.9},
        {"label": "Cancel", "pattern": [{"LOWER": "cancel"}]},
        {"label": "Reschedule", "pattern": [{"LOWER": "move"}, {"IS_ALPHA": True}]},
    ],
    "spans": [
        *({"label": "Person", "pattern": who} for who in PEOPLE),
        {"label": "Date", "pattern": [{"LOWER": "next", "OP": "?"}, DAY]},
        {"label": "Date", "pattern": "tomorrow", "confidence": 0.8},
        {"label": "Date", "pattern": [{"IS_DIGIT": True}, {"LOWER": "may"}]},
        {"label": "Date", "pattern": [{"LOWER": "feb"}, {"IS_DIGIT": True}]},
    ],
}  # fmt: skip


def with_rules(kind: Kind, folder: Path, rows: Sequence[Mapping[str, Any]]) -> Kind:
    """The kind as if it lived in ``folder``, with a file of these rules."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    (folder / RULES).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return replace(kind, folder=folder)
