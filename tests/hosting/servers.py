"""The server of label-studio-ml 1.0.9, started in its own environment."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

PROGRAM = Path(__file__).with_name("genuine_server.py")


@contextlib.contextmanager
def genuine_server(python: str, model: str, folder: Path) -> Iterator[httpx.Client]:
    """A client of the server, which serves ``model`` (path:Class) with its state in ``folder``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [python, str(PROGRAM), model, str(port), str(folder)], stdout=output, stderr=output
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            _wait_for(client, process, log)
            yield client
    finally:
        process.kill()
        process.wait()


def _wait_for(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        try:
            client.get("/health")
        except httpx.TransportError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"the server of label-studio-ml did not start:\n{log.read_text()}", pytrace=False)
