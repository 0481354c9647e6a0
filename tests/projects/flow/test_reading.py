from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projects.flow.messages import CalendarEntry, Message, Turn, message_to_json
from projects.flow.reading import (
    COLUMNS,
    MAX_LISTED,
    STRUCTURED,
    BadMessageFile,
    Problem,
    read_messages,
    write_messages,
)
from projects.kit.errors import BadInput

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=20)
FILLED = WORDS.filter(str.strip)
MESSAGES = st.builds(
    Message,
    id=st.text("abcdefghé-0123456789", min_size=1, max_size=8),
    text=FILLED,
    subject=WORDS,
    sender=WORDS,
    sent_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    thread=st.lists(st.builds(Turn, WORDS, FILLED), max_size=3).map(tuple),
    calendar=st.lists(
        st.builds(lambda start, title: CalendarEntry(start, start, title), st.datetimes(), FILLED),
        max_size=2,
    ).map(tuple),
    preferences=st.dictionaries(FILLED, WORDS | st.integers() | st.booleans(), max_size=3),
)
LISTS = st.lists(MESSAGES, min_size=1, max_size=5, unique_by=lambda message: message.id)

Save = Callable[[str, str | bytes], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def problems(path: Path) -> list[str]:
    with pytest.raises(BadMessageFile) as caught:
        read_messages(path)
    return [str(problem) for problem in caught.value.problems]


def as_csv(messages: list[Message]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    for message in messages:
        row = message_to_json(message)
        row |= {name: json.dumps(row[name]) for name in STRUCTURED}
        writer.writerow(row | {"sent_at": row["sent_at"] or ""})
    return text.getvalue()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=LISTS)
def test_jsonl_gives_back_what_was_written(tmp_path: Path, messages: list[Message]) -> None:
    path = tmp_path / "messages.jsonl"
    assert write_messages(path, messages) == len(messages)
    assert read_messages(path) == messages


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=LISTS)
def test_csv_gives_back_what_was_written(tmp_path: Path, messages: list[Message]) -> None:
    # An empty cell means "not given", also where it holds blanks only.
    plain = [m for m in messages if m.subject.strip() == m.subject and m.sender.strip() == m.sender]
    path = tmp_path / "messages.csv"
    path.write_bytes(as_csv(plain).encode())
    if plain:
        assert read_messages(path) == plain


def test_bom_crlf_and_blank_lines_are_fine(save: Save) -> None:
    row = '{"id": "a", "text": "Noon?\\r\\nYes"}'
    path = save("m.JSONL", b"\xef\xbb\xbf" + f"{row}\r\n\r\n".encode())
    assert read_messages(path) == [Message(id="a", text="Noon?\nYes")]
    path = save("m.csv", b"\xef\xbb\xbfid,text\r\n\r\na,Noon?\r\n")
    assert read_messages(path) == [Message(id="a", text="Noon?")]


def test_a_moment_without_a_zone_is_utc(save: Save) -> None:
    path = save("m.jsonl", '{"id": "a", "text": "b", "sent_at": "2026-05-12T09:30"}')
    assert read_messages(path)[0].sent_at == datetime(2026, 5, 12, 9, 30, tzinfo=UTC)


def test_line_separators_of_unicode_do_not_end_a_line(save: Save) -> None:
    path = save("m.jsonl", '{"id": "a", "text": "one\u2028two\u0085three"}\n')
    assert len(read_messages(path)) == 1


def test_every_bad_row_of_jsonl_is_reported_with_line_and_column(save: Save) -> None:
    rows = [
        '{"id": "a", "text": "fine"}',
        '{"id": "b", "text": }',
        '{"id": 7, "text": "x"}',
        '{"text": "x"}',
        '["id"]',
        "",
        '{"id": "a", "text": "again"}',
        '{"id": "c", "text": "x", "sendr": "y"}',
        '{"id": "d", "text": "nul \\u0000 here"}',
        '{"id": "e", "text": "\\ud800"}',
        '{"id": "f", "text": "x", "thread": [{"author": "q"}]}',
        '{"id": "g", "text": "  "}',
        '{"id": "h", "text": "x", "text": "y"}',
        '{"id": "i", "text": "x", "sent_at": "yesterday"}',
        '{"id": "j", "text": "x", "preferences": {"a": [1]}}',
    ]
    known = ", ".join(COLUMNS)
    moment = "should be a date and time such as 2026-05-12T09:30:00+02:00"
    assert problems(save("m.jsonl", "\n".join(rows))) == [
        "line 2, character 21: is not JSON (expecting value)",
        "line 3, column id: should be a text",
        "line 4, column id: is missing",
        "line 5: should be a JSON object",
        "line 7, column id: the id of line 1 again",
        f"line 8, column sendr: is not a field we know ({known})",
        "line 9, column text: holds a NUL character (at character 5)",
        "line 10, column text: holds half a surrogate pair",
        "line 11, column thread.0.text: is missing",
        "line 12, column text: is empty",
        "line 13, column text: is given twice",
        f"line 14, column sent_at: {moment}",
        "line 15, column preferences.a: should be a text, a number, true or false",
    ]


