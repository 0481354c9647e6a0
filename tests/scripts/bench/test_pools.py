from __future__ import annotations

import time
from multiprocessing import active_children

import pytest

from scripts.bench.pools import workers


def interrupted() -> None:
    with workers(1) as pool:
        for _ in range(3):
            pool.submit(time.sleep, 3_600)
        raise KeyboardInterrupt


@pytest.mark.timeout(120)
def test_whoever_breaks_off_waits_for_nothing() -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert active_children() == []
