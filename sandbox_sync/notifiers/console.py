"""The twin for installations without Slack: keeps the message, and logs that there is one."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from projects.kit import logs
from sandbox_sync.feedback import Message

log = logs.get(__name__)

Store = Callable[[str, str, Message], bool]
"""Takes key, e-mail and message; False when the key is there already."""


class ConsoleNotifier:
    """Stores each message once."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def send(self, email: str, message: Message, *, key: str) -> str:
        """Keep the message under its key."""
        is_new = self._store(key, email, message)
        log.info("message.stored", blocks=len(message.blocks), is_new=is_new)
        return f"outbox:{key}"

    def told(self, email: str, keys: Collection[str], *, since: datetime) -> dict[str, str]:
        """Nothing to find: storing the same key again changes nothing."""
        del email, keys, since
        return {}
