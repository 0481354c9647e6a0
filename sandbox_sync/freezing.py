"""A task's data with its references resolved, and how it is shown. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import Any

from projects.flow import display
from projects.flow.messages import Message, message_from_json
from projects.vocabulary import Json

SHOWN = ("thread", "calendar", "preferences")
"""The fields that the page around a message is made of."""
PAGE = "context"
FIRST_RETRY = timedelta(seconds=10)
LONGEST_RETRY = timedelta(minutes=5)


def next_try(attempts: int, *, now: datetime) -> datetime:
    """When to try again after so many attempts: each time after twice as long."""
    return now + min(FIRST_RETRY * (1 << min(attempts - 1, 10)), LONGEST_RETRY)


def mark(provider: str, trouble: str) -> str:
    """What stands in place of content that could not be had."""
    return f"[Not available when this task was frozen: {provider}, {trouble}.]"


def is_storable(value: Any) -> bool:
    """Whether both databases can keep it: no NUL, no half of a surrogate pair, no NaN."""
    try:
        written = json.dumps(value, allow_nan=False, ensure_ascii=False)
        written.encode()
    except (ValueError, RecursionError):
        return False
    return "\\u0000" not in written


def with_values(data: Json, values: Mapping[str, Any], marks: Mapping[str, str]) -> Json:
    """The data with every reference replaced, and the page around the message made again.

    The page is only made again where the task has one and something on it changed.
    """
    resolved = data | dict(values) | dict(marks)
    if PAGE in data and PAGE not in values and PAGE not in marks:
        touched = [name for name in SHOWN if name in values or name in marks]
        if touched:
            resolved[PAGE] = _page(resolved, [marks[name] for name in touched if name in marks])
    return resolved


def _page(data: Json, marks: Sequence[str]) -> str:
    notes = "".join(f'<div class="mail-none">{escape(note)}</div>' for note in marks)
    return display.context(_message(data)) + notes


def _message(data: Json) -> Message:
    """As much of the message as can be shown; a field that cannot is left out."""
    shown = Message(id="-", text="-")
    kept: Json = {"id": "-", "text": "-"}
    for name in SHOWN:
        row = kept | {name: data.get(name)}
        try:
            shown = message_from_json(row)
        except ValueError:
            continue
        kept = row
    return shown
