"""``python -m backend_ml``: the web process."""

import uvicorn

from backend_ml.app import create_app
from backend_ml.settings import read_settings
from projects.kit import logs


def main() -> None:
    """Serve until told to stop."""
    logs.configure(service="backend_ml")
    settings = read_settings()
    app = create_app(settings)
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
