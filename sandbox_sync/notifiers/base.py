"""What every notifier offers, and how it fails."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Protocol

from projects.kit.errors import PlatformError
from sandbox_sync.feedback import Message

WORDS = {
    "users_not_found": "Slack knows nobody with this e-mail address",
    "user_not_found": "Slack knows nobody with this e-mail address",
    "user_disabled": "their Slack account is deactivated",
    "channel_not_found": "Slack finds no conversation with them",
    "cannot_dm_bot": "the address belongs to a Slack app",
    "ratelimited": "Slack takes no more messages for the moment",
    "invalid_auth": "Slack refuses our token",
    "not_authed": "Slack refuses our token",
    "account_inactive": "Slack refuses our token",
    "token_revoked": "Slack refuses our token",
    "token_expired": "Slack refuses our token",
    "missing_scope": "our Slack token lacks a permission",
    "msg_too_long": "Slack finds the message too long",
    "invalid_blocks": "Slack does not accept the form of the message",
}
"""Slack's own names for trouble, for people who do not read its manual."""


class Notifier(Protocol):
    """Sends a personal message."""

    def send(self, email: str, message: Message, *, key: str) -> str:
        """Send it; returns a receipt. ``key`` names the message for good.

        Raises
        ------
        MessageNotSent
            Retryable when another try may help.
        """

    def told(self, email: str, keys: Collection[str], *, since: datetime) -> dict[str, str]:
        """Receipt by key of those messages that got out without our noticing.

        Asked after a try whose end is unknown; as far as it can be seen.
        """


class MessageNotSent(PlatformError):
    """A message did not get out; ``wait`` is how long not to try, where we were told."""

    status = 502

    def __init__(self, reason: str, *, may_pass: bool, wait: timedelta | None = None) -> None:
        super().__init__(reason, may_pass, wait)
        self.reason = reason
        self.retryable = may_pass
        self.wait = wait

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.reason, self.retryable, self.wait)

    def __str__(self) -> str:
        return f"The message was not sent: {self.reason}."

    @property
    def in_words(self) -> str:
        """Why, for the people who look at it on a page."""
        name = self.reason.rpartition(": ")[2]
        if name in WORDS:
            return WORDS[name]
        return "Slack cannot be reached" if self.retryable else f"Slack says {name}"


def _rebuild(reason: str, may_pass: object, wait: timedelta | None) -> MessageNotSent:
    return MessageNotSent(reason, may_pass=bool(may_pass), wait=wait)
