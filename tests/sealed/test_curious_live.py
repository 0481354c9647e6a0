"""The curious trainee on real servers: asks everything, and learns nothing of a reference."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

import httpx
import pytest
import sqlalchemy as sa

from projects.kit.label_studio import ANSWER_ACTIONS, LabelStudioWriter
from projects.kit.read_gateway import READABLE
from projects.kit.web import SECRET_HEADER
from sandbox_sync.db.tables import Base
from sandbox_sync.workflows.lane_project import HOOK_ACTIONS
from tests.sandbox_sync.house import SANDBOX_SECRET
from tests.sealed import member as members
from tests.sealed import routes
from tests.sealed import world as worlds
from tests.sealed.member import Answers, Member
from tests.sealed.test_no_difference import MOMENT
from tests.sealed.world import GOLDEN, NEEDLE, World, eventually
from tests.support.live import PASSWORD

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

CURIOUS, OTHER = 0, 1
STATES = ("nobody has answered", "production said Calm", "production said Cross")
NOT_STATE = {"event", "trainee", "lane"}
"""Tables that anybody may add to by asking: events are hints, and are not believed."""


@dataclass
class Seen:
    """What the curious trainee got to see while they had everything open."""

    text: str
    """Of an ordinary item that the other trainee has answered."""
    by_state: dict[str, Answers] = field(default_factory=dict)
    seldom: Answers = field(default_factory=dict)
    """With the token, and also what is no part of annotating."""
    written: int = 0
    """Requests to the sandbox, and messages, until then."""
    told: int = 0


@pytest.fixture(scope="module")
def patterns(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Label Studio's routes."""
    return members.routes(tmp_path_factory.mktemp("routes"))


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory,
    live_production: LabelStudioWriter,
    live_sandbox: LabelStudioWriter,
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("sealed")
    with worlds.a_world(folder, live_production, live_sandbox) as made:
        yield made


@pytest.fixture(scope="module")
def browser(world: World) -> Iterator[Member]:
    """The curious trainee, signed in to the sandbox's Label Studio."""
    made = members.by_session(world.sandbox.url, world.emails[CURIOUS], PASSWORD)
    yield made
    made.http.close()


@pytest.fixture(scope="module")
def seen(world: World, browser: Member, patterns: list[str]) -> Seen:
    """Everything, in three states of the world that differ only in what the reference is."""
    (text, *_) = sorted(set(world.copies(CURIOUS)) & set(world.copies(OTHER)) - {GOLDEN})
    for one in (text, GOLDEN):
        world.practise(OTHER, one, worlds.answer("Calm", "as the other trainee thinks"))
    eventually(lambda: len(world.compared(OTHER)) == 1)  # with the gold key
    found = Seen(text)
    known = what_there_is(world, text)
    asked = members.addresses(patterns, known, seldom=False)
    lane = world.lane(CURIOUS) or 0
    columns = browser.ask("GET", f"/api/dm/columns/?project={lane}").json()["columns"]
    asked += members.oracles(columns, lane, "Cross")
    browser.sweep([path for path in asked if path.endswith("/next/")])  # takes its task, for good
    for state in STATES:
        if state != STATES[0]:
            tone = state.split()[-1]
            world.set_gold(tone)
            world.commit(tone)
            world.passes()
        found.by_state[state] = browser.sweep(asked) | our_pages(world)
    token = members.by_token(world.sandbox.url, world.tokens[CURIOUS])
    rest = [path for path in asked if path.startswith("/api/")]
    rest += members.addresses(patterns, known, seldom=True)
    found.seldom = token.sweep(rest)
    token.http.close()
    found.written, found.told = len(world.at_sandbox.exchanges), len(world.slack.posted)
    return found


def what_there_is(world: World, text: str) -> members.Known:
    copies = [world.copies(who)[one] for who in (CURIOUS, OTHER) for one in (text, GOLDEN)]
    lanes = [world.lane(who) or 0 for who in (CURIOUS, OTHER)]
    hooks = world.sandbox._sdk.webhooks.list()
    return {
        "projects": lanes,
        "tasks": [task.id for task in copies],
        "annotations": [a.id for task in copies for a in task.annotations],
        "predictions": [p.id or 0 for task in copies for p in task.predictions],
        "users": [n for n, e in world.sandbox.emails().items() if e in world.emails or n == 1],
        "webhooks": [int(hook.id or 0) for hook in hooks if hook.project in lanes],
        "views": [1],
    }


