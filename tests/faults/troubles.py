"""What can go wrong, by name: each begins, goes on while people work, and ends."""

from __future__ import annotations

import random
import resource
import sqlite3
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.faults.world import World
from tests.support.door import Door, Rule

MANY = 10**6
EFFECT_SECONDS = 60.0
"""The longest that a Label Studio may take to answer before a kill that comes after it."""
Trouble = Callable[[World, random.Random], AbstractContextManager[None]]


@dataclass(frozen=True)
class Step:
    """A request that marks where a process is in its work."""

    name: str
    door: str
    method: str
    path: str


STEPS = (
    Step("reads a production project", "at_production", "GET", r"/api/projects/\d+"),
    Step("lists production tasks", "at_production", "GET", r"/api/tasks/\?"),
    Step("reads a production task", "at_production", "GET", r"/api/tasks/\d+"),
    Step("lists members", "at_sandbox", "GET", r"/api/users"),
    Step("makes a practice project", "at_sandbox", "POST", r"/api/projects/?$"),
    Step("brings the config", "at_sandbox", "PATCH", r"/api/projects/\d+"),
    Step("sets the webhook", "at_sandbox", "POST", r"/api/webhooks"),
    Step("makes copies", "at_sandbox", "POST", r"/import(\?|/?$)"),
    Step("shows a reference", "at_sandbox", "POST", r"/import/predictions"),
    Step("lists sandbox tasks", "at_sandbox", "GET", r"/api/tasks/\?"),
    Step("reads a sandbox task", "at_sandbox", "GET", r"/api/tasks/\d+"),
    Step("takes a webhook", "at_hooks", "POST", r"/webhooks/"),
    Step("looks a person up in Slack", "at_slack", "", r"users\.lookupByEmail"),
    Step("opens a conversation", "at_slack", "POST", r"conversations\.open"),
    Step("posts a message", "at_slack", "POST", r"chat\.postMessage"),
)
WHENS = ("before", "in flight", "after")


def kill_at_step(chance: random.Random) -> Trouble:
    """A kill at a step drawn by chance."""
    step, when, skip = chance.choice(STEPS), chance.choice(WHENS), chance.randint(0, 2)

    def trouble(world: World, _: random.Random) -> AbstractContextManager[None]:
        return killed_at(world, step, when, skip=skip)

    trouble.__name__ = f"killed: {step.name}, {when}"
    return trouble


@contextmanager
def killed_at(world: World, step: Step, when: str, *, skip: int = 0) -> Iterator[None]:
    """Every process of sandbox_sync dies when the next such request comes, or has had its effect.

    In flight: the process is dead, and the request has its effect half a second later.
    """
    killed = threading.Event()

    def kill() -> None:
        for program in world.syncs:
            program.kill()
        killed.set()

    rule = Rule(step.method, step.path, skip=skip, cut=True)
    if when == "after":
        rule.after = kill
    elif when == "before":
        rule.before, rule.effect = kill, "none"
    else:

        def die_and_wait() -> None:
            kill()
            time.sleep(0.5)

        rule.before = die_and_wait
    door: Door = getattr(world, step.door)
    door.rule(rule)
    yield
    _wait(lambda: rule.used > 0, 2.0)
    door.drop(rule)
    if rule.used:  # a kill that came after the repair would leave nothing to start again
        killed.wait(EFFECT_SECONDS)


@contextmanager
def kills_at_random(world: World, chance: random.Random) -> Iterator[None]:
    """One to three kills at any moment, also of a process that has just begun."""
    stop = threading.Event()
    waits = [chance.uniform(0.0, 0.9) for _ in range(chance.randint(1, 3))]
    victims = [chance.choice(world.programs) for _ in waits]

    def work() -> None:
        for wait, victim in zip(waits, victims, strict=True):
            stop.wait(wait)
            victim.kill()
            victim.start()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@contextmanager
def webhooks_lost(world: World, chance: random.Random) -> Iterator[None]:
    for _ in range(30):
        world.at_hooks.rule(Rule(skip=chance.randint(0, 2), effect="none"))
    yield


@contextmanager
def webhooks_repeated(world: World, chance: random.Random) -> Iterator[None]:
    for _ in range(30):
        world.at_hooks.rule(Rule(skip=chance.randint(0, 1), effect="twice"))
    yield


@contextmanager
def webhooks_late_and_in_another_order(world: World, chance: random.Random) -> Iterator[None]:
    for _ in range(40):
        world.at_hooks.rule(Rule(effect="later", delay=chance.uniform(0.0, 1.5)))
    yield
    world.at_hooks.settle()


@contextmanager
def label_studio_down(world: World, chance: random.Random) -> Iterator[None]:
    with _all(_studio(world, chance), Rule(effect="none", cut=True), chance):
        yield


@contextmanager
def label_studio_slow(world: World, chance: random.Random) -> Iterator[None]:
    with _all(_studio(world, chance), Rule(delay=chance.uniform(0.3, 1.0)), chance):
        yield


@contextmanager
def label_studio_slower_than_the_timeout(world: World, chance: random.Random) -> Iterator[None]:
    """Two requests are answered after the client has given up; they have their effect."""
    door = _studio(world, chance)
    for _ in range(2):
        door.rule(Rule(skip=chance.randint(0, 2), delay=31.0))
    yield


