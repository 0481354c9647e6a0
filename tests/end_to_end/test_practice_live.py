"""Two trainees and several production workers on real servers: majority, reveal and expiry."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from projects.kit.label_studio import LabelStudioWriter
from projects.policy import Policy
from sandbox_sync.db.tables import PracticeItem
from tests.sealed import world as worlds
from tests.sealed.world import World, answer, eventually
from tests.support.live import sign_up

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

ADA, BEN = 0, 1


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory,
    live_production: LabelStudioWriter,
    live_sandbox: LabelStudioWriter,
) -> Iterator[World]:
    """What more production workers say than anything else is the reference; no gold."""
    folder = tmp_path_factory.mktemp("practice")
    policy = Policy(reference="majority", weights={"why": 0.0})
    with worlds.a_world(folder, live_production, live_sandbox, policy, gold_share=0) as made:
        yield made


def workers(world: World, count: int, name: str) -> list[LabelStudioWriter]:
    """So many more people in production."""
    found = []
    for number in range(count):
        email = f"{name}-{number}-{world.project}@example.com"
        token = sign_up(world.production, email)
        found.append(LabelStudioWriter(world.production.url, token))
    return found


def reference(world: World, who: int, text: str) -> list[str]:
    """What the tab ``reference`` beside this trainee's answer says; empty without one."""
    copy = world.copies(who)[text]
    shown = [p for p in copy.predictions if p.model_version == "reference"]
    return [p.regions[0]["value"]["choices"][0] for p in shown]


def both_show(world: World, text: str, label: str) -> bool:
    return all(reference(world, who, text) == [label] for who in (ADA, BEN))


def test_a_tie_of_two_workers_has_no_reference_until_it_is_broken(world: World) -> None:
    first, second = workers(world, 2, "tie")
    task = world.tasks["Alpha"]
    mine = first.create_annotation(task, answer("Calm", "one"))
    second.create_annotation(task, answer("Cross", "two"))
    world.practise(ADA, "Alpha", answer("Calm", "as Ada thinks"))
    world.passes()
    assert world.compared(ADA) == []
    changed = {"result": answer("Cross", "one, again")}
    first.request("PATCH", f"/api/annotations/{mine.id}/", json_body=changed)
    eventually(lambda: len(world.compared(ADA)) == 1)
    eventually(lambda: any("Cross" in message["text"] for message in world.slack.posted))
    for worker in (first, second):
        worker.close()


def test_the_reference_stands_beside_the_answer_once_nobody_has_it_open(world: World) -> None:
    told = world.worker.create_annotation(world.tasks["Bravo"], answer("Cross", "so it is"))
    world.practise(ADA, "Bravo", answer("Calm", "as Ada thinks"))
    eventually(lambda: len(world.compared(ADA)) >= 1)
    world.passes()
    assert [reference(world, who, "Bravo") for who in (ADA, BEN)] == [[], []]
    world.practise(BEN, "Bravo", answer("Cross", "as Ben thinks"))
    eventually(
        lambda: reference(world, ADA, "Bravo") == reference(world, BEN, "Bravo") == ["Cross"]
    )
    # production corrects itself, and so does the tab
    changed = {"result": answer("Calm", "no, so")}
    world.worker.request("PATCH", f"/api/annotations/{told.id}/", json_body=changed)
    eventually(lambda: both_show(world, "Bravo", "Calm"))
    lanes = [world.sandbox.project(world.lane(who) or 0) for who in (ADA, BEN)]
    assert [lane.model_version for lane in lanes] == ["suggestion", "suggestion"]


def test_a_stale_item_goes_and_one_with_a_draft_stays(world: World) -> None:
    copies = world.copies(BEN)
    stale, drafted = copies["Charlie"].id, copies["Delta"].id
    ben = world.writer(BEN)
    draft = {"result": answer("Calm", "not yet"), "lead_time": 3}
    ben.request("POST", f"/api/tasks/{drafted}/drafts", json_body=draft)
    with world.room.transaction() as session:
        for item in session.scalars(
            sa.select(PracticeItem).where(PracticeItem.sandbox_task_id.in_([stale, drafted]))
        ):
            item.reserved_at -= timedelta(days=world.settings.expire_days + 1)
    eventually(lambda: "Charlie" not in world.copies(BEN))
    world.passes()
    assert "Charlie" not in world.copies(BEN)
    assert {"Delta", "Echo"} <= set(world.copies(BEN))
    assert "Charlie" in world.copies(ADA)
    world.practise(BEN, "Delta", answer("Calm", "now"))
    ben.close()
