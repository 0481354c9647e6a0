"""Work that the database gives to this process, and that this process does not do.

The engine notes the end of work in the database. Where that cannot be written (the
disk is full, a connection was lost), the work counts as begun for ever, and with it
all that waits behind it in a lane of one per key. Nobody else takes it over: this
process is alive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from projects.kit import logs

log = logs.get(__name__)


class Orphans:
    """Has such work done again, once it was seen twice: in between, work only begins."""

    def __init__(
        self,
        *,
        begun: Callable[[], Iterable[str]],
        at_work: Callable[[], Iterable[str]],
        again: Callable[[str], bool],
    ) -> None:
        self._begun = begun
        self._at_work = at_work
        self._again = again
        self._suspects: set[str] = set()

    def look(self) -> list[str]:
        """The keys of the work that begins again because of this look."""
        found = set(self._begun()) - set(self._at_work())
        orphans = sorted(found & self._suspects)
        self._suspects = found
        lost = [key for key in orphans if self._again(key)]
        if lost:
            log.warning("engine.orphans", workflows=len(lost))
        return lost
