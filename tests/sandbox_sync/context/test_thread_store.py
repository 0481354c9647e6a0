"""Threads from a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox_sync.context import thread_store
from sandbox_sync.context.base import NotResolved, Reference
from tests.sandbox_sync.context.world import make_world

LINES = (
    '{"author": "Ana", "text": "Lunch on Monday?", "sent_at": "2026-05-04T08:00:00+00:00"}\n'
    '{"author": "Ben", "text": "Better Tuesday."}\n\n'
    '{"author": "Ana", "text": "Too late.", "sent_at": "2026-05-04T11:30:00+00:00"}\n'
)
MAILS = (
    "From ana@example.com Mon May  4 08:00:00 2026\nFrom: Ana <ana@example.com>\n"
    "Date: Mon, 4 May 2026 08:00:00 +0000\nSubject: Lunch\n\nLunch on Monday?\n\n"
    "From ben@example.com Mon May  4 12:00:00 2026\nFrom: Ben <ben@example.com>\n"
    "Date: Mon, 4 May 2026 12:00:00 +0000\n\nYes.\n\n"
)


def turns(folder: Path, source: str) -> object:
    reference = Reference("thread", "thread_store", source, {})
    data = {"sent_at": "2026-05-04T11:00:00+00:00"}
    return thread_store.resolve(reference, data, make_world(thread_dir=str(folder)))


def test_the_turns_before_the_message_are_given(tmp_path: Path) -> None:
    (tmp_path / "a.b@c.jsonl").write_text(LINES)
    assert turns(tmp_path, "thread:a.b@c") == [
        {"author": "Ana", "text": "Lunch on Monday?"},
        {"author": "Ben", "text": "Better Tuesday."},
    ]


def test_a_mailbox_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "7.mbox").write_text(MAILS)
    assert turns(tmp_path, "thread:7") == [
        {"author": "Ana <ana@example.com>", "text": "Lunch on Monday?"}
    ]


@pytest.mark.parametrize("source", ["thread:../7", "thread:/etc/passwd", "thread:", "thread:.x"])
def test_an_id_leads_nowhere_but_into_the_folder(tmp_path: Path, source: str) -> None:
    with pytest.raises(NotResolved, match="no name of a thread"):
        turns(tmp_path, source)


@pytest.mark.parametrize("content", ["{", "[1]", '{"author": "Ana"}', '{"text": 1, "sent_at": 3}'])
def test_a_file_that_cannot_be_read_is_trouble_that_may_pass(tmp_path: Path, content: str) -> None:
    (tmp_path / "7.jsonl").write_text(content)
    with pytest.raises(NotResolved, match="cannot be read") as refused:
        turns(tmp_path, "thread:7")
    assert refused.value.retryable
