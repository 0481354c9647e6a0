"""The practice half on SQLite, with two fake Label Studios."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox_sync.house import House, running_house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Webhooks are delivered; work runs when the test drains it."""
    with running_house(tmp_path) as built:
        yield built