def test_every_bad_row_of_csv_is_reported_with_line_and_column(save: Save) -> None:
    content = (
        "id,text,thread,sent_at\n"
        'a,"two\nlines",,\n'
        "b,short\n"
        "c,x,[oops],\n"
        'd,x,"{}",\n'
        ",x,,\n"
        "a,x,,never\n"
    )
    assert problems(save("m.csv", content)) == [
        "line 4: has 2 cells where the first line names 4",
        "line 5, column thread: character 2 is not JSON (expecting value)",
        "line 6, column thread: should be a list",
        "line 7, column id: is empty",
        "line 8, column id: the id of line 2 again",
        "line 8, column sent_at: should be a date and time such as 2026-05-12T09:30:00+02:00",
    ]


def test_a_csv_with_wrong_columns_is_judged_by_its_first_line(save: Save) -> None:
    assert problems(save("m.csv", "id,body,,id\n1,2,3,4\n")) == [
        "line 1, column body: is not a column we know",
        "line 1, column without a name: is not a column we know",
        "line 1, column id: is given twice",
        "line 1, column text: is missing",
    ]


def test_broken_quotes_in_csv_are_reported(save: Save) -> None:
    found = problems(save("m.csv", 'id,text\na,"x"y\n'))
    assert len(found) == 1
    assert found[0].startswith("line 2: is not CSV")


def test_calendar_entries_end_after_they_start(save: Save) -> None:
    entry = {"start": "2026-05-12T10:00", "end": "2026-05-12T09:00", "title": "x"}
    mixed = entry | {"end": "2026-05-12T11:00Z"}
    rows = [
        {"id": "a", "text": "x", "calendar": [entry]},
        {"id": "b", "text": "x", "calendar": [mixed]},
    ]
    assert problems(save("m.jsonl", "\n".join(map(json.dumps, rows)))) == [
        "line 1, column calendar.0: ends before it starts",
        "line 2, column calendar.0: start and end should both have a time zone, or neither",
    ]


def test_bad_encoding_is_reported_with_line_and_byte(save: Save) -> None:
    assert problems(save("m.jsonl", b'{"id": "a"}\n{"id": "\xff"}')) == [
        "line 2, byte 9: is not UTF-8"
    ]


@pytest.mark.parametrize("content", ["", "\n \n", "\ufeff"])
@pytest.mark.parametrize("name", ["m.jsonl", "m.csv"])
def test_an_empty_file_is_refused(save: Save, name: str, content: str) -> None:
    with pytest.raises(BadMessageFile, match="holds no messages"):
        read_messages(save(name, content))


def test_other_files_are_refused_with_their_name(save: Save, tmp_path: Path) -> None:
    with pytest.raises(BadMessageFile, match=r"m\.txt: the name should end in \.jsonl or \.csv"):
        read_messages(save("m.txt", "x"))
    with pytest.raises(BadMessageFile, match=r"gone\.csv: No such file"):
        read_messages(tmp_path / "gone.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(BadMessageFile, match="directory"):
        read_messages(tmp_path / "folder.csv")


def test_very_deep_json_is_reported_not_raised(save: Save) -> None:
    assert problems(save("m.jsonl", "[" * 200_000))[0].startswith("line 1")


def test_the_list_of_problems_is_capped(save: Save) -> None:
    path = save("m.jsonl", "x\n" * (MAX_LISTED + 7))
    with pytest.raises(BadInput) as caught:
        read_messages(path)
    assert caught.value.status == 422
    shown = str(caught.value).splitlines()
    assert len(shown) == MAX_LISTED + 2
    assert shown[0].endswith(f"{MAX_LISTED + 7} problems, so nothing was loaded")
    assert shown[-1] == "  and 7 more"


def test_a_problem_reads_as_a_sentence() -> None:
    assert str(Problem(3, "column id", "is missing")) == "line 3, column id: is missing"
    assert str(Problem(3, "", "should be a JSON object")) == "line 3: should be a JSON object"
