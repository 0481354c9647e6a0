"""An endpoint that does nothing, on the web server that the practice half has: the peer.

``python -m scripts.bench.practice.no_op PORT``
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request

from scripts.bench import servers

PATH = "/webhooks/production"


def create_app() -> FastAPI:
    """Reads what is posted, keeps nothing, and says yes."""
    app = FastAPI(docs_url=None, redoc_url=None)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "up"}

    @app.post(PATH)
    async def something(request: Request) -> dict[str, bool]:
        await request.body()
        return {"new": True}

    @app.post(f"{PATH}/{{project_id}}", status_code=202)
    async def an_answer(request: Request) -> dict[str, bool]:
        await request.body()
        return {"accepted": True}

    return app


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The address of one, in a process of its own."""
    port = servers.free_port()
    command = [sys.executable, "-m", "scripts.bench.practice.no_op", str(port)]
    health, log = f"http://127.0.0.1:{port}/health", folder / "no_op.log"
    with servers.running("the no-op endpoint", command, {}, log=log, health_url=health):
        yield f"http://127.0.0.1:{port}{PATH}"


if __name__ == "__main__":
    uvicorn.run(
        create_app(), host="127.0.0.1", port=int(sys.argv[1]), log_config=None, access_log=False
    )
