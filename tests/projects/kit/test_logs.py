"""Logs are one JSON object a line."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Iterator

import pytest
import structlog

from projects.kit import logs


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_a_line_has_the_event_its_facts_and_the_service(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure(service="a-service")
    logs.get("here").info("task.cloned", production_task=1, sandbox_task=2)
    line = json.loads(capsys.readouterr().out)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "task.cloned",
        "level": "info",
        "production_task": 1,
        "sandbox_task": 2,
        "service": "a-service",
    }


def test_a_thread_names_its_service_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(service="a-service")
    thread = threading.Thread(target=lambda: logs.get("here").info("task.cloned"))
    thread.start()
    thread.join()
    assert json.loads(capsys.readouterr().out)["service"] == "a-service"


def test_an_error_is_a_structure_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(service="a-service")
    try:
        raise ValueError("why")
    except ValueError as error:
        logs.get("here").error("request.failed", exc_info=error)
    (line,) = capsys.readouterr().out.splitlines()
    (found,) = json.loads(line)["exception"]
    assert (found["exc_type"], found["exc_value"]) == ("ValueError", "")
    assert found["frames"][0]["name"] == "test_an_error_is_a_structure_on_one_line"


def test_the_words_of_errors_stay_out_of_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(service="a-service")
    try:
        raise ExceptionGroup("several", [ValueError("words of somebody")])
    except ExceptionGroup as error:
        error.add_note("more words of somebody")
        logging.getLogger("some.library").exception("failed")
    assert "of somebody" not in capsys.readouterr().out


def test_local_values_stay_out_of_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(service="a-service")
    try:
        token = "a-token-nobody-should-read"
        raise ValueError(len(token))
    except ValueError as error:
        logs.get("here").error("request.failed", exc_info=error)
    assert "a-token-nobody" not in capsys.readouterr().out


def test_less_than_the_level_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(service="a-service", level="WARNING")
    logs.get("here").info("task.cloned")
    assert capsys.readouterr().out == ""


def test_lines_of_libraries_are_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(service="a-service")
    logging.getLogger("some.library").warning("it is %s", "late")
    line = json.loads(capsys.readouterr().out)
    assert line["event"] == "it is late"
    assert line["level"] == "warning"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a disk always full")
def test_a_line_that_cannot_be_written_fails_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    full = open("/dev/full", "w", buffering=1, encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", full)
    logs.configure(service="a-service")
    logs.get("here").warning("a.fact")
    logging.getLogger("some.library").warning("another")
    with pytest.raises(OSError, match="No space"):
        print("it is really full", file=full)
    with pytest.raises(OSError, match="No space"):
        full.close()
