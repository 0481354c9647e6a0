"""One Label Studio for the contract tests: the fake, or, marked ``live``, a real server."""

from __future__ import annotations

import httpx
import pytest

from projects.kit.label_studio import LabelStudioWriter
from projects.vocabulary import Project
from tests.fakes.label_studio import FakeLabelStudio
from tests.support import live
from tests.support.studio import CONFIG, Studio


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.live)])
def studio(request: pytest.FixtureRequest) -> Studio:
    if request.param == "real":
        writer: LabelStudioWriter = request.getfixturevalue("live_production")
        return Studio(writer, lambda email: live.sign_up(writer, email))
    fake: FakeLabelStudio = request.getfixturevalue("fake")
    fake.deliver = lambda url, headers, body: httpx.post(
        url, headers=headers, json=body, trust_env=False
    )
    return Studio(fake.writer(), fake.add_user)


@pytest.fixture
def writer(studio: Studio) -> LabelStudioWriter:
    return studio.writer


@pytest.fixture
def project(writer: LabelStudioWriter) -> Project:
    return writer.create_project("A contract", label_config=CONFIG)
