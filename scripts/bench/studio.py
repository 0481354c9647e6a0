"""A stand-in for Label Studio that counts what it is asked. One project, kept in memory.

It answers in Label Studio's shapes what the product asks while people label; it
is not a test double, and it knows no users and no errors.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class StandIn:
    """Tasks with their texts, what was answered lately, and the predictions that were pushed."""

    project_id: int
    config: str
    control: str
    texts: list[str]
    """Of task ``i + 1``."""
    labels: list[str | None]
    """The answer of task ``i + 1``, ``None`` while it is open."""
    model_version: str = ""
    touched: dict[int, datetime] = field(default_factory=dict)
    predictions: dict[int, list[Json]] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def counted(self) -> Counter[str]:
        """How often each method and path was asked for so far."""
        with self.lock:
            return Counter(self.requests)

    def annotate(self, task_id: int, label: str) -> Json:
        """Somebody submits; returns the webhook call that Label Studio makes of it."""
        now = datetime.now(UTC)
        with self.lock:
            self.labels[task_id - 1] = label
            self.touched[task_id] = now
        return {
            "action": "ANNOTATION_CREATED",
            "annotation": self._annotation(task_id),
            "task": self._task(task_id, full=False),
            "project": self.project(),
        }

    def project(self) -> Json:
        """The project as Label Studio gives it."""
        return {
            "id": self.project_id,
            "title": "benchmark",
            "label_config": self.config,
            "model_version": self.model_version,
            "maximum_annotations": 1,
            "sampling": "Uncertainty sampling",
            "expert_instruction": "",
            "task_number": len(self.texts),
            "created_at": LONG_AGO.isoformat(),
        }

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        """Status and body of one request."""
        name = f"{method} {re.sub(r'[0-9]+', '#', path).rstrip('/')}"
        with self.lock:
            self.requests[name] += 1
            if name == "GET /api/projects/#":
                return 200, self.project()
            if name == "PATCH /api/projects/#":
                self.model_version = str(body.get("model_version", self.model_version))
                return 200, self.project()
            if name == "POST /api/projects/#/import/predictions":
                return 201, {"created": self._keep(body)}
            if name == "GET /api/tasks/#":
                return 200, self._task(int(path.rstrip("/").rsplit("/", 1)[1]), full=True)
            if name == "GET /api/tasks":
                return self._list(query)
            if name.startswith("DELETE") or name.startswith("POST /api/dm"):
                return 200, {}
        return 404, {"detail": "The stand-in does not know this."}

    def _keep(self, rows: list[Json]) -> int:
        for row in rows:
            kept = {"id": len(self.predictions) + 1, "created_at": LONG_AGO.isoformat(), **row}
            self.predictions.setdefault(int(row["task"]), []).append(kept)
        return len(rows)

    def _list(self, query: dict[str, str]) -> tuple[int, Json]:
        ids = self._matching(json.loads(query.get("query") or "{}"))
        size, page = int(query.get("page_size", 100)), int(query.get("page", 1))
        shown = ids[(page - 1) * size : page * size]
        if not shown and page > 1:
            return 404, {"detail": "Invalid page."}
        full = query.get("fields") == "all"
        rows = [self._task(i, full=full) for i in shown]
        return 200, {
            "total": len(ids), "total_annotations": 0, "total_predictions": 0, "tasks": rows,
        }  # fmt: skip

    def _matching(self, query: Json) -> list[int]:
        items = (query.get("filters") or {}).get("items") or []
        ids = list(range(1, len(self.texts) + 1))
        for item in items:
            column = item["filter"].rsplit(":", 1)[1]
            if column == "updated_at":
                after = datetime.fromisoformat(item["value"])
                ids = [i for i in ids if i in self.touched and self.touched[i] > after]
            elif column == "id":
                named = set(item["value"])
                ids = [i for i in ids if (i in named) is (item["operator"] == "in_list")]
            elif column == "predictions_model_versions":
                wanted = set(item["value"])
                ids = [
                    i for i in sorted(self.predictions)
                    if any(p["model_version"] in wanted for p in self.predictions[i])
                ]  # fmt: skip
        return ids

    def _task(self, task_id: int, *, full: bool) -> Json:
        moment = self.touched.get(task_id, LONG_AGO).isoformat()
        label = self.labels[task_id - 1]
        row = {
            "id": task_id,
            "project": self.project_id,
            "data": {"text": self.texts[task_id - 1]},
            "meta": {},
            "created_at": LONG_AGO.isoformat(),
            "updated_at": moment,
            "is_labeled": label is not None,
            "overlap": 1,
            "inner_id": task_id,
        }
        if full:
            row["annotations"] = [] if label is None else [self._annotation(task_id)]
            row["predictions"] = self.predictions.get(task_id, [])
            row["drafts"] = []
        return row

    def _annotation(self, task_id: int) -> Json:
        moment = self.touched.get(task_id, LONG_AGO).isoformat()
        value = {"choices": [self.labels[task_id - 1]]}
        region = {
            "id": "r1", "from_name": self.control, "to_name": "text", "type": "choices",
            "value": value, "origin": "manual",
        }  # fmt: skip
        return {
            "id": task_id,
            "task": task_id,
            "project": self.project_id,
            "completed_by": 1,
            "updated_by": 1,
            "result": [region],
            "was_cancelled": False,
            "ground_truth": False,
            "created_at": moment,
            "updated_at": moment,
            "lead_time": 3.0,
            "prediction": {},
        }


def serve(studio: StandIn) -> ThreadingHTTPServer:
    """The stand-in on a free port of this machine, in threads; ``shutdown`` ends it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"null") if length else None
            parts = urlsplit(self.path)
            query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
            status, answer = studio.answer(self.command, parts.path, query, body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_DELETE = _handle  # noqa: N815 - the library's names

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
