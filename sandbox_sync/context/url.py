"""A text, JSON or picture at an address: ``{"$context": "url", "source": "https://..."}``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sandbox_sync.context._fetching import fetch
from sandbox_sync.context.base import PICTURES, NotResolved, Reference, World

PREFIXES = ("http://", "https://")


def resolve(reference: Reference, data: Mapping[str, Any], world: World) -> Any:
    """The text, the JSON value, or the address of our copy of the picture."""
    content, kind = fetch(reference.source, world)
    if kind in PICTURES:
        return world.keep(content, kind)
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise NotResolved("it says that it is JSON, and is not", passing=False) from error
    if kind.startswith("text/"):
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise NotResolved("its text is not UTF-8", passing=False) from error
    raise NotResolved("it is neither text, JSON nor a picture", passing=False)
