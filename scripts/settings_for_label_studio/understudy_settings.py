"""Label Studio's own settings, but whoever wants to write to its SQLite file waits for their turn.

Without them a transaction of Label Studio reads before it writes. Where another one has
written in between, SQLite refuses at once, whatever the time it may wait: "database is
locked". The person who asked for their next task gets an error, and an import sleeps 3,
then 6, 12 and 24 s before it begins again, without the suggestions that came with it.

Django can begin a transaction as a writer, since 5.1. Label Studio's other databases are
not touched. Its program reads this module in its own environment, where nothing else of
Understudy can be imported: so this folder holds nothing but it.
"""

from __future__ import annotations

import importlib
import os

THEIRS = "label_studio.core.settings.label_studio"
SECONDS = 25
"""How long one waits for their turn: less than any of our requests to Label Studio."""

os.environ["DJANGO_SETTINGS_MODULE"] = THEIRS  # they look into themselves while they load
_base = importlib.import_module("core.settings.base")
_base.DATABASES_ALL[_base.DJANGO_DB_SQLITE]["OPTIONS"] |= {
    "transaction_mode": "IMMEDIATE",
    "timeout": SECONDS,
}
_theirs = importlib.import_module(THEIRS)
globals().update({name: getattr(_theirs, name) for name in dir(_theirs) if name.isupper()})
