"""What Python's garbage collection looks through."""

from __future__ import annotations

import gc

MANY = 50_000
"""New objects after which Python looks for garbage among them."""


def spare_what_is_there() -> None:
    """Leave what was imported so far out of it for good: it stays, and there is much of it.

    Looking through it again and again would stop every answer for up to 300 ms, and makes
    reading 100,000 labels longer by a third.
    """
    gc.collect()
    gc.freeze()


def look_seldom() -> None:
    """For a process that reads much at once: look through everything a hundred times less often.

    Python looks for garbage after 700 new objects, and through all that stays once these
    have become many, so reading 100,000 labels stopped all threads twice, for an eighth of a
    second each.
    """
    gc.set_threshold(MANY, 10, 100)
