"""The earlier messages of a thread, from a folder with one file a thread: ``thread:ID``.

``ID.jsonl`` has one message a line (``author``, ``text``, and ``sent_at`` if known),
the oldest first; ``ID.mbox`` is a mailbox. Messages from the reference's moment on
are left out: the thread is given as it was.
"""

from __future__ import annotations

import json
import mailbox
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from sandbox_sync.context.base import NotResolved, Reference, World, moment_of

PREFIXES = ("thread:",)
NAME = re.compile(r"[A-Za-z0-9@_+=-][A-Za-z0-9@._+=-]{0,199}")

Turn = tuple[str, str, datetime | None]
"""Author, text and moment."""


def resolve(reference: Reference, data: Mapping[str, Any], world: World) -> Any:
    """The turns of the thread before the message, the oldest first."""
    name = reference.source.removeprefix("thread:")
    if not world.thread_dir:
        raise NotResolved("no folder of threads is set", passing=False)
    if not NAME.fullmatch(name):
        raise NotResolved("it is no name of a thread", passing=False)
    until = moment_of(reference, data, world.now)
    turns = _read(Path(world.thread_dir), name, world.max_bytes)
    return [
        {"author": author, "text": text}
        for author, text, moment in turns
        if moment is None or moment < until
    ]


def _read(folder: Path, name: str, max_bytes: int) -> list[Turn]:
    for suffix, reader in ((".jsonl", _jsonl), (".mbox", _mbox)):
        path = folder / f"{name}{suffix}"
        if path.is_file():
            if path.stat().st_size > max_bytes:
                raise NotResolved("it is larger than allowed", passing=False)
            return list(reader(path))
    raise NotResolved("there is no such thread")


def _jsonl(path: Path) -> Iterator[Turn]:
    try:
        rows = [
            json.loads(line) for line in path.read_text("utf-8-sig").split("\n") if line.strip()
        ]
        for row in rows:
            said = row.get("sent_at")
            moment = datetime.fromisoformat(said) if said else None
            yield str(row.get("author", "")), str(row["text"]), _aware(moment)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise NotResolved("its file cannot be read") from error


def _mbox(path: Path) -> Iterator[Turn]:
    box = mailbox.mbox(path, create=False)
    try:
        for mail in box:
            moment = parsedate_to_datetime(mail["date"]) if mail["date"] else None
            yield str(mail["from"] or ""), _plain_text(mail), _aware(moment)
    except ValueError as error:
        raise NotResolved("its file cannot be read") from error
    finally:
        box.close()


def _plain_text(mail: Message) -> str:
    parts = [part for part in mail.walk() if part.get_content_type() == "text/plain"]
    for part in parts:
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            return content.decode(part.get_content_charset() or "utf-8", "replace").strip()
    return ""


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
