"""What every notifier offers, and how it fails."""

from __future__ import annotations

from typing import Protocol

from projects.kit.errors import PlatformError
from sandbox_sync.feedback import Message


class Notifier(Protocol):
    """Sends a personal message."""

    def send(self, email: str, message: Message, *, key: str) -> str:
        """Send it; returns a receipt. ``key`` names the message for good.

        Raises
        ------
        MessageNotSent
            Retryable when another try may help.
        """


class MessageNotSent(PlatformError):
    """A message did not get out."""

    status = 502

    def __init__(self, reason: str, *, may_pass: bool) -> None:
        super().__init__(reason, may_pass)
        self.reason = reason
        self.retryable = may_pass

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.reason, self.retryable)

    def __str__(self) -> str:
        return f"The message was not sent: {self.reason}."


def _rebuild(reason: str, may_pass: object) -> MessageNotSent:
    return MessageNotSent(reason, may_pass=bool(may_pass))
