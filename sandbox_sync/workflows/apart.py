"""One of many that fails does not take the others with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from projects.kit import database, logs

log = logs.get(__name__)


@contextmanager
def apart(part: str, *, passing: bool = True, **ids: int) -> Iterator[None]:
    """Note what fails in here by its type and ids, never its words, and go on after it.

    Without ``passing``, trouble that passes by itself (a server that is away, a
    lock) is raised, so that the whole work is tried again.
    """
    try:
        yield
    except Exception as error:
        if not passing and database.will_pass(error):
            raise
        log.warning("part.failed", part=part, error=type(error).__name__, **ids)
