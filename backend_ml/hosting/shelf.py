"""A small Label Studio for one model, holding the labels that it may learn from and no others.

Many models fetch "all labelled tasks" from Label Studio when they are told to train.
Here they get exactly what they were given to learn, so that the labels kept for
measuring stay unseen, nobody's real credential is handed out, and a training costs
Label Studio nothing. It only answers; nothing can be written. Runs in the model's own
process.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Shelf:
    """The labels, served on a port of this machine."""

    def __init__(self) -> None:
        self.label_config = ""
        self.asked = 0
        """How often somebody asked for labels."""
        self.token = secrets.token_hex(20)
        self._tasks: list[dict[str, Any]] = []
        handler = type("Handler", (_Handler,), {"shelf": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def environment(self) -> dict[str, str]:
        """What models read to find Label Studio."""
        hosts = ("LABEL_STUDIO_HOST", "LABEL_STUDIO_URL", "LABEL_STUDIO_BASE_URL")
        keys = ("LABEL_STUDIO_API_KEY", "LABEL_STUDIO_ACCESS_TOKEN", "LABEL_STUDIO_API_TOKEN")
        return {name: self.url for name in hosts} | {name: self.token for name in keys}

    def fill(self, tasks: list[dict[str, Any]]) -> None:
        """Hold these labelled tasks from now on."""
        self._tasks = [
            {key: value for key, value in task.items() if key != "completions"} for task in tasks
        ]

    def knows(self, authorization: str) -> bool:
        return authorization in (f"Token {self.token}", f"Bearer {self.token}")

    def answer(self, path: str, query: dict[str, list[str]]) -> Any:
        """The JSON at a path; ``None`` when there is nothing."""
        parts = path.strip("/").split("/")
        if parts in (["health"], ["version"], ["api", "version"]):
            return {"status": "UP", "release": "understudy"}
        if re.fullmatch(r"/api/projects/\d+/?", path):
            return self.project(int(parts[2]))
        if path.rstrip("/") == "/api/projects":
            return {"count": 1, "next": None, "previous": None, "results": [self.project(1)]}
        if re.fullmatch(r"/api/projects/\d+/export/?", path):
            self.asked += 1
            return self._tasks
        if re.fullmatch(r"/api(/projects/\d+)?/tasks/?", path):
            self.asked += 1
            return self._page(query)
        if re.fullmatch(r"/api/tasks/\d+(/annotations)?/?", path):
            self.asked += 1
            found = [task for task in self._tasks if task["id"] == int(parts[2])]
            if found:
                return found[0]["annotations"] if parts[-1] == "annotations" else found[0]
        return None

    def project(self, number: int) -> dict[str, Any]:
        """The project, whatever number the model calls it by."""
        return {
            "id": number,
            "title": "Understudy",
            "label_config": self.label_config,
            "task_number": len(self._tasks),
            "num_tasks_with_annotations": len(self._tasks),
            "total_annotations_number": len(self._tasks),
        }

    def _page(self, query: dict[str, list[str]]) -> Any:
        page, size = _number(query, "page", 1), _number(query, "page_size", 100)
        size = max(size, 1) if size >= 0 else len(self._tasks)
        rows = self._tasks[(page - 1) * size : page * size]
        if not rows and page > 1:
            return None
        total = len(self._tasks)
        return {"tasks": rows, "total": total, "total_annotations": total, "total_predictions": 0}


class _Handler(BaseHTTPRequestHandler):
    shelf: Shelf
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if not self.shelf.knows(self.headers.get("Authorization") or ""):
            self._send(401, {"detail": "Authentication credentials were not provided."})
            return
        found = self.shelf.answer(address.path, parse_qs(address.query))
        if found is None:
            self._send(404, {"detail": "Not found."})
        else:
            self._send(200, found)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._send(403, {"detail": "A model that is being trained may read labels only."})

    do_PATCH = do_PUT = do_DELETE = do_POST  # noqa: N815 - names of the standard library

    def log_message(self, *_: Any) -> None:
        """Nothing to say."""

    def _send(self, status: int, body: Any) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def _number(query: dict[str, list[str]], name: str, default: int) -> int:
    try:
        return int(query[name][0])
    except (KeyError, ValueError):
        return default
