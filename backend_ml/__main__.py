"""``python -m backend_ml``: the web process."""

from backend_ml.app import create_app
from backend_ml.settings import read_settings
from projects.kit import logs, web


def main() -> None:
    """Serve until told to stop."""
    logs.configure(service="backend_ml")
    settings = read_settings()
    app = create_app(settings)
    web.serve(app, host=settings.host, port=settings.port)
    app.state.close()


if __name__ == "__main__":
    main()
