"""What Python's garbage collection looks through."""

from __future__ import annotations

import gc


def spare_what_is_there() -> None:
    """Leave what was imported so far out of it for good: it stays, and there is much of it.

    Looking through it again and again would stop every answer for up to 300 ms, and makes
    reading 100,000 labels longer by a third.
    """
    gc.collect()
    gc.freeze()
