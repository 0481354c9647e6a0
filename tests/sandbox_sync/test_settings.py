"""The settings: told apart from nonsense."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from sandbox_sync import __main__ as command
from sandbox_sync.settings import Settings
from tests.sandbox_sync.house import make_settings


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "PRODUCTION_URL": "http://p",
        "PRODUCTION_KEY": "k",
        "PRODUCTION_WEBHOOK_SECRET": "a" * 16,
        "SANDBOX_URL": "http://s",
        "SANDBOX_TOKEN": "t",
        "SANDBOX_WEBHOOK_SECRET": "b" * 16,
        "SESSION_SECRET": "c" * 16,
        "PROJECTS": '{"7": "intent"}',
        "TRAINERS": '["Trainer@Example.com"]',
        "SLACK_TOKEN": "",
        "PUBLIC_URL": "http://me:1/",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"SANDBOX_SYNC_{name}", value)
    settings = Settings()
    assert settings.projects == {7: "intent"}
    assert settings.is_trainer(" trainer@example.COM")
    assert settings.slack_token is None
    assert settings.sandbox_hook == "http://me:1/webhooks/sandbox"
    assert settings.link("/feedback/3") == "http://me:1/feedback/3"
    assert settings.database.startswith("sqlite:///")


def test_secrets_do_not_show(tmp_path: Path) -> None:
    shown = repr(make_settings(tmp_path, {}, sandbox_token="do-not-show-me"))
    assert "do-not-show-me" not in shown


def test_nonsense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        make_settings(tmp_path, {}, queue_depth=0)


@pytest.mark.parametrize(
    "name", ["production_webhook_secret", "sandbox_webhook_secret", "session_secret"]
)
@pytest.mark.parametrize("secret", ["", "short-of-sixteen"[:15]])
def test_a_secret_that_can_be_guessed_is_refused(tmp_path: Path, name: str, secret: str) -> None:
    with pytest.raises(ValidationError, match=name):
        make_settings(tmp_path, {}, **{name: secret})


def test_command_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SANDBOX_SYNC_{name.upper()}", raising=False)
    with pytest.raises(SystemExit, match="SANDBOX_SYNC_SANDBOX_TOKEN: Field required"):
        command.main()
