"""Every address of an app of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from starlette.routing import Mount

NUMBERS = range(1, 9)
"""Comparisons, gold and appeals are numbered from one."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def operations(router: Any) -> Iterator[tuple[str, str]]:
    """Method and path of every route, those of included routers too."""
    for route in router.routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from operations(inner)
        elif isinstance(route, Mount):
            yield "GET", f"{route.path}/style.css"
        else:
            for method in sorted(getattr(route, "methods", None) or ()):
                yield method, route.path


def addresses(app: Any, method: str, names: Sequence[object] = NUMBERS) -> list[str]:
    """Every address that this method is meant for, with these names in the place of parameters."""
    found: list[str] = []
    for path in sorted({path for wanted, path in operations(app) if wanted == method}):
        chosen = names if "{" in path else (0,)
        found += [re.sub(r"\{[^}]+\}", str(name), path) for name in chosen]
    return found
