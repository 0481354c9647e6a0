"""An app on a real port, for browsers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from tests.support.processes import free_port

START_SECONDS = 30.0


@contextmanager
def serving(app: Any, *, port: int = 0) -> Iterator[str]:
    """Serve an app on this machine until the block ends; yields its address."""
    port = port or free_port()
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    begun = time.monotonic()
    while not server.started:
        if time.monotonic() - begun > START_SECONDS or not thread.is_alive():
            raise RuntimeError("the app does not start")
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)