def our_pages(world: World) -> Answers:
    """Every address of ours, as a stranger and as the curious trainee."""
    found = {}
    with httpx.Client(base_url=world.url, timeout=60, trust_env=False) as http:
        for who in ("", world.emails[CURIOUS]):
            if who:
                form = {"email": who, "password": PASSWORD}
                assert http.post("/sign-in", data=form).is_redirect
            for path in routes.addresses(world.app, "GET", range(1, 5)):
                answer = http.get(path)
                found[f"{who} {path}"] = MOMENT.sub("then", f"{answer.status_code} {answer.text}")
    return found


def test_what_is_described_is_among_what_is_asked(browser: Member, patterns: list[str]) -> None:
    """The routes that Label Studio's code has are more than its OpenAPI description names."""
    described = browser.ask("GET", "/docs/api/schema/json/").json()["paths"]
    asked, named = (
        {re.sub(r"\{\w+\}", "{}", path) for path in some} for some in (patterns, described)
    )
    assert len(named) > 90
    assert named - asked == set()


def leaks(world: World, text: str) -> list[str]:
    """Which of the things that must be nowhere are in here."""
    return [word for word in (NEEDLE, *world.secrets) if word in text]


def test_no_answer_holds_a_reference_or_a_secret(world: World, seen: Seen) -> None:
    assert worlds.golden(world) >= 2
    with world.room.reading() as session:
        assert NEEDLE in str(session.execute(sa.text("SELECT answer FROM reference")).all())
    everything = [*seen.by_state.items(), ("seldom", seen.seldom)]
    found = [
        (state, path, leaks(world, body))
        for state, answers in everything
        for path, body in answers.items()
        if leaks(world, body.replace(path, ""))
    ]
    assert found == []
    read = [path for path, body in seen.by_state[STATES[2]].items() if body.startswith("200")]
    assert len(read) > 100
    print(f"{len(seen.by_state[STATES[2]])} addresses in each state, {len(read)} of them answered")


def test_no_answer_differs_by_what_the_reference_is(seen: Seen) -> None:
    first, *others = seen.by_state.values()
    for other in others:
        assert [path for path in first if first[path] != other.get(path)] == []
        assert first.keys() == other.keys()


def test_what_is_asked_by_posting_tells_nothing(world: World, browser: Member, seen: Seen) -> None:
    """Exports that are made and converted, and files of our own as a storage."""
    assert seen.written
    lane = world.lane(CURIOUS)
    csrf = {"X-CSRFToken": browser.http.cookies["csrftoken"], "Referer": world.sandbox.url}
    made = browser.ask("POST", f"/api/projects/{lane}/exports/", json={"title": "a"}, headers=csrf)
    assert made.status_code == 201, made.text
    path = f"/api/projects/{lane}/exports/{made.json()['id']}"
    answers = [
        made,
        browser.ask("POST", f"{path}/convert", json={"export_type": "CSV"}, headers=csrf),
        browser.ask("GET", f"{path}/download?exportType=JSON"),
    ]
    assert answers[-1].status_code == 200
    for folder in (world.settings.state_dir, world.settings.state_dir.parent, "/"):
        for form in ("localfiles", "export/localfiles"):
            body = {"project": lane, "path": str(folder), "title": "a", "use_blob_urls": True}
            for step in ("/validate", "/" if form == "localfiles" else ""):
                done = browser.ask("POST", f"/api/storages/{form}{step}", json=body, headers=csrf)
                assert done.status_code == 400, done.text
    assert [leaks(world, answer.text) for answer in answers] == [[], [], []]


def test_label_studio_fetches_nothing_for_a_trainee(world: World, seen: Seen) -> None:
    """Any member may have it import from an address, and it asks from the same machine."""
    writer = world.writer(CURIOUS)
    scratch = writer.create_project("Mine", label_config=worlds.CONFIG)
    places = [world.url + path for path in routes.addresses(world.app, "GET", (1,))]
    for base in (world.gateway_url, world.production.url):
        places += [f"{base}/api/tasks/?project={world.project}&fields=all", f"{base}/api/projects/"]
    places += [f"{base}/api/annotations/{next(iter(world.answers.values()))}/"
               for base in (world.gateway_url, world.production.url)]  # fmt: skip
    statuses = []
    for place in places:
        end = "&as=.txt" if "?" in place else "?as=.txt"
        asked = {"url": place + end}
        path = f"{writer.url}/api/projects/{scratch.id}/import"
        headers = {"Authorization": f"Token {world.tokens[CURIOUS]}"}
        answer = httpx.post(path, data=asked, headers=headers, timeout=120, trust_env=False)
        statuses.append(answer.status_code)
        assert leaks(world, answer.text) == []
    got = json.dumps([task.data for task in world.sandbox.tasks(scratch.id)])
    writer.request("DELETE", f"/api/projects/{scratch.id}/")
    writer.close()
    assert 201 in statuses  # it does fetch: what we show to everybody
    assert "status" in got
    assert leaks(world, got) == []
    assert "sandbox_sync_" not in got
    assert "unhandled_events" not in got
    assert seen.told


