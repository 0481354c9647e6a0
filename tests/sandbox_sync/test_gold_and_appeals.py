"""Keys of gold, appeals that repair them, and who is told: over the pages, on both databases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from sandbox_sync.api import gold_pages
from sandbox_sync.db import gold
from sandbox_sync.db.gold import Given, Key, NewKey
from sandbox_sync.db.tables import Appeal, PracticeItem
from sandbox_sync.gold_file import BadGoldFile, read
from sandbox_sync.workflows import keys
from tests.sandbox_sync.house import ADA, ADMIN, BEN, INTENT, House, choice, running_house
from tests.sandbox_sync.test_order import policy, regions, scores, worker_answers
from tests.sandbox_sync.test_pages import HTML, LoginForm, sign_in

ONE, TWO, THREE = INTENT.labels[:3]
CONTACT = "desk@example.com"


@contextmanager
def a_house(folder: Path, **more: Any) -> Iterator[House]:
    login = LoginForm()
    with running_house(
        folder,
        sign_in=httpx.MockTransport(login),
        production_contacts=[CONTACT],
        **more,
    ) as built:
        login.ids.update({u.email: u.id for u in built.sandbox.store.users.values()})
        yield built


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with a_house(tmp_path) as built:
        yield built


def compared(house: House) -> int:
    """ADA said TWO and BEN said ONE where production says ONE."""
    (task,) = house.publish("intent", ["First"])
    house.reconcile()
    house.answer("intent", task, choice(ONE))
    house.practise(ADA, "intent", task, choice(TWO))
    house.practise(BEN, "intent", task, choice(ONE))
    house.drain()
    assert scores(house) == {ADA: 0.0, BEN: 1.0}
    return task


def digest(house: House) -> str:
    with house.room.transaction() as session:
        return session.scalars(sa.select(PracticeItem.snapshot)).first() or ""


def comparison(house: House, email: str) -> int:
    sign_in(house, email)
    page = house.client.get("/", headers=HTML).text
    return int(page.split('href="/feedback/')[1].split('"')[0])


def contest(house: House, number: int, reason: str = "It says cancel", revision: int = 1) -> int:
    answer = house.client.post(
        f"/feedback/{number}/appeal",
        data={"reason": reason, "revision": str(revision)},
        follow_redirects=False,
    )
    house.drain()
    return answer.status_code


def rule(house: House, ruling: str, **more: str) -> int:
    sign_in(house, ADMIN)
    answer = house.client.post(
        "/trainer/appeals/1", data={"ruling": ruling, **more}, follow_redirects=False
    )
    house.drain()
    return answer.status_code


def told(house: House, email: str) -> list[str]:
    return [text for who, text in house.outbox() if who == email]


def test_an_upheld_appeal_repairs_the_key_and_tells_everyone_concerned(
    tmp_path: Path, database_url: str
) -> None:
    with a_house(tmp_path, database_url=database_url) as house:
        task = compared(house)
        number = comparison(house, ADA)
        assert contest(house, number) == 303
        assert contest(house, number, "once more, please") == 409
        page = house.client.get(f"/feedback/{number}", headers=HTML).text
        assert "Waits for a trainer" in page
        sign_in(house, ADMIN)
        assert "It says cancel" in house.client.get("/trainer/appeals", headers=HTML).text
        page = house.client.get("/trainer/appeals/1", headers=HTML).text
        assert ONE in page
        assert TWO in page
        assert rule(house, "upheld", note="Well seen") == 303
        assert scores(house) == {ADA: 1.0, BEN: 0.0}
        assert any("your appeal was heard" in text for text in told(house, ADA))
        assert any("Well seen" in text for text in told(house, ADA))
        assert len(told(house, BEN)) == 2
        (report,) = told(house, CONTACT)
        assert f"production task {task}" in report
        assert rule(house, "dismissed") == 409
        # production corrects itself to something else: the key stays above it, and shows it
        house.answer("intent", task, choice(THREE))
        house.reconcile()
        assert scores(house) == {ADA: 1.0, BEN: 0.0}
        assert THREE in house.client.get("/trainer/gold", headers=HTML).text
        page = house.client.get(f"/trainer/snapshots/{digest(house)}", headers=HTML).text
        assert "The key stays above it" in page
        assert house.failures == []


def test_both_may_be_right(house: House) -> None:
    compared(house)
    assert contest(house, comparison(house, ADA)) == 303
    assert rule(house, "also") == 303
    assert scores(house) == {ADA: 1.0, BEN: 1.0}
    assert told(house, CONTACT) == []
    assert len(told(house, BEN)) == 1  # nothing changed for BEN


def test_a_dismissed_appeal_changes_nothing_and_is_told(house: House) -> None:
    compared(house)
    contest(house, comparison(house, ADA))
    assert rule(house, "dismissed", note="Read it again") == 303
    assert scores(house) == {ADA: 0.0, BEN: 1.0}
    assert "Read it again" in told(house, ADA)[-1]
    sign_in(house, ADA)
    assert "Dismissed" in house.client.get("/feedback/1", headers=HTML).text


def test_a_trainee_sees_no_gold_and_nobody_elses_appeal(house: House) -> None:
    compared(house)
    number = comparison(house, ADA)
    contest(house, number)
    sign_in(house, BEN)
    for path in ("/trainer/gold", "/trainer/gold/1", "/trainer/appeals", "/trainer/appeals/1"):
        assert house.client.get(path, headers=HTML).status_code == 403
    assert house.client.get(f"/trainer/snapshots/{digest(house)}").status_code == 403
    assert house.client.get(f"/feedback/{number}", headers=HTML).status_code == 404
    assert contest(house, number, "not my own one") == 404
    data = {"answer": "label-0"}
    path = f"/trainer/snapshots/{digest(house)}/key"
    assert house.client.post(path, data=data).status_code == 403
    assert house.client.post("/trainer/appeals/1", data={"ruling": "also"}).status_code == 403
    assert house.client.post("/trainer/workers/1", data={"good": "yes"}).status_code == 403


def test_a_reason_has_a_length_and_belongs_to_what_was_seen(house: House) -> None:
    compared(house)
    number = comparison(house, ADA)
    assert contest(house, number, "short") in (400, 422)
    assert contest(house, number, "x" * 2001) in (400, 422)
    assert contest(house, number, revision=7) == 409
    with house.room.transaction() as session:
        assert session.scalar(sa.select(sa.func.count(Appeal.id))) == 0


def test_a_trainer_sets_retires_and_brings_back_a_key(house: House) -> None:
    compared(house)
    sign_in(house, ADMIN)
    path = f"/trainer/snapshots/{digest(house)}"
    two = INTENT.labels.index(TWO)
    page = house.client.get(path, headers=HTML).text
    assert "no key" in page
    # TWO is offered under ADA's answer, THREE as a label that nobody chose
    names = [part.split('"')[0] for part in page.split('name="answer" value="')[1:]]
    assert f"label-{two}" not in names
    assert "label-2" in names
    trainee = next(name for name in names if name.startswith("trainee-"))
    data = {"answer": [trainee, "label-2"], "note": "Both will do", "in_queue": "yes"}
    assert house.client.post(f"{path}/key", data=data, follow_redirects=False).status_code == 303
    house.drain()
    assert scores(house) == {ADA: 1.0, BEN: 0.0}
    assert house.client.post(f"{path}/key", data={"answer": "worker-99"}).status_code in (400, 422)
    assert "Both will do" in house.client.get(path, headers=HTML).text
    # retired, and it goes on counting
    house.client.post("/trainer/gold/1/retire", data={"why": "worn out"})
    house.reconcile()
    assert scores(house) == {ADA: 1.0, BEN: 0.0}
    # retired because it was wrong: production's answer takes its place
    house.client.post("/trainer/gold/1/return")
    house.client.post("/trainer/gold/1/retire", data={"why": "wrong", "wrong": "yes"})
    house.reconcile()
    assert scores(house) == {ADA: 0.0, BEN: 1.0}
    assert "retired: wrong" in house.client.get("/trainer/gold", headers=HTML).text


def test_what_good_workers_agree_on_becomes_gold(house: House) -> None:
    (task,) = house.publish("intent", ["First"])
    house.reconcile()
    for email in ("w1@example.com", "w2@example.com"):
        worker_answers(house, email, task, TWO)
    house.drain()
    sign_in(house, ADMIN)
    keys.promote(house.room)
    assert found(house) is None
    for user in house.production.store.users.values():
        if user.email.startswith("w"):
            house.client.post(f"/trainer/workers/{user.id}", data={"good": "yes"})
    keys.promote(house.room)
    key = found(house)
    assert key is not None
    assert (key.origin, key.answers, key.in_queue) == ("workers", (choice(TWO),), True)
    assert list(key.regions[0]) == regions(TWO)
    page = house.client.get("/trainer/gold", headers=HTML).text
    assert "a trainer says so" in page
    assert "agreeing workers" in page


def found(house: House) -> Key | None:
    with house.room.transaction() as session:
        listed = gold.keys(session)
    return listed[0] if listed else None


def test_a_trainee_reads_the_same_of_gold_as_of_production(tmp_path: Path) -> None:
    """Page and message, letter by letter; a trainer sees which of the two it was."""
    read: list[tuple[str, list[str], str]] = []
    for source in ("production", "gold"):
        with a_house(tmp_path / source) as house:
            (task,) = house.publish("intent", ["First"])
            house.reconcile()
            if source == "gold":
                sign_in(house, ADMIN)
                named = {"answer": f"label-{INTENT.labels.index(ONE)}"}
                house.client.post(f"/trainer/snapshots/{digest(house)}/key", data=named)
            house.answer("intent", task, choice(ONE if source == "production" else THREE))
            house.practise(ADA, "intent", task, choice(TWO))
            house.drain()
            sign_in(house, ADA)
            pages = [house.client.get(path, headers=HTML).text for path in ("/", "/feedback/1")]
            seen = re.sub(r"[\d.]+ s ago", "now", "".join(pages))
            sign_in(house, ADMIN)
            (title,) = re.findall(
                r"<h2>Reference answer(.*?)</h2>",
                house.client.get("/feedback/1", headers=HTML).text,
            )
            read.append((seen, told(house, ADA), title))
    production, gold_ = read
    assert production[:2] == gold_[:2]
    assert f"You chose {TWO}; the reference answer is {ONE}." in production[0]
    assert production[2] == ": production&#39;s"
    assert gold_[2] == ": the gold key"


def line(name: str, label: str = ONE, **more: object) -> dict[str, object]:
    mark = {"control": "intent", "label": label, "start": None, "end": None}
    return {"id": name, "data": {"text": f"Text of {name}"}, "answers": [[mark]]} | more


def gold_file(house: House, *rows: dict[str, object]) -> keys.Loaded:
    import json

    scheme = house.room.scheme("intent", INTENT.label_config)
    text = "\n".join(json.dumps(row) for row in rows)
    file = read(text, "gold.jsonl", scheme, dict)
    return keys.load(house.room, house.projects["intent"], file, by="file")


def test_a_file_is_loaded_once_and_a_changed_row_makes_a_new_state(
    tmp_path: Path, database_url: str
) -> None:
    with a_house(tmp_path, database_url=database_url) as house:
        house.reconcile()
        assert gold_file(house, line("a"), line("b")) == keys.Loaded(created=2)
        assert gold_file(house, line("a"), line("b")) == keys.Loaded(unchanged=2)
        assert gold_file(house, line("a", TWO), line("b")) == keys.Loaded(changed=1, unchanged=1)
        with house.room.transaction() as session:
            states = {key.answers: key.revision for key in gold.keys(session)}
        assert states == {(choice(TWO),): 2, (choice(ONE),): 1}
        other = line("b", data={"text": "Another text"})
        assert gold_file(house, line("a", TWO), other) == keys.Loaded(changed=1, unchanged=1)
        with house.room.transaction() as session:
            listed = gold.keys(session)
        assert [key.retired_at is None for key in listed].count(False) == 1
        assert len(listed) == 3


def test_many_keys_come_by_the_page(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gold_pages, "PAGE_SIZE", 2)
    house.reconcile()
    gold_file(house, *(line(name) for name in "abc"))
    sign_in(house, ADMIN)
    pages = [
        house.client.get(f"/trainer/gold?page={number}", headers=HTML).text for number in (1, 2, 3)
    ]
    shown = [set(re.findall(r"Text of ([abc])<", page)) for page in pages]
    assert [len(names) for names in shown] == [2, 1, 0]
    assert shown[0] | shown[1] == set("abc")
    assert "page 1 of 2, 3 items" in pages[0]
    assert 'rel="next" href="/trainer/gold?page=2"' in pages[0]
    assert 'rel="next"' not in pages[1]
    assert "There are only 2 pages." in pages[2]
    assert house.client.get("/trainer/gold?page=0", headers=HTML).status_code == 422


def test_a_file_is_refused_whole_with_line_and_field(house: House) -> None:
    house.reconcile()
    bad = {"control": "intent", "label": "Nonsense"}
    with pytest.raises(BadGoldFile) as refused:
        gold_file(house, line("a"), line("b", answers=[[bad]]), line("a"), {"id": "c"})
    words = str(refused.value)
    assert "line 2, answers.1.1.label: no such label" in words
    assert "line 3, id: the id of line 1 again" in words
    assert "line 4, data: there is neither data nor a message" in words
    assert found(house) is None


def test_a_gold_key_is_nowhere_before_the_trainees_own_answer(house: House) -> None:
    (task,) = house.publish("intent", ["First"])
    house.reconcile()
    with house.room.transaction() as session:
        snapshot = gold.row_of(session, digest_in(session))
        assert snapshot is not None
        new = NewKey("trainer", [Given(choice(THREE), ())], ADMIN, "why", True)
        project = house.projects["intent"]
        keys.set_key(house.room, session, snapshot, new, project_id=project)
    house.drain()
    sign_in(house, ADA)
    assert THREE not in house.client.get("/", headers=HTML).text
    for number in range(1, 5):
        assert house.client.get(f"/feedback/{number}", headers=HTML).status_code == 404
    shown = [p.result for p in house.sandbox.store.predictions.values()]
    assert all(THREE not in str(result) for result in shown)
    assert house.sandbox.store.annotations == {}
    # production never answers: the key alone is compared with
    house.practise(ADA, "intent", task, choice(THREE))
    house.drain()
    assert scores(house) == {ADA: 1.0}
    assert THREE in house.client.get("/feedback/1", headers=HTML).text


def digest_in(session: Session) -> str:
    return session.scalars(sa.select(PracticeItem.snapshot)).first() or ""


def test_a_tie_of_production_leaves_the_key_as_it_is(tmp_path: Path) -> None:
    with policy("majority"), a_house(tmp_path) as house:
        task = compared(house)
        contest(house, comparison(house, ADA))
        rule(house, "upheld")
        worker_answers(house, "w2@example.com", task, THREE)
        house.reconcile()
        assert scores(house) == {ADA: 1.0, BEN: 0.0}
