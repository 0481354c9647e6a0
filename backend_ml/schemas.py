"""What Label Studio sends, checked: a project, tasks, a labelling config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from projects.kinds.base import Kind, check_config
from projects.kit.errors import BadInput


def project_number(value: Any) -> int | None:
    """The id in ``"<id>.<time of creation>"``; ``None`` where there is none."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadInput("a text like '1.1795364291' is expected", "project")
    number = str(value).partition(".")[0]
    if not number.isdecimal() or len(number) > 18:
        raise BadInput("a text like '1.1795364291' is expected", "project")
    return int(number)


def tasks(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The tasks of a /predict call; a single object counts as one task."""
    found = body.get("tasks")
    rows = [found] if isinstance(found, Mapping) else found
    if not isinstance(rows, list):
        raise BadInput("a list of tasks is expected", "tasks")
    for index, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise BadInput("an object is expected", f"tasks[{index}]")
    return rows


def config(body: Mapping[str, Any]) -> str:
    """The labelling config that /predict is asked under; empty when it does not say."""
    found = body.get("label_config")
    if found is None:
        return ""
    if not isinstance(found, str):
        raise BadInput("a text is expected", "label_config")
    return found


def check_schema(schema: Any, kind: Kind) -> None:
    """Make sure that the kind's answers fit a labelling config; an absent one passes.

    Raises
    ------
    BadInput
        When it is not a labelling config, or lacks what the kind writes to.
    """
    if schema is None or schema == "":
        return
    if not isinstance(schema, str):
        raise BadInput("a text is expected", "schema")
    check_config(schema, kind)
