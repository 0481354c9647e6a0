"""Structured logs, one JSON object a line: nouns, verbs, ids and counts; never content."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import IO, Any, TextIO, cast

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger


class _Patient:
    """A stream on which a line that cannot be written, as on a full disk, fails nobody's work."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError:
            return 0

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


_transform = ExceptionDictTransformer(show_locals=False)
NOISY = ("httpx", "httpcore", "uvicorn.access", "alembic", "dbos")


def configure(*, service: str, level: str = "INFO") -> None:
    """Send every log of this process, libraries' too, to standard output as JSON lines."""
    shared = _shared_processors(service)
    stream = cast("TextIO", _Patient(sys.stdout))
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(file=stream),
    )


def get(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of one module."""
    return cast("structlog.stdlib.BoundLogger", structlog.get_logger(name))


def _shared_processors(service: str) -> list[Processor]:
    def add_service(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        # Not a context variable: those are not seen by the threads of the engine.
        event.setdefault("service", service)
        return event

    return [
        structlog.contextvars.merge_contextvars,
        add_service,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(_facts_of),
    ]


def _facts_of(exc_info: ExcInfo) -> list[dict[str, Any]]:
    """Classes and places; values and messages may be tokens or somebody's text."""
    return [_without_words(row) for row in _transform(exc_info)]


def _without_words(row: dict[str, Any]) -> dict[str, Any]:
    groups = [[_without_words(inner) for inner in group] for group in row.get("exceptions") or ()]
    return row | {"exc_value": "", "exc_notes": [], "syntax_error": None, "exceptions": groups}