@contextmanager
def label_studio_says_500(world: World, chance: random.Random) -> Iterator[None]:
    with _all(_studio(world, chance), Rule(effect="none", status=500), chance):
        yield


@contextmanager
def label_studio_says_429(world: World, chance: random.Random) -> Iterator[None]:
    rule = Rule(effect="none", status=429, headers={"Retry-After": "1"})
    with _all(_studio(world, chance), rule, chance):
        yield


@contextmanager
def answers_lost_after_the_effect(world: World, chance: random.Random) -> Iterator[None]:
    door = _studio(world, chance)
    for _ in range(8):
        door.rule(Rule(skip=chance.randint(0, 3), cut=True))
    yield


@contextmanager
def slack_down(world: World, chance: random.Random) -> Iterator[None]:
    with _all(world.at_slack, Rule(effect="none", status=503), chance):
        yield


@contextmanager
def slack_says_429(world: World, chance: random.Random) -> Iterator[None]:
    for _ in range(5):
        rule = Rule(skip=chance.randint(0, 1), effect="none", status=429)
        rule.headers = {"Retry-After": "1"}
        world.at_slack.rule(rule)
    yield


@contextmanager
def slack_answers_lost(world: World, chance: random.Random) -> Iterator[None]:
    """The message is there and nobody says so: the one case that may tell twice by itself."""

    def note() -> None:
        world.lost_answers.append(time.time())

    for _ in range(2):
        rule = Rule(path=r"chat\.postMessage", skip=chance.randint(0, 2), cut=True, after=note)
        world.at_slack.rule(rule)
    yield


@contextmanager
def database_locked(world: World, chance: random.Random) -> Iterator[None]:
    """Another process writes for some seconds and lets nobody else."""
    if world.database_url.startswith("sqlite"):
        path = world.database_url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            time.sleep(chance.uniform(1.0, 3.0))
            other.execute("ROLLBACK")
        return
    with psycopg.connect(world.database_url) as there:
        there.execute("LOCK TABLE event, practice_item, feedback IN ACCESS EXCLUSIVE MODE")
        yield
        time.sleep(chance.uniform(1.0, 3.0))
        there.rollback()


@contextmanager
def connections_ended_by_the_database(world: World, chance: random.Random) -> Iterator[None]:
    """What a restart of PostgreSQL does to everybody who is connected, three times."""

    def end() -> None:
        with psycopg.connect(world.database_url, autocommit=True) as there:
            there.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    stop = threading.Event()

    def work() -> None:
        for _ in range(3):
            stop.wait(chance.uniform(0.1, 0.6))
            end()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join()


@contextmanager
def files_cannot_grow(world: World, chance: random.Random) -> Iterator[None]:
    """No file of sandbox_sync may grow any more: writes fail as on a full disk."""
    del chance
    pids = [(p, p.pid) for p in world.syncs if p.pid is not None]
    largest = max((f.stat().st_size for f in Path(world.folder).glob("*.sqlite-wal")), default=0)
    for _, pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (min(largest, 4096), resource.RLIM_INFINITY))
    yield
    time.sleep(1.0)
    for _, pid in pids:
        _lift(pid)


@contextmanager
def clock_jumps(world: World, chance: random.Random) -> Iterator[None]:
    """An hour forward or back, and back again."""
    set_clock(world, chance.choice([-3600.0, -90.0, 90.0, 3600.0]))
    yield
    set_clock(world, 0.0)


def set_clock(world: World, seconds: float) -> None:
    """Shift the clock of our programs."""
    file = world.syncs[0].environment["TEST_CLOCK_FILE"]
    with open(file, "r+b") as clock:
        clock.write(struct.pack("d", seconds))


@contextmanager
def nothing(world: World, chance: random.Random) -> Iterator[None]:
    """Normal running."""
    del world, chance
    yield


ANYWHERE: tuple[Trouble, ...] = (
    webhooks_lost,
    webhooks_repeated,
    webhooks_late_and_in_another_order,
    label_studio_down,
    label_studio_slow,
    label_studio_says_500,
    label_studio_says_429,
    answers_lost_after_the_effect,
    slack_down,
    slack_says_429,
    slack_answers_lost,
    database_locked,
    clock_jumps,
    nothing,
)
SQLITE: tuple[Trouble, ...] = (files_cannot_grow,)
POSTGRES: tuple[Trouble, ...] = (connections_ended_by_the_database,)
PATIENT: tuple[Trouble, ...] = (label_studio_slower_than_the_timeout,)


def _studio(world: World, chance: random.Random) -> Door:
    return chance.choice([world.at_production, world.at_sandbox])


@contextmanager
def _all(door: Door, rule: Rule, chance: random.Random) -> Iterator[None]:
    """Every request through this door, for as long as people work and a little longer."""
    rule.times = MANY
    door.rule(rule)
    yield
    time.sleep(chance.uniform(0.5, 2.0))
    rule.times = 0


def _lift(pid: int) -> None:
    try:
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
    except ProcessLookupError:
        return


def _wait(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
