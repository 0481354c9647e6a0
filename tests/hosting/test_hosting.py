"""Hosting other people's models: what they get, what they answer, what happens when they fail."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend_ml.hosting import host as hosting
from backend_ml.hosting.host import Host, HostedModelFailed
from backend_ml.learners import label_studio_ml
from backend_ml.learners.base import Guess, ModelUnreadable
from backend_ml.learners.label_studio_ml import LabelStudioModel, read_guess
from projects.kinds.base import HostedModel, Kind
from projects.vocabulary import Mark
from tests.support import kinds

CHOICE = kinds.kind_of("choice")
TEXTS, ANSWERS = kinds.corpus("choice", 30)
Open = Callable[..., Host]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Hosts of our own models, which are closed at the end."""
    hosts: list[Host] = []

    def open_host(place: str, **changes: Any) -> Host:
        hosted = kinds.hosted(place, **changes)
        hosts.append(Host(hosted, model_dir=tmp_path, label_config=CHOICE.label_config))
        return hosts[-1]

    yield open_host
    for host in hosts:
        host.close()


def tasks(*texts: str) -> list[dict[str, Any]]:
    return [{"id": i, "data": {"text": text}} for i, text in enumerate(texts, 1)]


def labels(items: list[Any]) -> list[str | None]:
    return [None if i is None else i["result"][0]["value"]["choices"][0] for i in items]


def learner(place: str) -> LabelStudioModel:
    return label_studio_ml.new(kind(place))


def kind(place: str) -> Kind:
    return replace(CHOICE, hosted=kinds.hosted(place))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_a_model_prints_is_no_answer(opened: Open) -> None:
    assert labels(opened("odd.py:Odd").predict(tasks("Cancel", "Other"))) == ["Cancel", "Other"]


def test_where_it_says_nothing_it_abstains(opened: Open) -> None:
    assert opened("odd.py:Odd").predict(tasks("nothing", "x")) == [None, None]


def test_one_bad_text_spoils_no_other(opened: Open) -> None:
    items = opened("odd.py:Odd").predict(tasks("Cancel", "fail", "Other"))
    assert labels(items) == ["Cancel", None, "Other"]


def test_a_wrong_number_of_predictions_is_asked_for_one_by_one(opened: Open) -> None:
    assert labels(opened("odd.py:Odd").predict(tasks("one for all", "Other"))) == [
        "Cancel",
        "Other",
    ]


def test_failing_for_every_text_is_a_failure(opened: Open) -> None:
    with pytest.raises(HostedModelFailed, match="Odd failed: it cannot predict"):
        opened("odd.py:Odd").predict(tasks("fail"))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("hang", "no answer to predict within 1 seconds"),
        ("die", "its process ended during predict"),
        ("leave", "predict: SystemExit"),
    ],
)
def test_a_process_that_fails_is_replaced(
    opened: Open, monkeypatch: pytest.MonkeyPatch, text: str, what: str
) -> None:
    monkeypatch.setattr(hosting, "REST_SECONDS", 0.0)
    host = opened("odd.py:Odd", predict_seconds=1)
    host.predict(tasks("Cancel"))
    first = host.pid
    with pytest.raises(HostedModelFailed, match=what) as failed:
        host.predict(tasks(text))
    assert failed.value.retryable
    assert text not in str(failed.value)
    assert host.pid is None
    assert labels(host.predict(tasks("Cancel"))) == ["Cancel"]
    assert first is not None
    assert host.pid != first
    assert not alive(first)


