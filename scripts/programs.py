"""The programs of one Understudy and the settings each is started with."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from projects.kit.errors import BadInput
from scripts.label_studio import START_SECONDS, Instance
from scripts.state import Ports, Secrets, State
from scripts.supervisor import Program

ADMIN_EMAIL = "admin@understudy.example"
TRAINER_EMAIL = "trainer@understudy.example"
BACKEND_USER = "label-studio"

PRODUCTION = "Label Studio, production"
SANDBOX = "Label Studio, sandbox"
READER = "read-only gateway"
BACKEND = "backend_ml"
WORKER = "backend_ml worker"
SYNC = "sandbox_sync"
TRAINERS = "SANDBOX_SYNC_TRAINERS"
METRICS_KEY = "SANDBOX_SYNC_METRICS_KEY"
BACKEND_METRICS_KEY = "BACKEND_ML_METRICS_KEY"
SANDBOX_URL = "SANDBOX_SYNC_SANDBOX_URL"
BEHIND_THE_GATEWAY = "READ_GATEWAY_LABEL_STUDIO_URL"


def trainers(environment: Mapping[str, str]) -> list[str]:
    """Our own trainer, and those that ``SANDBOX_SYNC_TRAINERS`` names as a JSON list.

    Raises
    ------
    BadInput
        When it is set to anything else.
    """
    try:
        named = json.loads(environment.get(TRAINERS) or "[]")
    except ValueError as error:
        raise BadInput("it is not JSON", TRAINERS) from error
    if not isinstance(named, list) or not all(isinstance(email, str) for email in named):
        raise BadInput("it is not a JSON list of e-mail addresses", TRAINERS)
    return sorted({TRAINER_EMAIL, *named})


@dataclass(frozen=True)
class House:
    """Everything needed to name an address, a secret or a program.

    A setting that is not given here comes from the environment that the
    command itself was started in, under its full name.
    """

    state: State
    ports: Ports
    secrets: Secrets

    @property
    def production(self) -> Instance:
        return Instance(
            name=PRODUCTION,
            port=self.ports.production,
            folder=self.state.folder / "label-studio-production",
            email=ADMIN_EMAIL,
            password=self.secrets.production_password,
            token=self.secrets.production_token,
            secret_key=self.secrets.production_secret_key,
        )

    @property
    def sandbox(self) -> Instance:
        return Instance(
            name=SANDBOX,
            port=self.ports.sandbox,
            folder=self.state.folder / "label-studio-sandbox",
            email=TRAINER_EMAIL,
            password=self.secrets.sandbox_password,
            token=self.secrets.sandbox_token,
            secret_key=self.secrets.sandbox_secret_key,
        )

    @property
    def backend_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.backend}"

    @property
    def sync_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.sync}"

    @property
    def reader_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.reader}"

    @property
    def backend_database(self) -> str:
        return _given("BACKEND_ML_DATABASE_URL", self._sqlite("backend_ml"))

    @property
    def sync_database(self) -> str:
        return _given("SANDBOX_SYNC_DATABASE_URL", self._sqlite("sandbox_sync"))

    def _sqlite(self, name: str) -> str:
        return f"sqlite:///{(self.state.folder / name / f'{name}.sqlite').resolve()}"

    def label_studio(self, instance: Instance, port_name: str) -> Program:
        """One Label Studio as a program."""
        return Program(
            name=instance.name,
            command=instance.command,
            environment=instance.environment,
            log=self.state.logs / f"label-studio-{port_name}.log",
            port=instance.port,
            port_option=self.ports.option(port_name),
            health_url=f"{instance.url}/health",
            start_seconds=START_SECONDS,
        )

    def services(self, projects: Mapping[int, str]) -> list[Program]:
        """The programs of our own; ``projects`` gives the kind of each production project."""
        environment = self.backend_environment(projects)
        return [
            self._reader(),
            self._backend(environment),
            self._worker(environment),
            self._sync(_table(projects)),
        ]

    def _reader(self) -> Program:
        environment = {
            "READ_GATEWAY_PORT": str(self.ports.reader),
            BEHIND_THE_GATEWAY: _given(BEHIND_THE_GATEWAY, self.production.url),
            "READ_GATEWAY_LABEL_STUDIO_TOKEN": self.secrets.production_token,
            "READ_GATEWAY_KEY": self.secrets.reader_key,
        }
        module = "projects.kit.read_gateway"
        return self._own(READER, module, environment, port_name="reader", url=self.reader_url)

    def _backend(self, environment: Mapping[str, str]) -> Program:
        return self._own(
            BACKEND, "backend_ml", environment, port_name="backend", url=self.backend_url
        )

    def _worker(self, environment: Mapping[str, str]) -> Program:
        return self._own(WORKER, "backend_ml.worker", environment)

    def backend_environment(self, projects: Mapping[int, str]) -> dict[str, str]:
        """What both processes of the ML backend are given."""
        return {
            "BACKEND_ML_PORT": str(self.ports.backend),
            "BACKEND_ML_STATE_DIR": str((self.state.folder / "backend_ml").resolve()),
            "BACKEND_ML_DATABASE_URL": self.backend_database,
            "BACKEND_ML_LABEL_STUDIO_URL": self.production.url,
            "BACKEND_ML_LABEL_STUDIO_TOKEN": self.secrets.production_token,
            "BACKEND_ML_BASIC_USER": BACKEND_USER,
            "BACKEND_ML_BASIC_PASSWORD": self.secrets.backend_password,
            "BACKEND_ML_WEBHOOK_SECRET": self.secrets.backend_webhook,
            BACKEND_METRICS_KEY: _given(BACKEND_METRICS_KEY, self.secrets.backend_metrics_key),
            "BACKEND_ML_PROJECTS": json.dumps(
                {str(number): kind for number, kind in projects.items()}
            ),
        }

    def _sync(self, projects: str) -> Program:
        environment = self.sync_environment(projects)
        return self._own(SYNC, "sandbox_sync", environment, port_name="sync", url=self.sync_url)

    def sync_environment(self, projects: str) -> dict[str, str]:
        """What the practice half is given; ``projects`` is JSON, kind by project."""
        return {
            "SANDBOX_SYNC_PORT": str(self.ports.sync),
            "SANDBOX_SYNC_STATE_DIR": str((self.state.folder / "sandbox_sync").resolve()),
            "SANDBOX_SYNC_DATABASE_URL": self.sync_database,
            "SANDBOX_SYNC_PRODUCTION_URL": self.reader_url,
            "SANDBOX_SYNC_PRODUCTION_KEY": self.secrets.reader_key,
            SANDBOX_URL: _given(SANDBOX_URL, self.sandbox.url),
            "SANDBOX_SYNC_SANDBOX_TOKEN": self.secrets.sandbox_token,
            "SANDBOX_SYNC_PRODUCTION_WEBHOOK_SECRET": self.secrets.sync_webhook_production,
            "SANDBOX_SYNC_SANDBOX_WEBHOOK_SECRET": self.secrets.sync_webhook_sandbox,
            "SANDBOX_SYNC_PROJECTS": projects,
            "SANDBOX_SYNC_PUBLIC_URL": _given("SANDBOX_SYNC_PUBLIC_URL", self.sync_url),
            "SANDBOX_SYNC_WEBHOOK_URL": self.sync_url,
            "SANDBOX_SYNC_SESSION_SECRET": self.secrets.session_key,
            METRICS_KEY: _given(METRICS_KEY, self.secrets.sync_metrics_key),
            TRAINERS: json.dumps(trainers(os.environ)),
        }

    def _own(
        self,
        name: str,
        module: str,
        environment: Mapping[str, str],
        *,
        port_name: str = "",
        url: str | None = None,
    ) -> Program:
        return Program(
            name=name,
            command=[sys.executable, "-m", module],
            environment=environment,
            log=self.state.logs / f"{module.replace('.', '-')}.log",
            port=getattr(self.ports, port_name) if port_name else None,
            port_option=self.ports.option(port_name),
            health_url=f"{url}/health" if url else None,
        )


def _table(projects: Mapping[int, str]) -> str:
    return json.dumps({str(number): kind for number, kind in projects.items()})


def _given(name: str, default: str) -> str:
    """What the command was started with under this name, else the default."""
    return os.environ.get(name) or default
