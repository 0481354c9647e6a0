"""Files that tasks show: read with a token, and by nobody without, fake and real."""

from __future__ import annotations

import base64

import httpx
import pytest

from projects.kit.errors import LabelStudioRefused
from projects.kit.label_studio import LabelStudioReader, LabelStudioWriter
from projects.vocabulary import Project
from tests.support.studio import Studio

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)
CONFIG = """<View><Image name="photo" value="$image"/>
<Choices name="what" toName="photo"><Choice value="cat"/><Choice value="dog"/></Choices></View>"""


@pytest.fixture
def photos(writer: LabelStudioWriter) -> Project:
    return writer.create_project("Photos", label_config=CONFIG)


@pytest.fixture
def path(studio: Studio, photos: Project, request: pytest.FixtureRequest) -> str:
    """Of one uploaded picture."""
    if studio.writer.url.endswith(".test"):
        stored = f"/data/upload/{photos.id}/0a1b2c-pixel.png"
        request.getfixturevalue("fake").store.files[stored] = (PIXEL, "image/png")
        return stored
    token = studio.writer._sdk._client_wrapper.get_headers()["Authorization"]
    answer = httpx.post(
        f"{studio.writer.url}/api/projects/{photos.id}/import",
        headers={"Authorization": token},
        files={"file": ("pixel.png", PIXEL, "image/png")},
        trust_env=False,
    )
    assert answer.status_code == 201, answer.text
    (task,) = studio.writer.tasks(photos.id)
    return str(task.data["image"])


def test_an_uploaded_picture_is_read_back(writer: LabelStudioWriter, path: str) -> None:
    assert path.startswith("/data/upload/")
    assert writer.file(path, max_bytes=1000) == (PIXEL, "image/png")


def test_what_is_larger_than_allowed_is_not_read_to_its_end(
    writer: LabelStudioWriter, path: str
) -> None:
    with pytest.raises(LabelStudioRefused, match="too large"):
        writer.file(path, max_bytes=10)


def test_without_a_token_there_is_no_picture(writer: LabelStudioWriter, path: str) -> None:
    http = writer._http if writer.url.endswith(".test") else None
    stranger = LabelStudioReader(writer.url, "0" * 40, http=http)
    with pytest.raises(LabelStudioRefused):
        stranger.file(path, max_bytes=1000)
