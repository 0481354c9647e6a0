"""A customer's message with what was known when it came, and its JSON."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from projects.vocabulary import Json

MAX_ID_CHARACTERS = 200
MAX_TEXT_CHARACTERS = 100_000

Scalar = str | int | float | bool


@dataclass(frozen=True)
class Turn:
    """One earlier message of the thread."""

    author: str
    text: str


@dataclass(frozen=True)
class CalendarEntry:
    """Something that is already in the customer's calendar.

    The times are shown as they are given: the customer's own clock.
    """

    start: datetime
    end: datetime
    title: str
    place: str = ""


@dataclass(frozen=True)
class Message:
    """One message to work on, with its context as it was when the message came.

    ``thread`` goes from the oldest turn to the newest and leaves the message out.
    """

    id: str
    text: str
    subject: str = ""
    sender: str = ""
    sent_at: datetime | None = None
    thread: tuple[Turn, ...] = ()
    calendar: tuple[CalendarEntry, ...] = ()
    preferences: Mapping[str, Scalar] = field(default_factory=dict)


def message_to_json(message: Message) -> Json:
    """A message as plain JSON, the form that intake files have."""
    return {
        "id": message.id,
        "text": message.text,
        "subject": message.subject,
        "sender": message.sender,
        "sent_at": message.sent_at.isoformat() if message.sent_at else None,
        "thread": [{"author": turn.author, "text": turn.text} for turn in message.thread],
        "calendar": [
            {
                "start": entry.start.isoformat(),
                "end": entry.end.isoformat(),
                "title": entry.title,
                "place": entry.place,
            }
            for entry in message.calendar
        ],
        "preferences": dict(message.preferences),
    }


def message_from_json(row: Mapping[str, Any]) -> Message:
    """The inverse of :func:`message_to_json`, strict about every field.

    Raises
    ------
    pydantic.ValidationError
        With one entry for every field that is wrong.
    """
    return MessageRow.model_validate(row).message()


def _moment(value: object) -> datetime:
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value.strip())
        except ValueError:
            pass
    raise ValueError("should be a date and time such as 2026-05-12T09:30:00+02:00")


def _aware(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _storable(value: str) -> str:
    if "\0" in value:
        raise ValueError(f"holds a NUL character (at character {value.index(chr(0)) + 1})")
    # Browsers drop carriage returns, which would shift every offset after them.
    return value.replace("\r\n", "\n").replace("\r", "\n")


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty")
    return value


def _identifier(value: str) -> str:
    if value != value.strip() or any(unicodedata.category(c) == "Cc" for c in value):
        raise ValueError("has blanks around it or control characters in it")
    return value


def _scalar(value: object) -> object:
    if isinstance(value, str):
        value.encode()  # half a surrogate pair cannot be stored
        return _storable(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("is not a finite number")
    if isinstance(value, bool | int | float):
        return value
    raise ValueError("should be a text, a number, true or false")


_Text = Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS), AfterValidator(_storable)]
_Words = Annotated[_Text, AfterValidator(_not_blank)]
_Id = Annotated[_Words, Field(max_length=MAX_ID_CHARACTERS), AfterValidator(_identifier)]
_Moment = Annotated[datetime, BeforeValidator(_moment)]
_Scalar = Annotated[Any, AfterValidator(_scalar)]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class _TurnRow(_Row):
    author: _Text = ""
    text: _Words


class _CalendarRow(_Row):
    start: _Moment
    end: _Moment
    title: _Words
    place: _Text = ""

    @model_validator(mode="after")
    def _ends_after_start(self) -> _CalendarRow:
        if (self.start.tzinfo is None) != (self.end.tzinfo is None):
            raise ValueError("start and end should both have a time zone, or neither")
        if self.end < self.start:
            raise ValueError("ends before it starts")
        return self

    def entry(self) -> CalendarEntry:
        return CalendarEntry(self.start, self.end, self.title, self.place)


class MessageRow(_Row):
    """What one row of an intake file may hold."""

    id: _Id
    text: _Words
    subject: _Text = ""
    sender: _Text = ""
    sent_at: Annotated[_Moment, AfterValidator(_aware)] | None = None
    thread: list[_TurnRow] = []
    calendar: list[_CalendarRow] = []
    preferences: dict[_Words, _Scalar] = {}

    def message(self) -> Message:
        """The row as a value."""
        return Message(
            id=self.id,
            text=self.text,
            subject=self.subject,
            sender=self.sender,
            sent_at=self.sent_at,
            thread=tuple(Turn(row.author, row.text) for row in self.thread),
            calendar=tuple(row.entry() for row in self.calendar),
            preferences=dict(self.preferences),
        )
