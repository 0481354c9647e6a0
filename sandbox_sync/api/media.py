"""Pictures and recordings of frozen tasks, for the sandbox's Label Studio to show."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from sandbox_sync.api.people import NoSuchPage
from sandbox_sync.context.base import MEDIA
from sandbox_sync.settings import Settings

TYPES = {ending: kind for kind, ending in reversed(MEDIA.items())}
NAME = re.compile(rf"[0-9a-f]{{64}}\.({'|'.join(TYPES)})")
HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "private, max-age=31536000, immutable",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"""The name is the content's digest: who knows it has seen the picture, or its task."""

router = APIRouter(include_in_schema=False)


@router.get("/media/{name}")
def picture(request: Request, name: str) -> Response:
    """One picture or recording by the SHA-256 of its content."""
    settings: Settings = request.app.state.settings
    path = settings.media_dir / name
    if not NAME.fullmatch(name) or not path.is_file():
        raise NoSuchPage
    kind = TYPES[path.suffix.removeprefix(".")]
    return FileResponse(path, headers=HEADERS, media_type=kind)
