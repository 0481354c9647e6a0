"""``python -m sandbox_sync``: receiver, pages and durable work in one process."""

from __future__ import annotations

import sys

from pydantic import ValidationError

from projects.kit import logs, web
from sandbox_sync.app import create_app
from sandbox_sync.settings import Settings


def main() -> None:
    """Serve until told to stop."""
    try:
        settings = Settings()
    except ValidationError as error:
        wrong = "\n".join(
            f"  SANDBOX_SYNC_{'_'.join(str(part) for part in row['loc']).upper()}: {row['msg']}"
            for row in error.errors()
        )
        sys.exit(f"These settings are missing or wrong:\n{wrong}")
    logs.configure(service="sandbox_sync", level=settings.log_level)
    web.serve(create_app(settings), host=settings.host, port=settings.port)


if __name__ == "__main__":
    main()
