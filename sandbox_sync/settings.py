"""Every setting of sandbox_sync, read once from the environment and passed on by hand."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

SHORTEST_SECRET = 16
"""Characters; an empty secret would let everybody in."""


class Settings(BaseSettings):
    """Variables named ``SANDBOX_SYNC_...``; lists and mappings are written as JSON."""

    model_config = SettingsConfigDict(env_prefix="SANDBOX_SYNC_", extra="ignore")

    host: str = "127.0.0.1"
    port: int = 9091
    log_level: str = "INFO"
    state_dir: Path = Path(".understudy/sandbox_sync")
    database_url: str = ""
    """Empty: a SQLite file in ``state_dir``."""
    executor_id: str = "sandbox-sync"
    """Stable and unique per process; unfinished work is recovered under this name."""

    production_url: str
    """The read-only gateway in front of the production Label Studio."""
    production_key: SecretStr = Field(min_length=1)
    production_webhook_secret: SecretStr = Field(min_length=SHORTEST_SECRET)
    sandbox_url: str
    sandbox_token: SecretStr = Field(min_length=1)
    sandbox_webhook_secret: SecretStr = Field(min_length=SHORTEST_SECRET)
    projects: dict[int, str] = Field(default_factory=dict)
    """Name of the kind by id of the production project."""

    public_url: str = "http://127.0.0.1:9091"
    """Where people reach the pages; the base of every link in a message."""
    webhook_url: str = ""
    """Where the sandbox Label Studio reaches us; empty: the same as ``public_url``."""
    session_secret: SecretStr = Field(min_length=SHORTEST_SECRET)
    trainers: frozenset[str] = frozenset()
    """E-mail addresses of members of the sandbox who train instead of practising."""

    context_fields: frozenset[str] = frozenset()
    """Fields of a task's data in which a plain string may be a reference; see docs/context.md."""
    context_hosts: frozenset[str] = frozenset()
    """Hosts (``name`` or ``name:port``) that context may be fetched from; no others are."""
    context_networks: list[str] = Field(default_factory=list)
    """Networks that those hosts may be in beside the public ones, such as ``10.1.0.0/16``."""
    context_max_bytes: int = Field(default=2_000_000, ge=1)
    media_max_bytes: int = Field(default=50_000_000, ge=1)
    """Of one picture or recording in production's Label Studio."""
    context_timeout_seconds: float = Field(default=5.0, gt=0)
    context_patience_seconds: float = Field(default=600.0, ge=0)
    """How long a reference is tried before its task is frozen without it."""
    calendar_dir: str = ""
    """Folder of ``NAME.ics`` files, for references such as ``ics:NAME``."""
    thread_dir: str = ""
    """Folder of ``ID.jsonl`` or ``ID.mbox`` files, for references such as ``thread:ID``."""

    metrics_key: SecretStr | None = Field(default=None, min_length=SHORTEST_SECRET)
    """With it Prometheus may read ``/metrics``; without it only trainers may."""

    slack_token: SecretStr | None = None
    """Without one, messages are kept in the outbox table and not sent anywhere."""
    slack_url: str = "https://slack.com/api/"

    queue_depth: int = Field(default=30, ge=1)
    """Open practice items per trainee and kind."""
    ahead: int = Field(default=10, ge=0)
    """Published tasks per kind that are copied before production has answered them."""
    in_flight_seconds: float = Field(default=30.0, ge=0)
    """How long Label Studio may still be at work on a request that was cut off."""
    reconcile_seconds: float = Field(default=10.0, gt=0)
    idle_seconds: float = Field(default=300.0, gt=0)
    """The most that counts as practice time between opening a task and saving an answer."""
    gold_share: float = Field(default=0.1, ge=0, le=1)
    """Of the places in a queue that are given to gold, as long as there is some."""
    expire_days: float = Field(default=14.0, gt=0)
    """After so long in the queue an unanswered item is taken out, and another comes."""
    reveal: Literal["off", "open", "final"] = "open"
    """Whether the reference is put beside a trainee's own answer in the sandbox, once nobody else
    has the item open; ``final``: and then the item is given to nobody else any more."""
    gold_agreeing_workers: int = Field(default=2, ge=0)
    """So many good workers who agree make gold of a task; 0: never by themselves."""
    good_agreement: float = Field(default=0.8, ge=0, le=1)
    """Good is whose agreement lies above this with confidence (the lower end of its interval)."""
    production_contacts: frozenset[str] = frozenset()
    """E-mail addresses that hear when production's own answer was found wrong."""
    seed: int = 0
    """For the bootstrap intervals, so that a page shows the same numbers twice."""

    @field_validator("trainers", "production_contacts")
    @classmethod
    def _lower(cls, emails: frozenset[str]) -> frozenset[str]:
        return frozenset(email.strip().lower() for email in emails)

    @field_validator("context_hosts")
    @classmethod
    def _lower_hosts(cls, hosts: frozenset[str]) -> frozenset[str]:
        return frozenset(host.strip().lower() for host in hosts)

    @field_validator("context_networks")
    @classmethod
    def _networks(cls, networks: list[str]) -> list[str]:
        return [str(ip_network(network)) for network in networks]

    @field_validator("slack_token")
    @classmethod
    def _absent_when_empty(cls, token: SecretStr | None) -> SecretStr | None:
        return token if token is not None and token.get_secret_value() else None

    @property
    def database(self) -> str:
        """The database URL with its default filled in."""
        return self.database_url or f"sqlite:///{self.state_dir / 'sandbox_sync.sqlite'}"

    @property
    def media_dir(self) -> Path:
        """Where the pictures of frozen tasks are kept."""
        return self.state_dir / "media"

    @property
    def sandbox_hook(self) -> str:
        """The address that the sandbox Label Studio calls."""
        return f"{(self.webhook_url or self.public_url).rstrip('/')}/webhooks/sandbox"

    def link(self, path: str) -> str:
        """An address for people."""
        return f"{self.public_url.rstrip('/')}/{path.lstrip('/')}"

    def is_trainer(self, email: str) -> bool:
        """Whether this member of the sandbox trains instead of practising."""
        return email.strip().lower() in self.trainers
