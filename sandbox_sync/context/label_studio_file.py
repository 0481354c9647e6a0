"""A picture or recording in production's own Label Studio: ``/data/upload/3/photo.png``.

It is read through the read-only gateway and kept under its digest, so that the copy
shows ours and never production's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox_sync.context.base import MEDIA, NotResolved, Reference, World

PREFIXES = ("/data/upload/", "/data/local-files/")


def resolve(reference: Reference, data: Mapping[str, Any], world: World) -> Any:
    """The address of our copy."""
    if not reference.source.startswith(PREFIXES):
        raise NotResolved("it is no file of Label Studio", passing=False)
    content, kind = world.read_production(reference.source)
    if kind not in MEDIA:
        raise NotResolved("it is no picture, recording or PDF that we know", passing=False)
    return world.keep(content, kind)