def test_the_secret_of_the_sandboxs_webhook_opens_nothing(
    world: World, browser: Member, seen: Seen
) -> None:
    """Every member can read it: with it nobody reads anything, or has anything believed."""
    hooks = browser.ask("GET", f"/api/webhooks/?project={world.lane(CURIOUS)}").json()
    assert SANDBOX_SECRET in json.dumps(hooks)
    ways = [{SECRET_HEADER: SANDBOX_SECRET}, {"Authorization": f"Bearer {SANDBOX_SECRET}"},
            {"Authorization": f"Token {SANDBOX_SECRET}"}]  # fmt: skip
    with httpx.Client(timeout=60, trust_env=False) as http:
        for base, path in product((world.url, world.gateway_url), ("/metrics", "/", "/trainer",
                                  "/feedback/1", "/api/tasks/", "/api/projects/")):  # fmt: skip
            plain = http.get(base + path)
            for headers in ways:
                answer = http.get(base + path, headers=headers)
                assert (answer.status_code, answer.text) == (plain.status_code, plain.text)
                assert answer.status_code in (401, 403, 404)
        before = state_of(world)
        known = world.copies(CURIOUS)[seen.text]
        for action, who in product((*HOOK_ACTIONS, "TASKS_CREATED"), world.emails):
            row = {"id": 10**6, "task": known.id, "completed_by": who, "updated_at": "2026-01-01",
                   "result": worlds.answer("Calm", "made up"), "was_cancelled": False}  # fmt: skip
            body = {"action": action, "annotation": row, "annotations": [row],
                    "task": {"id": known.id}, "tasks": [{"id": known.id}],
                    "project": {"id": known.project_id}}  # fmt: skip
            told = http.post(f"{world.url}/webhooks/sandbox", json=body, headers=ways[0])
            is_answer = action in ANSWER_ACTIONS
            assert told.status_code == (202 if is_answer else 200)
            assert set(told.json()) == {"accepted" if is_answer else "new"}
            refused = http.post(f"{world.url}/webhooks/production", json=body, headers=ways[0])
            assert refused.status_code == 401
    world.passes()
    assert state_of(world) == before


def state_of(world: World) -> dict[str, str]:
    """Every table that says what was answered, compared, asked or told."""
    with world.room.reading() as session:
        return {
            name: str(sorted(map(repr, session.execute(sa.select(*table.primary_key)).all())))
            for name, table in Base.metadata.tables.items()
            if name not in NOT_STATE
        }


def test_only_reading_reaches_production(world: World, seen: Seen) -> None:
    assert seen.written
    exchanges = list(world.at_production.exchanges)
    assert len(exchanges) > 20
    assert {exchange.method for exchange in exchanges} == {"GET"}
    odd = [e.path for e in exchanges if not READABLE.fullmatch(e.path.partition("?")[0])]
    assert odd == []


def test_nothing_of_a_reference_went_out_before(world: World, seen: Seen) -> None:
    """Neither into the sandbox nor to the curious trainee, by what was recorded on the way."""
    sent = world.at_sandbox.exchanges[: seen.written]
    assert any(exchange.method == "POST" for exchange in sent)
    assert [e.path for e in sent if NEEDLE.encode() in e.body] == []
    channels = [message["channel"] for message in world.slack.posted[: seen.told]]
    assert set(channels) == {"DU1"}
    assert NEEDLE in str(world.slack.posted)


def test_after_their_own_submission_they_are_told(
    world: World, browser: Member, seen: Seen
) -> None:
    """The measure can fail: the same questions find the needle when it may be found."""
    known = world.copies(CURIOUS)
    for one in (seen.text, GOLDEN):
        world.practise(CURIOUS, one, worlds.answer("Calm", "as the curious trainee thinks"))
    eventually(lambda: len(world.compared(CURIOUS)) == 2)
    eventually(lambda: any(m["channel"] == "DU0" for m in world.slack.posted))
    pages = our_pages(world)
    mine = {path for path, body in pages.items() if NEEDLE in body}
    assert {path.split()[0] for path in mine} == {world.emails[CURIOUS]}
    eventually(lambda: len(world.copies(CURIOUS)[seen.text].predictions) == 2)
    asked = [f"/api/tasks/{known[one].id}/" for one in (seen.text, GOLDEN)]
    seen_now = browser.sweep(asked)
    assert [NEEDLE in body for body in seen_now.values()] == [True, False]  # gold: never there
    pushed = [e.at for e in world.at_sandbox.exchanges if NEEDLE.encode() in e.body]
    answered = [a.created_at.timestamp() for a in world.copies(CURIOUS)[seen.text].annotations]
    assert min(pushed) > max(answered)
