"""The state folder: where things lie, which ports are used, and the secrets made once."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

DEFAULT_FOLDER = Path(".understudy")
SAMPLES = 640
"""Sample messages that an empty production is given."""
SAMPLE_SEED = 1


@dataclass(frozen=True)
class Options:
    """What the person at the command line may choose."""

    samples: int = SAMPLES
    sample_seed: int = SAMPLE_SEED


@dataclass(frozen=True)
class Ports:
    """One port per process that listens."""

    production: int = 8080
    sandbox: int = 8081
    backend: int = 9090
    sync: int = 9091
    reader: int = 9092

    def option(self, name: str) -> str:
        """The command-line option that changes the port called ``name``."""
        return f"--{name}-port"


@dataclass(frozen=True)
class Secrets:
    """Everything secret, generated once and kept in a file that only its owner can read."""

    production_password: str
    production_token: str
    production_secret_key: str
    sandbox_password: str
    sandbox_token: str
    sandbox_secret_key: str
    reader_key: str
    backend_password: str
    backend_webhook: str
    sync_webhook_production: str
    sync_webhook_sandbox: str
    sync_metrics_key: str
    backend_metrics_key: str
    session_key: str
    trainers_password: str
    """Of the accounts made for those whom ``SANDBOX_SYNC_TRAINERS`` names."""
    people_password: str
    """Of the demo's simulated people, so that one can sign in and look around as one of them."""


@dataclass(frozen=True)
class State:
    """The folder that holds everything Understudy knows; deleting it starts afresh."""

    folder: Path

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def status_file(self) -> Path:
        return self.folder / "status.json"

    @property
    def lock_file(self) -> Path:
        return self.folder / "up.lock"

    @property
    def ports_file(self) -> Path:
        return self.folder / "ports.json"

    @property
    def secrets_file(self) -> Path:
        return self.folder / "secrets.json"

    @property
    def backend_file(self) -> Path:
        return self.folder / "backend.json"

    def prepare(self) -> None:
        """Make the folder, closed to other users of the machine."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self.logs.mkdir(exist_ok=True)

    def secrets(self) -> Secrets:
        """The secrets; made and stored with mode 0600 the first time."""
        known: dict[str, str] = read_json(self.secrets_file) or {}
        wanted = {field.name for field in fields(Secrets)}
        missing = wanted - known.keys()
        known |= {name: _new_secret(name) for name in sorted(missing)}
        if missing:
            write_json(self.secrets_file, known)
        return Secrets(**{name: known[name] for name in wanted})

    def ports(self, **chosen: int | None) -> Ports:
        """The ports chosen now, else those of the last run, else the defaults."""
        known = {**asdict(Ports()), **(read_json(self.ports_file) or {})}
        known |= {name: port for name, port in chosen.items() if port is not None}
        return Ports(**known)

    def remember(self, ports: Ports) -> None:
        """Use these ports next time too."""
        write_json(self.ports_file, asdict(ports))


def _new_secret(name: str) -> str:
    """Passwords are for typing; Label Studio's tokens must have 40 characters."""
    return secrets.token_hex(8 if name.endswith("_password") else 20)


def read_json(path: Path) -> Any:
    """The content of a JSON file; ``None`` when it is not there or half-written."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def write_json(path: Path, content: Any) -> None:
    """Replace the file whole, readable by its owner only."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # mode 0600
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(content, stream, indent=2)
    os.replace(name, path)
