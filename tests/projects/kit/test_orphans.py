from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from projects.kit import database, engine
from projects.kit.engine import Acceptor, Engine, Lane
from projects.kit.orphans import Orphans


def test_only_what_was_seen_twice_and_is_not_at_work_begins_again() -> None:
    begun, at_work, again = {"a", "b"}, {"b"}, []

    def take(key: str) -> bool:
        again.append(key)
        return key != "gone"

    orphans = Orphans(begun=lambda: begun, at_work=lambda: at_work, again=take)
    assert orphans.look() == []  # it may just be beginning
    assert orphans.look() == ["a"]
    begun -= {"a"}
    assert orphans.look() == []
    begun |= {"gone"}
    orphans.look()
    assert orphans.look() == []  # somebody else was faster
    assert again == ["a", "gone"]


def test_work_whose_end_cannot_be_written_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the disk is full: without this the lane's next work would wait for ever."""
    url = f"sqlite:///{tmp_path / 'engine.sqlite'}"
    done: list[str] = []
    second = threading.Event()

    @engine.workflow(name="note")
    def note(word: str) -> None:
        done.append(word)
        if word == "second":
            second.set()

    lane = Lane("notes", one_per_key=True)
    engine.prepare(url)
    running = Engine(
        name="test", url=url, executor_id="me", lock=tmp_path / "lock", dead_seconds=2.0
    )
    acceptor = Acceptor(name="test", url=url)
    sessions = database.sessions(database.make_engine(url, immediate=False))
    full = [True]
    try:
        running.launch([lane])
        system = running._running._sys_db  # type: ignore[union-attr]
        as_always: Any = system.update_workflow_outcome

        def update(*given: Any, **named: Any) -> Any:
            if full:
                full.pop()
                raise OperationalError("UPDATE", {}, Exception("database or disk is full"))
            return as_always(*given, **named)

        monkeypatch.setattr(system, "update_workflow_outcome", update)
        with database.transaction(sessions) as session:
            for word in ("first", "second"):
                acceptor.accept(session, lane, "note", word, key=word, lane_key="one")
        assert second.wait(20), done
    finally:
        time.sleep(0.1)
        running.stop()
        acceptor.close()
    assert done == ["first", "first", "second"]
