"""``understudy gold load`` on a running practice half: what it does, and what it refuses."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from projects.kinds import registry
from projects.vocabulary import Json
from sandbox_sync.db import gold
from sandbox_sync.workflows.room import Room
from scripts import cli, gold_loading
from scripts.programs import House as Programs
from scripts.state import State, write_json
from tests.sandbox_sync.house import House, choice, running_house

INTENT = registry.load("intent")
ONE, TWO = INTENT.labels[:2]
Run = Callable[..., int]


class Backend:
    """The ML backend, as far as the command asks it."""

    def __init__(self) -> None:
        self.version = ""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if request.url.path == "/setup":
            return httpx.Response(200, json={"model_version": self.version})
        item: Json = {"result": INTENT.write(choice(TWO), {"text": ""}), "score": 0.4}
        given: list[object] = [item | {"model_version": self.version}] if self.version else [[]]
        return httpx.Response(200, json={"results": given * len(body["tasks"])})


@pytest.fixture
def backend() -> Backend:
    return Backend()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running_house(tmp_path_factory.mktemp("sync")) as built:
        built.reconcile()
        yield built


@pytest.fixture
def state(tmp_path: Path) -> State:
    """The folder of an Understudy that runs: its supervisor is this test."""
    state = State(tmp_path / "state")
    state.prepare()
    born = psutil.Process().create_time()
    write_json(state.status_file, {"phase": "ready", "pid": os.getpid(), "created": born})
    return state


@pytest.fixture
def run(
    house: House,
    state: State,
    backend: Backend,
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """The command as a person calls it; gives back its exit status."""

    @contextmanager
    def opened(_: Programs) -> Iterator[Room]:
        yield house.room

    def client(_: Programs) -> httpx.Client:
        return httpx.Client(base_url="http://backend.test", transport=httpx.MockTransport(backend))

    monkeypatch.setattr(gold_loading, "opened", opened)
    monkeypatch.setattr(gold_loading, "_backend", client)
    monkeypatch.setattr("projects.kit.logs.configure", lambda **_: None)

    def run(file: Path, *options: str) -> int:
        command = ["understudy", "gold", "load", str(file), *options, "--state", str(state.folder)]
        monkeypatch.setattr("sys.argv", command)
        try:
            cli.main()
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    return run


def row(name: str, label: str = ONE, **more: object) -> Json:
    mark: Json = {"control": "intent", "label": label}
    asked: Json = {"id": name, "message": {"id": name, "text": f"Text of {name}"}}
    return asked | {"answers": [[mark]]} | more


def written(folder: Path, *lines: Json | str) -> Path:
    file = folder / "gold.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    file.write_text("\n".join(texts))
    return file


def keys(house: House) -> list[gold.Key]:
    with house.room.transaction() as session:
        return gold.keys(session)


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    """Of what the command printed; before it stand logs, which a person does not see."""
    return capsys.readouterr().out.splitlines()[-1]


def test_a_file_is_loaded_and_loading_it_again_changes_nothing(
    house: House, run: Run, backend: Backend, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.version = "intent-0001"
    file = written(tmp_path, row("a"), row("b", TWO))
    assert run(file, "--kind", "intent") == 0
    assert last_line(capsys) == "2 created, 0 changed, 0 as they were"
    made = keys(house)[-2:]
    assert {key.answers for key in made} == {(choice(ONE),), (choice(TWO),)}
    assert all(key.in_queue for key in made)
    assert run(file, "--kind", "intent", "--project", str(house.projects["intent"])) == 0
    assert last_line(capsys) == "0 created, 0 changed, 2 as they were"


def test_gold_of_the_time_before_any_model_gets_its_suggestion_later(
    house: House, run: Run, backend: Backend, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, row("early"))
    known = {key.gold_id for key in keys(house)}
    assert run(file, "--kind", "intent") == 0
    assert "1 row has no suggestion" in capsys.readouterr().out
    (before,) = [key for key in keys(house) if key.gold_id not in known]
    backend.version = "intent-0001"
    assert run(file, "--kind", "intent") == 0
    assert last_line(capsys) == "0 created, 1 changed, 0 as they were"
    (after,) = [key for key in keys(house) if key.gold_id not in known]
    assert (after.gold_id, after.answers) == (before.gold_id, before.answers)
    with house.room.transaction() as session:
        snapshot = gold.row_of(session, after.snapshot)
        assert snapshot is not None
        assert snapshot.suggestion is not None
        assert snapshot.suggestion["confidence"] == 0.4
    assert run(file, "--kind", "intent") == 0
    assert last_line(capsys) == "0 created, 0 changed, 1 as they were"


NO_PLACE: Json = {"from_name": "colour", "to_name": "text", "type": "choices", "value": {}}
BAD: dict[str, tuple[Json | str, str]] = {
    "not JSON": ("{", "line 2: it is not JSON"),
    "not an object": ("[]", "line 2: it is not a JSON object"),
    "no id": (row("b", id=""), "line 2, id: it should be a text"),
    "the same id": (row("a"), "line 2, id: the id of line 1 again"),
    "nothing asked": ({"id": "b", "answers": [[]]}, "line 2, data: there is neither"),
    "no message": (row("b", message={"body": "x"}), "line 2, message: it is not a message"),
    "no answer": (row("b", answers=[]), "line 2, answers: it should be a list of at least one"),
    "no such label": (row("b", "Nonsense"), "line 2, answers.1.1.label: no such label"),
    "no such control": (
        row("b", answers=[[{"control": "colour", "label": "Red"}]]),
        "line 2, answers.1.1.control: no such control; the config has intent",
    ),
    "no place for it": (
        row("b", answers=[[NO_PLACE]]),
        "line 2, answers.1: nothing in these regions fits the labelling config",
    ),
    "an empty answer": (row("b", answers=[[]]), "line 2, answers.1: it says nothing"),
    "a confidence that is none": (
        row("b", suggestion=[], confidence="high"),
        "line 2, confidence: it should be a number from 0 to 1",
    ),
    "a suggestion that is none": (row("b", suggestion="Cancel"), "line 2, suggestion: it should"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_row_is_named_and_nothing_is_stored(
    name: str, house: House, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line, words = BAD[name]
    file, before = written(tmp_path, row("a"), line), keys(house)
    assert run(file, "--kind", "intent") == 1
    said = capsys.readouterr()
    assert f"error: {file}: 1 problem, so nothing was stored" in said.err
    assert words in said.err
    assert "Traceback" not in said.err
    assert said.out == ""
    assert keys(house) == before


def test_what_is_no_file_of_ours_is_named(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "none.jsonl", "--kind", "intent") == 1
    assert f"{tmp_path / 'none.jsonl'}: there is no such file" in capsys.readouterr().err
    (tmp_path / "picture.jsonl").write_bytes(b"\xff\xfe\x00")
    assert run(tmp_path / "picture.jsonl", "--kind", "intent") == 1
    assert "it cannot be read as UTF-8 text" in capsys.readouterr().err
    assert run(written(tmp_path), "--kind", "intent") == 1
    assert "the file holds no gold" in capsys.readouterr().err


def test_an_unknown_kind_or_project_is_named_beside_those_there_are(
    house: House, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, number = written(tmp_path, row("a")), house.projects["intent"]
    assert run(file, "--kind", "intents") == 1
    words = "--kind: nobody practises 'intents'; there is practice on details, intent"
    assert words in capsys.readouterr().err
    assert run(file, "--kind", "intent", "--project", "99") == 1
    assert f"--project: production projects of 'intent' are {number}" in capsys.readouterr().err


def test_without_a_running_understudy_it_says_so(
    run: Run, state: State, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state.status_file.unlink()
    assert run(written(tmp_path, row("a")), "--kind", "intent") == 1
    assert "Understudy is not running" in capsys.readouterr().err


def test_models_serve_only_when_every_project_has_one(
    house: House, backend: Backend, run: Run, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run is not None
    monkeypatch.setattr(gold_loading, "LabelStudioWriter", lambda *_: house.production.writer())
    programs = Programs(state, state.ports(), state.secrets())
    assert not gold_loading.models_serve(programs)
    backend.version = "intent-0001"
    assert gold_loading.models_serve(programs)
