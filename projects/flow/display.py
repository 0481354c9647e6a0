"""What the annotator sees around the message, ready for the labelling configs.

In HTML, everything that comes from a message is escaped: a customer's mail must not be
able to put markup into an annotator's page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from itertools import groupby

from projects.flow.messages import CalendarEntry, Message, Scalar, Turn


def heading(message: Message) -> str:
    """The subject, as plain text."""
    return message.subject.strip() or "(no subject)"


def byline(message: Message) -> str:
    """Sender and moment of the message, as plain text."""
    moment = _moment(message.sent_at) if message.sent_at else ""
    known = [part for part in (message.sender.strip(), moment) if part]
    return " · ".join(known) or "Sender not known"


def context(message: Message) -> str:
    """The thread, the calendar and the preferences, in this order."""
    return "".join(
        f"<section><h4>{title}</h4>{body}</section>"
        for title, body in (
            ("Earlier in this thread, newest first", _thread(message.thread)),
            ("Calendar", _calendar(message.calendar)),
            ("Preferences", _preferences(message.preferences)),
        )
    )


def _thread(turns: Sequence[Turn]) -> str:
    if not turns:
        return _none("Nothing: this is the first message.")
    return "".join(
        f'<div class="mail-turn"><div class="mail-who">{escape(turn.author) or "?"}</div>'
        f"{escape(turn.text.strip())}</div>"
        for turn in reversed(turns)
    )


def _calendar(entries: Sequence[CalendarEntry]) -> str:
    if not entries:
        return _none("No entries.")
    # Text order is time order for one clock, and cannot fail on mixed time zones.
    ordered = sorted(entries, key=lambda entry: entry.start.isoformat())
    rows = []
    for day, group in groupby(ordered, key=lambda entry: entry.start.date()):
        rows.append(f'<tr><td class="mail-day" colspan="2">{day:%a} {day.day} {day:%B}</td></tr>')
        rows.extend(_calendar_row(entry) for entry in group)
    return f"<table><tbody>{''.join(rows)}</tbody></table>"


def _calendar_row(entry: CalendarEntry) -> str:
    end = f"{entry.end:%H:%M}"
    if entry.end.date() != entry.start.date():
        end = f"{entry.end.day} {entry.end:%b} {end}"
    place = f' <span class="mail-where">{escape(entry.place)}</span>' if entry.place else ""
    return (
        f'<tr><td class="mail-time">{entry.start:%H:%M}&ndash;{end}</td>'
        f"<td>{escape(entry.title)}{place}</td></tr>"
    )


def _preferences(preferences: Mapping[str, Scalar]) -> str:
    if not preferences:
        return _none("None on record.")
    rows = (
        f"<tr><td>{escape(name)}</td><td>{escape(_plain(value))}</td></tr>"
        for name, value in preferences.items()
    )
    return f"<table><tbody>{''.join(rows)}</tbody></table>"


def _plain(value: Scalar) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _none(words: str) -> str:
    return f'<div class="mail-none">{words}</div>'


def _moment(value: datetime) -> str:
    return f"{value:%a} {value.day} {value:%B %Y, %H:%M} {value.tzname() or ''}".rstrip()
