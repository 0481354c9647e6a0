"""What is prepared in both Label Studios before our services start."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import bootstrap
from scripts.programs import House
from scripts.state import Ports, State
from tests.fakes.label_studio import FakeLabelStudio


def test_named_trainers_get_accounts_before_anybody_can_take_their_address(
    fake: FakeLabelStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = State(tmp_path)
    house = House(state, Ports(), state.secrets())
    fake.add_user("maya@example.com")
    made: list[tuple[str, str, str]] = []

    def sign_up(invite: str, *, email: str, password: str) -> str:
        made.append((invite, email, password))
        fake.add_user(email)
        return "a token"

    monkeypatch.setattr(bootstrap, "invite_link", lambda url, token: f"{url}/invite?{token}")
    monkeypatch.setattr(bootstrap, "sign_up", sign_up)
    writer = fake.writer()
    named = ["Maya@example.com", "noor@example.com"]
    assert bootstrap.trainer_accounts(writer, house, named) == ["noor@example.com"]
    assert bootstrap.trainer_accounts(writer, house, named) == []
    link = f"{house.sandbox.url}/invite?{house.secrets.sandbox_token}"
    assert made == [(link, "noor@example.com", house.secrets.trainers_password)]
    assert len(house.secrets.trainers_password) >= 16
