"""Gold comes in the set share, and nothing that a trainee can see tells it from the rest."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sqlalchemy.orm import Session

from projects.kit import database
from projects.vocabulary import Json, Prediction
from sandbox_sync.cloning import Snapshot
from sandbox_sync.db import snapshots
from sandbox_sync.db.tables import GoldItem, PracticeItem
from tests.sandbox_sync.house import ADA, BEN, INTENT, House, choice, running_house
from tests.sandbox_sync.test_states import copies

ORDINARY, GOLD = 240, 60


def data_of(number: int, *, is_gold: bool = False) -> Json:
    name = f"gold-{number}" if is_gold else f"m-{number:06d}"
    return {
        "text": f"Message {number * 7919 % 1000}",
        "heading": "",
        "context": "",
        "subject": "Lunch",
        "message_id": name,
    }


def add_gold(
    session: Session, house: House, number: int, *, confidence: float | None, suggested: bool = True
) -> None:
    """As the import of a gold file does: a snapshot of its own, of no task of production."""
    data = data_of(10_000 + number, is_gold=True)
    regions = list(INTENT.write(choice(INTENT.labels[0]), data))
    suggestion = {"model_version": "file", "confidence": confidence, "regions": regions}
    snapshot = Snapshot(
        -number,
        "intent",
        data,
        INTENT.label_config,
        "How to answer.",
        suggestion if suggested else None,
    )
    moment = database.now()
    snapshots.store(session, snapshot, now=moment)
    session.add(
        GoldItem(
            production_project_id=house.projects["intent"],
            kind="intent",
            snapshot=snapshot.digest,
            origin="file",
            source_key=f"gold-{number}",
            made_at=moment,
            changed_at=moment,
        )
    )


def publish(house: House, count: int, *, first: int = 0) -> None:
    """Tasks of production with ids of its own form, and suggestions of every confidence."""
    rng = random.Random(first)
    writer, project = house.production.writer(), house.projects["intent"]
    rows = [data_of(first + number) for number in range(count)]
    ids = writer.import_tasks(project, [{"data": data} for data in rows])
    regions = tuple(INTENT.write(choice(INTENT.labels[0]), rows[0]))
    writer.push_predictions(project, [Prediction(n, "v1", rng.random(), regions) for n in ids])
    writer.update_project(project, model_version="v1")


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Queues that were filled in chunks of 50, some of them answered in between."""
    folder = tmp_path_factory.mktemp("gold")
    with running_house(folder, queue_depth=50, ahead=1000, gold_share=0.25) as house:
        house.sandbox.deliver = None
        house.reconcile(passes=1)
        rng = random.Random(1)
        with house.room.transaction() as session:
            for number in range(GOLD):
                add_gold(session, house, number + 1, confidence=rng.random())
        publish(house, ORDINARY)
        token = next(u.token for u in house.sandbox.store.users.values() if u.email == ADA)
        ada = house.sandbox.writer(token)
        done: set[int] = set()
        for _ in range(5):
            house.reconcile()
            for task in set(copies(house, ADA)) - done:
                ada.create_annotation(task, INTENT.write(choice(INTENT.labels[0]), {"text": ""}))
                done.add(task)
        house.reconcile()
        yield house


def golden(house: House) -> dict[int, bool]:
    """Whether it is gold, by ADA's sandbox tasks."""
    with house.room.reading() as session:
        rows = session.execute(sa.select(PracticeItem.sandbox_task_id, PracticeItem.gold_id))
        known = {task: gold is not None for task, gold in rows if task is not None}
    return {task: known[task] for task in sorted(copies(house, ADA))}


def test_gold_has_the_share_that_was_set(full: House) -> None:
    found = list(golden(full).values())
    assert len(found) >= 200
    # four standard deviations of a draw of 240 at .25: 4 * sqrt(.25 * .75 / 240) = .112
    assert np.mean(found) == pytest.approx(0.25, abs=0.112)


