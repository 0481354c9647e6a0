"""``python -m backend_ml``: the web process."""

import gc
import sys

import uvicorn

from backend_ml.app import create_app
from backend_ml.settings import read_settings
from projects.kit import logs

SWITCH_SECONDS = 0.0005
"""How long one thread may keep the interpreter from another. The event loop needs it often
and briefly; with Python's own 5 ms it mostly waits for the thread that predicts."""


def main() -> None:
    """Serve until told to stop."""
    logs.configure(service="backend_ml")
    settings = read_settings()
    app = create_app(settings)
    gc.collect()
    gc.freeze()  # what is imported stays; looking through it again would stop every answer
    sys.setswitchinterval(SWITCH_SECONDS)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
    )
    app.state.close()


if __name__ == "__main__":
    main()
