"""Context that is in the task already: ``{"$context": "inline", "value": ...}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox_sync.context.base import NotResolved, Reference, World

PREFIXES: tuple[str, ...] = ()


def resolve(reference: Reference, data: Mapping[str, Any], world: World) -> Any:
    """The value itself."""
    if "value" not in reference.options:
        raise NotResolved("an inline reference needs a value", passing=False)
    return reference.options["value"]
