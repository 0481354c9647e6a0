"""Which tests stay together where several processes share them: those that share servers.

pytest-xdist 3.8 has groups for this, which it writes into the names of tests; pytest 9.2
does not let it.
"""

from __future__ import annotations

import re

from xdist.scheduler import LoadScopeScheduling

GROUPS = (
    ("the whole product", r"end_to_end/"),
    (
        "real servers",
        r".*_live\.py|contracts/test_label_studio|scripts/bench/test_sync|projects/flow/test_intake",
    ),
)
"""Name and places under ``tests``; of a test that is in none, the file is the group."""
APART = r"sealed/test_curious_live\.py|faults/test_faults\.py|test_house_rules\.py"
"""Files that take minutes, and so begin early."""


def group(path: str) -> str:
    """The group of the tests in a file, whose path begins below ``tests``."""
    if re.match(APART, path):
        return path
    return next((name for name, places in GROUPS if re.match(places, path)), path)


def place(path: str) -> int:
    """What begins earlier has the smaller number."""
    found, names = group(path), [name for name, _ in GROUPS]
    if found in names:
        return names.index(found)
    return len(names) + (re.match(APART, path) is None)


class Scheduler(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each process a group at a time."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid.partition("::")[0].removeprefix("tests/"))
