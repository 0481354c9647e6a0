"""Messages from a user's file: all of them, or an error that names every bad row."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from projects.flow.messages import Message, message_from_json, message_to_json
from projects.kit.errors import BadInput
from projects.vocabulary import Json

MAX_LISTED = 50
STRUCTURED = ("thread", "calendar", "preferences")
"""CSV columns that hold JSON."""
COLUMNS = ("id", "text", "subject", "sender", "sent_at", *STRUCTURED)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where. Lines count from 1."""

    line: int
    column: str
    """The name of a field, or "character 17" where the line is not JSON."""
    what: str

    def __str__(self) -> str:
        where = f"line {self.line}, {self.column}" if self.column else f"line {self.line}"
        return f"{where}: {self.what}"


class BadMessageFile(BadInput):
    """A file of messages that cannot be used; none of it was loaded."""

    def __init__(self, what: str, where: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(what, where)
        self.args = (what, where, problems)
        self.problems = problems

    def __str__(self) -> str:
        lines = [super().__str__(), *(f"  {problem}" for problem in self.problems[:MAX_LISTED])]
        if len(self.problems) > MAX_LISTED:
            lines.append(f"  and {len(self.problems) - MAX_LISTED} more")
        return "\n".join(lines)


@dataclass(frozen=True)
class _Raw:
    """One row before it is checked: its fields, or what kept us from reading them."""

    line: int
    fields: Json
    problems: tuple[Problem, ...] = ()


def read_messages(path: Path) -> list[Message]:
    """The messages of a ``.jsonl`` or ``.csv`` file, in its order.

    Raises
    ------
    BadMessageFile
        When anything is wrong with any row; lists every problem with line and column.
    """
    suffix = path.suffix.lower()
    reader = _READERS.get(suffix)
    if reader is None:
        raise BadMessageFile(
            f"the name should end in {' or '.join(_READERS)}, not {suffix or 'nothing'}", str(path)
        )
    return _checked(reader(_text_of(path)), str(path))


def write_messages(path: Path, messages: Iterable[Message]) -> int:
    """Write messages as JSONL, the form that :func:`read_messages` takes; returns how many."""
    rows = [json.dumps(message_to_json(m), ensure_ascii=False) for m in messages]
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8", newline="\n")
    return len(rows)


def _text_of(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadMessageFile(error.strerror or "cannot be read", str(path)) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # What was decoded is what the codec saw, without the byte order mark.
        before = error.object[: error.start]
        line = before.count(b"\n") + 1
        byte = error.start - (before.rfind(b"\n") + 1) + 1
        problem = Problem(line, f"byte {byte}", "is not UTF-8")
        raise BadMessageFile("the file should be UTF-8 text", str(path), (problem,)) from error


def _checked(rows: Iterable[_Raw], where: str) -> list[Message]:
    messages: list[Message] = []
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    count = 0
    for raw in rows:
        count += 1
        found = [*raw.problems, *_repeated(raw, seen)]
        if not raw.problems:
            try:
                messages.append(message_from_json(raw.fields))
            except ValidationError as error:
                found.extend(_problems(raw.line, error))
        problems.extend(found)
    if problems:
        noun = "problem" if len(problems) == 1 else "problems"
        what = f"{len(problems)} {noun}, so nothing was loaded"
        raise BadMessageFile(what, where, tuple(problems))
    if not count:
        raise BadMessageFile("the file holds no messages", where)
    return messages


def _repeated(raw: _Raw, seen: dict[str, int]) -> Iterator[Problem]:
    identifier = raw.fields.get("id")
    if not isinstance(identifier, str) or not identifier:
        return
    first = seen.setdefault(identifier, raw.line)
    if first != raw.line:
        yield Problem(raw.line, "column id", f"the id of line {first} again")


def _problems(line: int, error: ValidationError) -> Iterator[Problem]:
    for item in error.errors(include_url=False, include_input=False):
        place = ".".join(str(part) for part in item["loc"])
        yield Problem(line, f"column {place}" if place else "", _in_plain_words(item))


def _in_plain_words(item: Mapping[str, Any]) -> str:
    fixed = {
        "missing": "is missing",
        "extra_forbidden": f"is not a field we know ({', '.join(COLUMNS)})",
        "string_type": "should be a text",
        "string_unicode": "holds half a surrogate pair",
        "list_type": "should be a list",
        "dict_type": "should be an object of names and values",
        "model_type": "should be an object",
    }
    message = str(item["msg"]).removeprefix("Value error, ")
    return fixed.get(str(item["type"]), message[:1].lower() + message[1:])


class _Twice(ValueError):
    """A JSON object that names a field twice."""


def _no_repeats(pairs: list[tuple[str, Any]]) -> Json:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return fields


def _parse(text: str) -> tuple[Any, str, str]:
    """The JSON value, and where and why it is none."""
    try:
        return json.loads(text, object_pairs_hook=_no_repeats), "", ""
    except json.JSONDecodeError as error:
        return None, f"character {error.pos + 1}", f"is not JSON ({error.msg.lower()})"
    except _Twice as error:
        return None, f"column {error}", "is given twice"
    except (RecursionError, ValueError):
        return None, "", "is not JSON that we can read (too deep, or a number too long)"


def _read_jsonl(text: str) -> Iterator[_Raw]:
    # Only "\n" ends a line: JSON texts may hold other line separators as they are.
    for line, row in enumerate(text.split("\n"), start=1):
        if not row.strip():
            continue
        value, where, what = _parse(row.rstrip("\r"))
        if what:
            yield _Raw(line, {}, (Problem(line, where, what),))
        elif not isinstance(value, dict):
            yield _Raw(line, {}, (Problem(line, "", "should be a JSON object"),))
        else:
            yield _Raw(line, value)


def _read_csv(text: str) -> Iterator[_Raw]:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    line = 1
    try:
        for cells in rows:
            if not any(cell.strip() for cell in cells):
                pass
            elif header is None:
                header = [name.strip() for name in cells]
                if wrong := _header_problems(header, line):
                    yield _Raw(line, {}, wrong)
                    return  # without its columns no row can be judged
            else:
                yield _csv_row(line, header, cells)
            line = rows.line_num + 1
    except csv.Error as error:
        yield _Raw(line, {}, (Problem(line, "", f"is not CSV ({error})"),))


def _header_problems(header: list[str], line: int) -> tuple[Problem, ...]:
    problems = [
        Problem(line, f"column {name or 'without a name'}", "is not a column we know")
        for name in header
        if name not in COLUMNS
    ]
    problems += [
        Problem(line, f"column {name}", "is given twice")
        for name in sorted(set(header))
        if header.count(name) > 1
    ]
    problems += [
        Problem(line, f"column {name}", "is missing")
        for name in ("id", "text")
        if name not in header
    ]
    return tuple(problems)


def _csv_row(line: int, header: list[str], cells: list[str]) -> _Raw:
    if len(cells) != len(header):
        what = f"has {len(cells)} cells where the first line names {len(header)}"
        return _Raw(line, {}, (Problem(line, "", what),))
    fields: Json = {}
    problems: list[Problem] = []
    for name, cell in zip(header, cells, strict=True):
        if name not in COLUMNS or (name not in ("id", "text") and not cell.strip()):
            continue
        fields[name] = cell
        if name in STRUCTURED:
            fields[name], where, what = _parse(cell)
            if what:
                problems.append(Problem(line, f"column {name}", f"{where} {what}".strip()))
    return _Raw(line, fields, tuple(problems))


_READERS: dict[str, Callable[[str], Iterator[_Raw]]] = {".jsonl": _read_jsonl, ".csv": _read_csv}