def test_after_a_failure_nobody_waits_for_the_next(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = opened("odd.py:Odd", predict_seconds=1)
    moment = 1000.0
    monkeypatch.setattr("backend_ml.hosting.host.time.monotonic", lambda: moment)
    for rest in (5.0, 10.0, 20.0):  # doubled with each failure
        with pytest.raises(HostedModelFailed, match="ended during predict"):
            host.predict(tasks("die"))
        moment += rest - 0.5
        with pytest.raises(HostedModelFailed, match="it failed a moment ago"):
            host.predict(tasks("Cancel"))
        moment += 1.0
    assert labels(host.predict(tasks("Cancel"))) == ["Cancel"]
    with pytest.raises(HostedModelFailed, match="ended during predict"):
        host.predict(tasks("die"))
    moment += 5.5  # an answer made it forget the failures before
    assert labels(host.predict(tasks("Cancel"))) == ["Cancel"]


@pytest.mark.parametrize("place", ["odd.py:Nobody", "absent.py:Odd"])
def test_a_model_that_cannot_be_loaded_says_which(opened: Open, place: str) -> None:
    with pytest.raises(HostedModelFailed, match=r"hello: (AttributeError|FileNotFoundError)"):
        opened(place).predict(tasks("x"))


def test_an_interpreter_that_is_not_there_is_a_failure(opened: Open) -> None:
    with pytest.raises(HostedModelFailed, match="cannot be started"):
        opened("odd.py:Odd", python="/nowhere/python").predict(tasks("x"))


def test_the_process_ends_with_its_host(tmp_path: Path) -> None:
    hosted = kinds.hosted("odd.py:Odd")
    host = Host(hosted, model_dir=tmp_path, label_config=CHOICE.label_config)
    host.predict(tasks("Cancel"))
    pid = host.pid
    assert pid is not None
    del host
    gc.collect()
    assert not alive(pid)


def test_our_secrets_stay_with_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKEND_ML_LABEL_STUDIO_TOKEN", "secret")
    monkeypatch.setenv("MODEL_TEMPERATURE", "2")
    (tmp_path / "spy.py").write_text(
        "import os\n"
        "class Spy:\n"
        "    def predict(self, tasks):\n"
        "        return [{'result': [dict(os.environ)]} for _ in tasks]\n"
    )
    hosted = HostedModel(f"{tmp_path / 'spy.py'}:Spy", kinds.hosted("x:X").python)
    host = Host(hosted, model_dir=tmp_path, label_config=CHOICE.label_config)
    seen = host.predict(tasks("x"))[0]["result"][0]
    host.close()
    assert seen["MODEL_TEMPERATURE"] == "2"
    assert seen["MODEL_DIR"] == str(tmp_path)
    assert seen["LABEL_STUDIO_URL"].startswith("http://127.0.0.1:")
    assert not [name for name in seen if name.startswith("BACKEND_ML_")]


def test_a_model_imports_its_own_files_and_none_of_ours(tmp_path: Path) -> None:
    (tmp_path / "parsing.py").write_text("WORD = 'theirs'\n")
    (tmp_path / "own.py").write_text(
        "import parsing\n"
        "try:\n"
        "    import shelf\n"
        "except ImportError:\n"
        "    shelf = None\n"
        "class Own:\n"
        "    def predict(self, tasks):\n"
        "        return [{'result': [{'word': parsing.WORD, 'shelf': str(shelf)}]}]\n"
    )
    hosted = HostedModel(f"{tmp_path / 'own.py'}:Own", kinds.hosted("x:X").python)
    host = Host(hosted, model_dir=tmp_path, label_config=CHOICE.label_config)
    assert host.predict(tasks("x"))[0]["result"] == [{"word": "theirs", "shelf": "None"}]
    host.close()


def test_a_class_of_no_package_is_hosted_and_its_surest_prediction_counts(opened: Open) -> None:
    assert opened("odd.py:Duck").predict(tasks("x")) == [{"result": [], "score": 0.5}]


def test_the_old_style_learns_from_all_tasks_at_once() -> None:
    made = learner("counting.py:Counting")
    made.fit(TEXTS, ANSWERS, seed=0)
    guesses = made.predict(TEXTS).items
    right = sum(g is not None and g.answer == a for g, a in zip(guesses, ANSWERS, strict=True))
    assert right >= 27  # of 30, each intent has words of its own


def test_what_the_old_style_returned_from_fit_moves_with_the_model(tmp_path: Path) -> None:
    made = learner("counting.py:Counting")
    made.fit(TEXTS, ANSWERS, seed=0)
    made.save(tmp_path)
    before = made.predict(TEXTS[:3])
    del made  # its folder is gone now, and with it the path that fit returned
    gc.collect()
    again = label_studio_ml.load(tmp_path, kind("counting.py:Counting"))
    assert again.predict(TEXTS[:3]) == before


def test_a_model_that_asks_label_studio_gets_the_labels_it_may_learn_and_trains_once() -> None:
    made = learner("fetching.py:Fetching")
    made.fit(TEXTS, ANSWERS, seed=0)
    first, unknown = made.predict([TEXTS[0], "never seen"]).items
    # One training is 0.1 by the model's own count: the events that follow were not sent.
    assert first == Guess(ANSWERS[0], 0.1, (0.1,))
    assert unknown is None


def test_a_model_that_never_learns_is_a_failure() -> None:
    with pytest.raises(HostedModelFailed, match="NeverLearns failed: fit: KeyError"):
        learner("odd.py:NeverLearns").fit(TEXTS, ANSWERS, seed=0)


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = learner("counting.py:Counting")
    made.fit(TEXTS, ANSWERS, seed=0)
    assert len(list(tmp_path.iterdir())) == 1
    del made
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_a_saved_model_of_a_kind_that_hosts_none_any_more_is_unreadable(tmp_path: Path) -> None:
    made = learner("counting.py:Counting")
    made.fit(TEXTS, ANSWERS, seed=0)
    made.save(tmp_path)
    with pytest.raises(ModelUnreadable, match="BadInput"):
        label_studio_ml.load(tmp_path, kinds.kind_of("choice"))


def region(label: str, **more: Any) -> dict[str, Any]:
    return {"from_name": "control", "value": {"choices": [label]}} | more


@pytest.mark.parametrize(
    ("item", "confidence"),
    [
        ({"result": [region("Cancel")], "score": 0.7}, 0.7),
        ({"result": [region("Cancel")], "score": 7}, 1.0),
        ({"result": [region("Cancel")], "score": -1.0}, 0.0),
        ({"result": [region("Cancel")]}, 0.5),
        ({"result": [region("Cancel")], "score": float("nan")}, 0.5),
        ({"result": [region("Cancel")], "score": "high"}, 0.5),
        ({"result": [region("Cancel", score=0.3)]}, 0.3),
    ],
)
def test_a_score_becomes_a_confidence(item: dict[str, Any], confidence: float) -> None:
    cancel = (Mark("control", "Cancel"),)
    guess = read_guess(CHOICE, {"text": "x"}, item)
    assert guess is not None
    assert (guess.answer, guess.confidence) == (cancel, confidence)


@pytest.mark.parametrize(
    "item",
    [None, [], {}, 5, {"result": None}, {"result": []}, {"result": [region("No such label")]},
     {"result": [{"from_name": "other", "value": {"choices": ["Cancel"]}}]}, {"result": [5]}],
)  # fmt: skip
def test_what_says_nothing_abstains(item: object) -> None:
    assert read_guess(CHOICE, {"text": "x"}, item) is None


def test_nothing_to_mark_is_an_answer_where_it_can_be_one() -> None:
    spans = kinds.kind_of("spans")
    assert read_guess(spans, {"text": "x"}, {"result": [], "score": 0.9}) == Guess((), 0.9, ())


def test_each_span_has_the_confidence_of_its_region() -> None:
    spans = kinds.kind_of("spans")
    one = {"from_name": "control", "value": {"start": 3, "end": 5, "labels": ["Date"]}}
    two = {"from_name": "control", "value": {"start": 0, "end": 2, "labels": ["Person"]}}
    item = {"result": [one | {"score": 0.4}, two], "score": 0.6}
    guess = read_guess(spans, {"text": "Bo 12"}, item)
    marks = (Mark("control", "Person", 0, 2), Mark("control", "Date", 3, 5))
    assert guess == Guess(marks, 0.6, (0.6, 0.4))


def test_an_unanswered_request_does_not_wait_for_ever(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosting, "START_SECONDS", 0.001)
    begun = time.monotonic()
    with pytest.raises(HostedModelFailed, match="no answer to hello"):
        opened("odd.py:Odd").predict(tasks("x" * 1_000_000))
    assert time.monotonic() - begun < 5
