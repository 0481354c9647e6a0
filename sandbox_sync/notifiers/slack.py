"""Personal messages through Slack's Web API."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from http.client import HTTPException
from typing import Any, Protocol, cast

from pydantic import SecretStr
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from projects.kit import logs
from projects.kit.database import now as this_moment
from sandbox_sync.blocks import escape
from sandbox_sync.feedback import Message
from sandbox_sync.notifiers.base import MessageNotSent

TIMEOUT_SECONDS = 10
PASSING = frozenset(
    {"ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)
"""Slack's own words for trouble that goes away."""
LOST_CHANNEL = frozenset({"channel_not_found", "is_archived"})
DEFAULT_PAUSE_SECONDS = 30
"""When Slack says 429 and not for how long."""
KEYS_JOIN = "+"
"""Between the keys of what one message tells."""
LOOK_BACK = 100
"""Messages of a conversation in which we look for one of ours."""
CLOCK_SKEW = timedelta(minutes=2)
"""What Slack's clock and ours may differ by."""

log = logs.get(__name__)


class Memory(Protocol):
    """What Slack told us that outlives this process."""

    def channel(self, email: str) -> str | None:
        """The conversation with this person, if it was found before."""

    def keep_channel(self, email: str, channel: str | None) -> None:
        """Remember it, or with ``None`` forget it."""

    def paused_until(self, method: str) -> datetime | None:
        """Until when this method may not be called."""

    def pause(self, method: str, until: datetime) -> None:
        """Slack wants this method left alone until then."""


class ProcessMemory:
    """A memory that ends with the process."""

    def __init__(self) -> None:
        self._channels: dict[str, str | None] = {}
        self._pauses: dict[str, datetime] = {}

    def channel(self, email: str) -> str | None:
        """The conversation with this person, if it was found before."""
        return self._channels.get(email)

    def keep_channel(self, email: str, channel: str | None) -> None:
        """Remember it, or with ``None`` forget it."""
        self._channels[email] = channel

    def paused_until(self, method: str) -> datetime | None:
        """Until when this method may not be called."""
        return self._pauses.get(method)

    def pause(self, method: str, until: datetime) -> None:
        """Slack wants this method left alone until then."""
        self._pauses[method] = until


class SlackNotifier:
    """Finds a person by e-mail, opens the conversation with them, and posts.

    It tries once: whoever calls keeps the message, and knows when to try again.
    """

    def __init__(self, token: SecretStr, *, url: str, memory: Memory | None = None) -> None:
        self._client = WebClient(
            token=token.get_secret_value(),
            base_url=url if url.endswith("/") else f"{url}/",
            timeout=TIMEOUT_SECONDS,
            retry_handlers=[],
        )
        self._memory = memory or ProcessMemory()

    def send(self, email: str, message: Message, *, key: str) -> str:
        """Post the message; the receipt is Slack's channel and timestamp."""
        known = self._memory.channel(email)
        try:
            posted = self._post(known or self._open(email), message, key)
        except MessageNotSent as error:
            if known is None or error.reason.rpartition(": ")[2] not in LOST_CHANNEL:
                raise
            self._memory.keep_channel(email, None)
            posted = self._post(self._open(email), message, key)
        log.info("message.posted", blocks=len(message.blocks))
        return f"slack:{posted['channel']}:{posted['ts']}"

    def told(self, email: str, keys: Collection[str], *, since: datetime) -> dict[str, str]:
        """What stands in the conversation already; nothing when we may not read it."""
        channel = self._memory.channel(email)
        if channel is None:
            return {}
        try:
            found = self._call(
                "conversations.history",
                channel=channel,
                oldest=f"{(since - CLOCK_SKEW).timestamp():.6f}",
                limit=LOOK_BACK,
                include_all_metadata=True,
            )
        except MessageNotSent as error:
            if error.retryable:
                raise
            return {}  # without the scope im:history we cannot look, and tell again
        receipts = {}
        for row in found.get("messages") or ():
            payload = (row.get("metadata") or {}).get("event_payload") or {}
            for key in str(payload.get("key", "")).split(KEYS_JOIN):
                receipts[key] = f"slack:{channel}:{row.get('ts')}"
        return {key: receipts[key] for key in keys if key in receipts}

    def _post(self, channel: str, message: Message, key: str) -> dict[str, Any]:
        return self._call(
            "chat.postMessage",
            channel=channel,
            text=escape(message.text),
            mrkdwn=False,
            blocks=list(message.blocks),
            unfurl_links=False,
            unfurl_media=False,
            metadata={"event_type": "practice_feedback", "event_payload": {"key": key}},
        )

    def _open(self, email: str) -> str:
        person = self._call("users.lookupByEmail", email=email)["user"]["id"]
        channel = str(self._call("conversations.open", users=person)["channel"]["id"])
        self._memory.keep_channel(email, channel)
        return channel

    def _call(self, method: str, **arguments: Any) -> dict[str, Any]:
        until = self._memory.paused_until(method)
        now = this_moment()
        if until is not None and until > now:
            raise MessageNotSent(f"{method}: ratelimited", may_pass=True, wait=until - now)
        try:
            if method in ("users.lookupByEmail", "conversations.history"):
                answer = self._client.api_call(method, http_verb="GET", params=arguments)
            else:
                answer = self._client.api_call(method, json=arguments)
        except SlackApiError as error:
            raise self._not_sent(method, error) from error
        except (SlackClientError, OSError, HTTPException) as error:
            raise MessageNotSent(f"{method}: {type(error).__name__}", may_pass=True) from error
        return cast("dict[str, Any]", answer.data)

    def _not_sent(self, method: str, error: SlackApiError) -> MessageNotSent:
        status = int(error.response.status_code)
        data = error.response.data
        reason = str(data.get("error", "")) if isinstance(data, dict) else ""
        if status == 429 or reason == "ratelimited":
            wait = timedelta(seconds=_retry_after(error))
            self._memory.pause(method, this_moment() + wait)
            return MessageNotSent(f"{method}: ratelimited", may_pass=True, wait=wait)
        may_pass = status >= 500 or reason in PASSING
        return MessageNotSent(f"{method}: {reason or f'status {status}'}", may_pass=may_pass)


def _retry_after(error: SlackApiError) -> float:
    headers = {str(k).lower(): v for k, v in dict(error.response.headers or {}).items()}
    value = headers.get("retry-after", DEFAULT_PAUSE_SECONDS)
    value = value[0] if isinstance(value, list) and value else value
    try:
        return max(0.0, float(str(value)))
    except ValueError:
        return DEFAULT_PAUSE_SECONDS
