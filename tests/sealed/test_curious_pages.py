"""The curious trainee on every address of ours, as themselves and as whoever they can pretend."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import itsdangerous
import pytest
import sqlalchemy as sa

from projects.kit import database
from sandbox_sync.app import SESSION_SECONDS
from sandbox_sync.db.tables import Comparison, SnapshotRow
from tests.sandbox_sync.house import ADA, ADMIN, BEN, METRICS_KEY, SANDBOX_SECRET
from tests.sealed import routes
from tests.sealed.house import Sealed, sealed_house
from tests.sealed.world import GOLDEN, NEEDLE, TEXTS

COOKIE = "understudy_session"
KEY = "s" * 32
FOR_ALL = ("/health", "/sign-in", "/sign-out", "/openapi.json", "/static/", "/webhooks/", "/media/")
"""What nobody has to sign in for; the webhooks have their own secret."""
FORM = {
    "revision": "1", "reason": "It is right as I said it.", "ruling": "upheld",
    "chosen": "reference", "note": "", "why": "because", "answer": "reference",
    "good": "on", "queue": "on",
    "email": ADMIN, "password": "wrong", "next": "/trainer", "time_zone": "UTC",
}  # fmt: skip
"""Fields of every form there is."""
BODIES: tuple[dict[str, Any], ...] = ({}, {"data": FORM}, {"json": {"action": "PROJECT_UPDATED"}})


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sealed]:
    """Production has answered all, BEN one and a gold item; ADA has everything open."""
    with sealed_house(tmp_path_factory.mktemp("pages")) as made:
        text = common(made)
        made.practise(BEN, GOLDEN)
        made.practise(BEN, text)
        made.commit()
        yield made


def common(sealed: Sealed) -> str:
    """An ordinary item that both have."""
    return min(set(sealed.copies(ADA)) & set(sealed.copies(BEN)) & set(TEXTS))


def sign(person: dict[str, Any], *, key: str = KEY, age: int = 0) -> str:
    """A session cookie as the app makes them, or as somebody else would."""

    class Signer(itsdangerous.TimestampSigner):
        def get_timestamp(self) -> int:
            return super().get_timestamp() - age

    return Signer(key).sign(b64encode(json.dumps(person).encode())).decode()


def pretended(sealed: Sealed) -> dict[str, str]:
    """Cookies that must be worth nothing."""
    trainer = {"id": sealed.house.sandbox.user_id(ADMIN), "email": ADMIN}
    sealed.sign_in(ADA)
    own = sealed.house.client.cookies[COOKIE].strip('"')
    content, stamp, signature = own.rsplit(".", 2)
    payload = b64encode(json.dumps(trainer).encode()).decode()
    return {
        "none": "",
        "not signed": payload,
        "signed with another key": sign(trainer, key="t" * 32),
        "signed with what members can read": sign(trainer, key=SANDBOX_SECRET),
        "own signature, other content": f"{payload}.{stamp}.{signature}",
        # Not the last one: in it base64 has bits that mean nothing.
        "one letter changed": f"{content}.{stamp}.{'AB'[signature[0] == 'A']}{signature[1:]}",
        "too old": sign(trainer, age=SESSION_SECONDS + 60),
        "of nobody": sign({}),
        "odd": sign({"id": str(trainer["id"]), "email": [ADMIN]}),
    }


def names(sealed: Sealed) -> list[object]:
    """What can stand in an address: numbers, people, snapshots."""
    with sealed.house.room.reading() as session:
        digests = list(session.scalars(sa.select(SnapshotRow.digest)))
    other = sealed.house.sandbox.user_id(BEN)
    return [*range(1, 4), other, 0, 2**70, *digests[:1], "x%00"]


def dump(sealed: Sealed) -> str:
    """A digest of every row of every table."""
    engine = database.make_engine(sealed.house.settings.database, immediate=False)
    try:
        with engine.connect() as connection:
            tables = sorted(sa.inspect(connection).get_table_names())
            rows = [
                sorted(map(repr, connection.execute(sa.text(f'SELECT * FROM "{t}"'))))
                for t in tables
            ]
    finally:
        engine.dispose()
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def ask_everything(
    sealed: Sealed, cookie: str | None, *, few: bool = False
) -> dict[tuple[str, str], list[Any]]:
    """Every method on every address, with every body; ``None`` keeps who is signed in."""
    client = sealed.house.client
    found: dict[tuple[str, str], list[Any]] = {}
    everywhere = {path for method in routes.METHODS for path in routes.addresses(
        client.app, method, names(sealed))}  # fmt: skip
    if few:  # every route once
        everywhere = set(routes.addresses(client.app, "GET", (1,)))
    for path in sorted(everywhere):
        if cookie is None and path == "/sign-out":
            continue
        for method in routes.METHODS:
            for body in BODIES if method == "POST" else BODIES[:1]:
                if cookie is not None:
                    client.cookies.clear()
                headers = {"cookie": f"{COOKIE}={cookie}"} if cookie else {}
                answer = client.request(
                    method, path, headers=headers, follow_redirects=False, **body
                )
                found.setdefault((method, path), []).append(answer)
    return found


def texts(answers: dict[tuple[str, str], list[Any]]) -> str:
    return "\n".join(f"{a.text} {dict(a.headers)}" for found in answers.values() for a in found)


def test_whoever_has_not_signed_in_gets_nothing(sealed: Sealed) -> None:
    before = dump(sealed)
    for who, cookie in pretended(sealed).items():
        few = who not in ("none", "signed with another key")
        answers = ask_everything(sealed, cookie, few=few)
        assert len(answers) > (100 if few else 800)
        for (method, path), found in answers.items():
            for answer in found:
                allowed: tuple[int, ...] = (401, 403, 404, 405, 422)
                if path.startswith(FOR_ALL):
                    allowed += (200, 303, 400)
                assert answer.status_code in allowed, (who, method, path, answer.status_code)
        said = texts(answers)
        assert NEEDLE not in said, who
        assert BEN not in said, who
        assert KEY not in said
    assert dump(sealed) == before


def test_a_trainee_gets_their_own_and_changes_nothing_else(sealed: Sealed) -> None:
    sealed.sign_in(ADA)
    before = dump(sealed)
    answers = ask_everything(sealed, None)
    for (method, path), found in answers.items():
        for answer in found:
            assert answer.status_code < 500, (method, path)
            if path.startswith(("/trainer", "/metrics")):
                assert answer.status_code in (403, 404, 405, 422), (method, path)
            if path.startswith("/feedback"):
                assert answer.status_code in (404, 405, 422), (method, path)
    said = texts(answers)
    assert NEEDLE not in said
    assert BEN not in said
    assert not any(secret in said for secret in (KEY, METRICS_KEY, SANDBOX_SECRET))
    assert dump(sealed) == before


def test_the_secret_that_members_can_read_is_believed_in_nothing(sealed: Sealed) -> None:
    """What it can do is have us look at Label Studio again."""
    with sealed.house.room.reading() as session:
        before = [repr(row) for row in session.execute(sa.select(Comparison.__table__))]
    task = sealed.copies(ADA)[common(sealed)]
    row = {"id": 9, "task": task, "completed_by": sealed.house.sandbox.user_id(ADA)}
    project = sealed.house.sandbox.store.tasks[task].project
    headers = {"X-Understudy-Secret": SANDBOX_SECRET}
    client = sealed.house.client
    for path, body in (
        (f"/{project}", {"action": "ANNOTATION_CREATED", "annotation": row, "task": {"id": task}}),
        ("", {"action": "TASKS_DELETED", "tasks": [{"id": task}]}),
    ):
        sent = client.post(f"/webhooks/sandbox{path}", json=body, headers=headers)
        assert sent.json() == ({"accepted": True} if path else {"new": True})
        refused = client.post(f"/webhooks/production{path}", json=body, headers=headers)
        assert refused.status_code == 401
    sealed.house.reconcile()
    with sealed.house.room.reading() as session:
        assert [repr(row) for row in session.execute(sa.select(Comparison.__table__))] == before
    assert sealed.house.summary()["submissions"] == 2


def test_after_their_own_submission_they_see_that_one(sealed: Sealed) -> None:
    text = common(sealed)
    sealed.practise(ADA, text)
    sealed.sign_in(ADA)
    answers = ask_everything(sealed, None)
    with sealed.house.room.reading() as session:
        assert len(session.scalars(sa.select(Comparison)).all()) == 3
    shown = {
        path
        for (method, path), found in answers.items()
        if method == "GET" and any(NEEDLE in answer.text for answer in found)
    }
    assert len([path for path in shown if path.startswith("/feedback/")]) == 1
    assert shown - {path for path in shown if path.startswith("/feedback/")} == {"/"}
    said = texts(answers)
    assert f"{NEEDLE} {text} Cross" in said
    for other in (*set(TEXTS) - {text}, "gold"):
        assert f"{NEEDLE} {other}" not in said
    assert BEN not in said
