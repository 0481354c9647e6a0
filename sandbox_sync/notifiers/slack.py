"""Personal messages through Slack's Web API."""

from __future__ import annotations

from http.client import HTTPException
from typing import Any, cast

from pydantic import SecretStr
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_handlers import (
    ConnectionErrorRetryHandler,
    RateLimitErrorRetryHandler,
    ServerErrorRetryHandler,
)

from projects.kit import logs
from sandbox_sync.feedback import Message
from sandbox_sync.notifiers.base import MessageNotSent

TIMEOUT_SECONDS = 10
RETRIES = 2
PASSING = frozenset(
    {"ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)
"""Slack's own words for trouble that goes away."""

log = logs.get(__name__)


class SlackNotifier:
    """Finds a person by e-mail, opens the conversation with them, and posts."""

    def __init__(self, token: SecretStr, *, url: str) -> None:
        self._client = WebClient(
            token=token.get_secret_value(),
            base_url=url if url.endswith("/") else f"{url}/",
            timeout=TIMEOUT_SECONDS,
            retry_handlers=[
                ConnectionErrorRetryHandler(max_retry_count=RETRIES),
                RateLimitErrorRetryHandler(max_retry_count=RETRIES),
                ServerErrorRetryHandler(max_retry_count=RETRIES),
            ],
        )
        self._channels: dict[str, str] = {}

    def send(self, email: str, message: Message, *, key: str) -> str:
        """Post the message; the receipt is Slack's channel and timestamp."""
        channel = self._channels.get(email) or self._open(email)
        posted = self._call(
            "chat.postMessage",
            channel=channel,
            text=message.text,
            blocks=list(message.blocks),
            unfurl_links=False,
            metadata={"event_type": "practice_feedback", "event_payload": {"key": key}},
        )
        log.info("message.posted", key=key, blocks=len(message.blocks))
        return f"slack:{posted['channel']}:{posted['ts']}"

    def _open(self, email: str) -> str:
        person = self._call("users.lookupByEmail", email=email)["user"]["id"]
        channel = str(self._call("conversations.open", users=person)["channel"]["id"])
        self._channels[email] = channel
        return channel

    def _call(self, method: str, **arguments: Any) -> dict[str, Any]:
        try:
            if method == "users.lookupByEmail":
                answer = self._client.api_call(method, params=arguments)
            else:
                answer = self._client.api_call(method, json=arguments)
        except SlackApiError as error:
            raise _not_sent(method, error) from error
        except (SlackClientError, OSError, HTTPException) as error:
            raise MessageNotSent(f"{method}: {type(error).__name__}", may_pass=True) from error
        return cast("dict[str, Any]", answer.data)


def _not_sent(method: str, error: SlackApiError) -> MessageNotSent:
    status = int(error.response.status_code)
    data = error.response.data
    reason = str(data.get("error", "")) if isinstance(data, dict) else ""
    may_pass = status >= 500 or status == 429 or reason in PASSING
    return MessageNotSent(f"{method}: {reason or f'status {status}'}", may_pass=may_pass)
