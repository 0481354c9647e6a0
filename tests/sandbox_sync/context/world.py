"""What a provider is given, for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sandbox_sync.context.base import World


def make_world(**more: Any) -> World:
    values: dict[str, Any] = {
        "hosts": frozenset(),
        "networks": (),
        "max_bytes": 1000,
        "timeout_seconds": 2.0,
        "calendar_dir": "",
        "thread_dir": "",
        "now": datetime(2026, 5, 4, 12, tzinfo=UTC),
        "read_production": lambda path: (b"of " + path.encode(), "image/png"),
        "keep": lambda content, kind: f"kept:{len(content)}:{kind}",
    }
    return World(**(values | more))
