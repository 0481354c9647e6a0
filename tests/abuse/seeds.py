"""Bodies of the shape that Label Studio 1.23.2 sends, and ways to spoil them."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from projects.kinds import registry
from tests.abuse.conftest import INTENT

CONFIG = registry.load("intent").label_config
MOMENT = "2026-03-01T09:00:00.908452Z"
LATER = "2026-03-01T09:00:04.302158Z"


def project() -> dict[str, Any]:
    return {
        "id": INTENT,
        "title": "a project",
        "label_config": CONFIG,
        "parsed_label_config": {"intent": {"type": "Choices", "to_name": ["message"]}},
        "label_config_hash": -6162495036760491656,
        "maximum_annotations": 1,
        "model_version": "imp",
        "skip_queue": "REQUEUE_FOR_OTHERS",
        "task_data_password": None,
        "created_at": MOMENT,
    }


def region(label: str = "Cancel") -> dict[str, Any]:
    return {
        "id": "a1",
        "from_name": "intent",
        "to_name": "message",
        "type": "choices",
        "value": {"choices": [label]},
        "origin": "manual",
    }


def prediction() -> dict[str, Any]:
    return {
        "id": 5,
        "task": 60,
        "model_version": "intent-0001",
        "score": 0.75,
        "result": [region()],
        "created_at": MOMENT,
    }


def annotation(number: int = 3) -> dict[str, Any]:
    return {
        "id": number,
        "result": [region("New meeting")],
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": MOMENT,
        "updated_at": LATER,
        "draft_created_at": None,
        "lead_time": 5.5,
        "prediction": prediction(),
        "result_count": 1,
        "unique_id": "d4c8240b-ae56-4a47-89e8-06fc75455f5b",
        "task": 60,
        "project": INTENT,
        "completed_by": 1,
        "updated_by": 1,
        "parent_prediction": 5,
        "parent_annotation": None,
    }


def task(number: int = 60) -> dict[str, Any]:
    return {
        "id": number,
        "data": {"text": "please cancel the call with Bo tomorrow 😀"},
        "meta": {"src": "csv"},
        "created_at": MOMENT,
        "updated_at": LATER,
        "is_labeled": True,
        "overlap": 1,
        "inner_id": 1,
        "total_annotations": 1,
        "last_comment_updated_at": None,
        "project": INTENT,
        "file_upload": None,
        "comment_authors": [],
    }


def asked_task() -> dict[str, Any]:
    return task() | {"annotations": [annotation()], "predictions": [prediction()], "drafts": []}


def heard(action: str, **more: Any) -> dict[str, Any]:
    return {"action": action, "project": project(), **more}


def called(context: Any, tasks: list[Any]) -> dict[str, Any]:
    return {
        "tasks": tasks,
        "project": f"{INTENT}.1795364291",
        "label_config": CONFIG,
        "params": {"login": None, "password": None, "context": context},
    }


SEEDS: list[tuple[str, dict[str, Any]]] = [
    (
        "/setup",
        {
            "project": f"{INTENT}.1795364291",
            "schema": CONFIG,
            "hostname": "http://localhost:8080",
            "access_token": "0" * 40,
            "extra_params": {"a": 1},
        },
    ),
    ("/predict", called(None, [asked_task(), task(61)])),
    ("/predict", called({"result": [region()], "draft_id": 0, "user_id": 1}, [asked_task()])),
    ("/webhook", heard("START_TRAINING")),
    ("/webhook", heard("PROJECT_UPDATED")),
    ("/webhook", heard("TASKS_CREATED", tasks=[task(), task(61)])),
    ("/webhook", heard("TASKS_DELETED", tasks=[{"id": 61}])),
    ("/webhook", heard("ANNOTATION_CREATED", annotation=annotation(), task=task())),
    ("/webhook", heard("ANNOTATION_UPDATED", annotation=annotation(), task=task())),
    ("/webhook", heard("ANNOTATIONS_CREATED", annotation=[annotation(8)], task=[task()])),
    ("/webhook", heard("ANNOTATIONS_DELETED", annotations=[{"id": 3}, {"id": 4}])),
]


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


WEIRD: list[Any] = [
    None, True, False, 0, -1, 1.5, 2**31, 2**63, 2**64, 10**400, -(10**30), 1e308, 1e-320,
    float("nan"), float("inf"), float("-inf"), "", " ", "\x00", "a\x00b", "\ud800", "\udfff\ud800",
    "😀" * 50, "e\u0301\u202eabc\u2066", "5", "1.1", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00", "2026-13-45T99:99:99Z", "x" * 5_000, [], {}, [[]], [None], [{}],
    {"id": None}, {"id": 1}, {"text": "x"}, nested(60), nested(400),
    [region("\ud800") for _ in range(600)], [{"id": 1}, {"id": "2"}],
]  # fmt: skip


def _places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to everything inside."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, one in inner:
        found.append((*way, key))
        if isinstance(one, dict | list):
            found += _places(one, (*way, key))
    return found


def _spoil(body: Any, way: tuple[Any, ...], how: str, value: Any) -> None:
    for key in way[:-1]:
        body = body[key]
    key = way[-1]
    if how == "drop":
        del body[key]
    elif how == "copy":
        body[key] = [copy.deepcopy(body[key]) for _ in range(3)]
    elif how == "rename" and isinstance(body, dict):
        body["\ud800" + str(key)] = body.pop(key)
    else:
        body[key] = copy.deepcopy(value)


@dataclass
class Spoiled:
    """A request that has been spoiled; shown without its body, which may be long."""

    path: str
    action: str
    body: dict[str, Any] = field(repr=False)
    changes: list[str] = field(default_factory=list)


@st.composite
def spoiled(draw: st.DrawFn) -> Spoiled:
    """A body with one to three things wrong."""
    path, seed = draw(st.sampled_from(SEEDS))
    body = copy.deepcopy(seed)
    made = Spoiled(path, str(seed.get("action", "")), body)
    for _ in range(draw(st.integers(1, 3))):
        places = _places(body)
        if not places:
            break
        how = draw(st.sampled_from(["value", "value", "value", "drop", "copy", "rename"]))
        way, value = draw(st.sampled_from(places)), draw(st.sampled_from(WEIRD))
        _spoil(body, way, how, value)
        made.changes.append(f"{how} {way} {value!r:.60}" if how == "value" else f"{how} {way}")
    return made


def as_bytes(body: Any, *, ascii_only: bool = True) -> bytes:
    """JSON as careless programs write it: also NaN, also halves of characters."""
    return json.dumps(body, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")


def with_key_twice(body: dict[str, Any]) -> bytes:
    """The last of the keys counts, as everywhere."""
    again = as_bytes(body)
    return b"{" + again[1:-1] + b', "action": 5, "tasks": 7, "project": [],' + again[1:]
