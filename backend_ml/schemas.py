"""What Label Studio sends, checked: a project, tasks, a labelling config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from label_studio_sdk.label_interface import LabelInterface

from projects.kinds.base import Kind
from projects.kit.errors import BadInput

TAGS = {"choice": "Choices", "spans": "Labels"}


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


def check_config(schema: Any, kind: Kind) -> None:
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
    control = _control(schema, kind)
    if control.tag != TAGS[kind.form]:
        raise BadInput(f"<{control.tag}> cannot hold {kind.form}", f"schema, {kind.control!r}")
    missing = sorted(set(kind.labels) - set(control.labels))
    if missing:
        raise BadInput(f"labels missing: {', '.join(missing)}", f"schema, {kind.control!r}")


def _control(schema: str, kind: Kind) -> Any:
    try:
        interface = LabelInterface(schema)
    except Exception as error:
        raise BadInput("not a labelling config", "schema") from error
    try:
        return interface.get_control(kind.control)
    except Exception as error:
        what = f"kind {kind.name!r} writes to a control {kind.control!r}, which is not there"
        raise BadInput(what, "schema") from error
