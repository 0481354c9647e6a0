"""An endpoint that does nothing, on the web server that the practice half has: the peer.

``python -m scripts.bench.practice.no_op PORT``
"""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI, Request


def create_app() -> FastAPI:
    """Reads what is posted, keeps nothing, and says yes."""
    app = FastAPI(docs_url=None, redoc_url=None)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "up"}

    @app.post("/webhooks/production")
    async def from_production(request: Request) -> dict[str, bool]:
        await request.body()
        return {"new": True}

    return app


if __name__ == "__main__":
    uvicorn.run(
        create_app(), host="127.0.0.1", port=int(sys.argv[1]), log_config=None, access_log=False
    )