def features(house: House) -> tuple[Any, Any]:
    """Everything that can be seen of a task without reading its text."""
    kinds = golden(house)
    store = house.sandbox.store
    first = store.tasks[min(kinds)].created_at
    order = [int(store.tasks[n].data["message_id"].removeprefix("m-")) for n in kinds]
    median = [np.median(order[max(0, at - 12) : at + 13]) for at in range(len(order))]
    before, rows = first, []
    for place, number in enumerate(kinds):
        task = store.tasks[number]
        (shown,) = store.predictions_of(number)
        digits = task.data["message_id"].removeprefix("m-")
        rows.append(
            [
                place,
                place % 10,
                place % 50,
                number % 2,
                number - min(kinds),
                (task.created_at - before).total_seconds(),
                (task.created_at - first).total_seconds(),
                (shown.created_at - task.created_at).total_seconds(),
                shown.id - number,
                shown.score,
                len(shown.result),
                len(shown.model_version),
                len(task.meta),
                len(task.meta["practice"]),
                int(task.meta["practice"][:4], 16),
                len(task.data),
                len(task.data["message_id"]),
                int(digits),
                abs(int(digits) - median[place]),
                task.inner_id,
                task.overlap,
            ]
        )
        before = task.created_at
    return np.array(rows, dtype=float), np.array(list(kinds.values()))


def test_no_classifier_tells_gold_from_the_rest(full: House) -> None:
    seen, is_gold = features(full)
    spread = seen.std(axis=0)
    seen = (seen - seen.mean(axis=0)) / np.where(spread > 0, spread, 1)
    model = LogisticRegression(C=0.1, max_iter=2000)

    def auc(labels: Any) -> float:
        return float(cross_val_score(model, seen, labels, cv=5, scoring="roc_auc").mean())

    rng = np.random.default_rng(5)
    chance = [auc(rng.permutation(is_gold)) for _ in range(60)]
    # as good as on labels that were shuffled, in which there is nothing to find
    assert auc(is_gold) < np.mean(chance) + 3 * np.std(chance)


def test_the_classifier_would_find_a_mark(full: House) -> None:
    """The same as above is not blind: ids as they stand in the file give gold away."""
    seen, is_gold = features(full)
    marked = np.column_stack(
        [seen[:, 0], is_gold + np.random.default_rng(1).normal(0, 1, len(seen))]
    )
    model = LogisticRegression(max_iter=2000)
    assert cross_val_score(model, marked, is_gold, cv=5, scoring="roc_auc").mean() > 0.65


def test_all_that_is_visible_has_one_form(full: House) -> None:
    store = full.sandbox.store
    tasks = [store.tasks[number] for number in golden(full)]
    assert {frozenset(task.meta) for task in tasks} == {frozenset({"practice"})}
    assert {frozenset(task.data) for task in tasks} == {frozenset(data_of(0))}
    names = [task.data["message_id"] for task in tasks]
    assert all(name.startswith("m-000") for name in names)
    assert len(set(names)) == len(names)
    versions = {p.model_version for n in golden(full) for p in store.predictions_of(n)}
    assert versions == {"suggestion"}


def test_two_trainees_meet_gold_at_other_places(full: House) -> None:
    with full.room.reading() as session:
        rows = session.execute(
            sa.select(PracticeItem.trainee_id, PracticeItem.gold_id).order_by(PracticeItem.id)
        ).all()
    ada, ben = full.sandbox.user_id(ADA), full.sandbox.user_id(BEN)
    places = {
        who: [gold is not None for trainee, gold in rows if trainee == who][:50]
        for who in (ada, ben)
    }
    assert places[ada] != places[ben]


def test_gold_never_comes_alone_nor_beyond_the_ordinary_ones(tmp_path: Path) -> None:
    with running_house(tmp_path, ahead=100, gold_share=1.0) as house:
        house.reconcile()
        with house.room.transaction() as session:
            for number in range(5):
                add_gold(session, house, number + 1, confidence=0.5)
        house.reconcile()
        assert copies(house, ADA) == []
        publish(house, 3)
        house.reconcile(passes=4)
        assert len(copies(house, ADA)) == 3
        summary = house.summary()
        assert summary["clones"] == summary["expected_clones"]
        publish(house, 4, first=3)
        house.reconcile(passes=4)
        # the gold has run out after five; ordinary ones take its places
        found = golden(house)
        assert (len(found), sum(found.values())) == (7, 5)


@pytest.mark.parametrize(("confidence", "suggested"), [(None, True), (None, False)])
def test_gold_that_looks_different_is_not_mixed_in(
    tmp_path: Path, *, confidence: float | None, suggested: bool
) -> None:
    with running_house(tmp_path, ahead=100, gold_share=1.0) as house:
        house.reconcile()
        with house.room.transaction() as session:
            add_gold(session, house, 1, confidence=confidence, suggested=suggested)
        publish(house, 3)
        house.reconcile()
        assert len(golden(house)) == 3
        assert not any(golden(house).values())
