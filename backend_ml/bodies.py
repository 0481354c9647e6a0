"""Bodies of requests: read within limits of size and time, decoded strictly."""

from __future__ import annotations

import asyncio
import json
import math
import re
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from projects.kit.errors import BadInput, PlatformError
from projects.kit.text import storable

MAX_BODY_BYTES = 64 * 1024 * 1024
"""Label Studio sends imports in batches of 5,000 tasks."""
BODY_SECONDS = 60.0
"""Within which the whole body has to arrive."""
MOST_DEPTH = 100
"""Objects and lists inside each other; Label Studio's own have fewer than ten."""
LARGE_BYTES = 256 * 1024
"""Larger bodies are decoded in a thread, so that nobody else waits meanwhile."""

# Escapes of NUL and of surrogates; whole pairs are found too, and do no harm.
_SUSPECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


class BodyTooLarge(PlatformError):
    """The request is larger than anything Label Studio sends."""

    status = 413

    def __str__(self) -> str:
        return f"The body is larger than {MAX_BODY_BYTES} bytes."


class BodyTooSlow(PlatformError):
    """The request did not arrive in time."""

    status = 408

    def __str__(self) -> str:
        return f"The body did not arrive within {BODY_SECONDS:g} seconds."


async def read_body(request: Request) -> dict[str, Any]:
    """The JSON object of a request; the one thing that has to be awaited."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            received = await _receive(request)
    except TimeoutError as error:
        raise BodyTooSlow from error
    except ClientDisconnect as error:
        raise BadInput("it ended before its end", "body") from error
    if len(received) > LARGE_BYTES:
        return await run_in_threadpool(decode, received)
    return decode(received)


async def _receive(request: Request) -> bytes:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:18]) > MAX_BODY_BYTES:
        raise BodyTooLarge
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MAX_BODY_BYTES:
            raise BodyTooLarge
    return bytes(received)


def decode(received: bytes) -> dict[str, Any]:
    """A JSON object without what no database keeps: NUL, half characters, infinite numbers.

    Raises
    ------
    BadInput
        When it is not JSON, not an object, or too deep.
    """
    try:
        text = received.decode("utf-8")
        body = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise BadInput("not valid JSON", "body") from error
    if not isinstance(body, dict):
        raise BadInput(f"a JSON object is expected, not {type(body).__name__}", "body")
    if text.count("[") + text.count("{") > MOST_DEPTH:
        _check_depth(body)
    cleaned: dict[str, Any] = _storable(body) if _SUSPECT.search(text) else body
    return cleaned


def _refuse(name: str) -> float:
    raise ValueError(name)


def _finite(literal: str) -> float:
    number = float(literal)
    if math.isinf(number):
        raise ValueError(literal)
    return number


def _check_depth(body: dict[str, Any]) -> None:
    level: list[Any] = [body]
    for _ in range(MOST_DEPTH):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise BadInput(f"more than {MOST_DEPTH} objects or lists inside each other", "body")


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable(one) for one in value]
    if isinstance(value, dict):
        return {storable(key): _storable(one) for key, one in value.items()}
    return value
