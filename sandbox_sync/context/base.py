"""References in a task's data, and what every provider is given and gives back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from projects.kit.errors import PlatformError
from projects.vocabulary import Json

MARKER = "$context"
"""The key that makes an object in a task's data a reference."""


PICTURES = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/webp": "webp"}
"""Ending of a file name by content type. No SVG: it can hold programs."""
MEDIA = PICTURES | {
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/ogg": "ogg",
    "audio/flac": "flac",
    "audio/x-flac": "flac",
    "audio/mp4": "m4a",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "application/pdf": "pdf",
}


class NotResolved(PlatformError):
    """A reference that stands for nothing at the moment, or ever.

    ``what`` names no address and no content: it is shown to trainees.
    """

    status = 502

    def __init__(self, what: str, *, passing: bool = True) -> None:
        super().__init__(what)
        self.what = what
        self.retryable = passing

    def __str__(self) -> str:
        return self.what


@dataclass(frozen=True)
class Reference:
    """A field of a task's data that stands for something elsewhere."""

    field: str
    provider: str
    source: str
    options: Json
    """What else the reference says; each provider documents its own."""


@dataclass(frozen=True)
class World:
    """What a provider may use, as the operator has set it."""

    hosts: frozenset[str]
    networks: tuple[str, ...]
    max_bytes: int
    timeout_seconds: float
    calendar_dir: str
    thread_dir: str
    now: datetime
    read_production: Callable[[str], tuple[bytes, str]]
    """Content and content type of a file of production's Label Studio; raises ``NotResolved``."""
    keep: Callable[[bytes, str], str]
    """Stores bytes of a content type; returns the address that the sandbox shows them from."""


class Provider(Protocol):
    """What every file of this folder has."""

    PREFIXES: tuple[str, ...]
    """How a plain string begins that is a reference to it."""

    def resolve(self, reference: Reference, data: Mapping[str, Any], world: World) -> Any:
        """What the reference stands for now, as JSON; ``NotResolved`` when nothing does."""


def references(
    data: Mapping[str, Any], fields: Collection[str], providers: Mapping[str, Provider]
) -> list[Reference]:
    """Every reference in a task's data.

    An object with the marker is one wherever it stands; a plain string only in
    one of these ``fields``, and only with a prefix that a provider knows.
    """
    found = []
    for name, value in data.items():
        if isinstance(value, Mapping) and MARKER in value:
            options = {key: inner for key, inner in value.items() if key not in (MARKER, "source")}
            source = str(value.get("source", ""))
            found.append(Reference(name, str(value[MARKER]), source, options))
        elif isinstance(value, str) and name in fields:
            found += [
                Reference(name, provider, value, {})
                for provider, module in providers.items()
                if value.startswith(module.PREFIXES)
            ][:1]
    return found


def moment_of(reference: Reference, data: Mapping[str, Any], now: datetime) -> datetime:
    """The moment a reference is about: its ``at``, else the message's ``sent_at``, else now."""
    said = reference.options.get("at") or data.get("sent_at")
    if not isinstance(said, str) or not said.strip():
        return now
    try:
        moment = datetime.fromisoformat(said.strip())
    except ValueError as error:
        raise NotResolved("its moment is not a date and time", passing=False) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
