"""Real Label Studio servers for tests marked ``live``."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import httpx

from projects.kit.label_studio import LabelStudioReader, LabelStudioWriter
from tests.support.processes import free_port, stop, wait_until

ROOT = Path(__file__).parents[2]
EMAIL = "admin@example.com"
PASSWORD = "a-password-for-tests"
TOKEN = "0" * 39 + "1"
START_SECONDS = 180.0


@dataclass
class LiveLabelStudio:
    """One running instance with an administrator and their token."""

    name: str
    url: str
    log: Path
    process: subprocess.Popen[bytes]

    def writer(self, token: str = TOKEN) -> LabelStudioWriter:
        return LabelStudioWriter(self.url, token)

    def is_ready(self) -> bool:
        reader = LabelStudioReader(self.url, TOKEN)
        try:
            return reader.is_healthy()
        finally:
            reader.close()

    def wait(self) -> None:
        """Until it answers; raises ``NotReady`` with the end of its log."""
        what = f"Label Studio ({self.name})"
        wait_until(self.is_ready, self.process, log=self.log, seconds=START_SECONDS, what=what)

    def stop(self) -> None:
        stop(self.process)


class LiveServers:
    """The instances of one test session, each started when first needed.

    Those in ``expected`` are started together with the first one, side by side.
    """

    def __init__(self, command: Path, folder: Path, expected: Iterable[str] = ()) -> None:
        self._command = command
        self._folder = folder
        self._expected = set(expected)
        self._running: dict[str, LiveLabelStudio] = {}

    def get(self, name: str) -> LiveLabelStudio:
        """The instance called ``name``, ready to answer."""
        for wanted in ({name} | self._expected) - set(self._running):
            folder = self._folder / wanted
            self._running[wanted] = start_label_studio(self._command, wanted, folder=folder)
        self._running[name].wait()
        return self._running[name]

    def stop(self) -> None:
        for server in self._running.values():
            server.stop()


def label_studio_command() -> Path:
    """Where the command ``label-studio`` should be."""
    given = os.environ.get("UNDERSTUDY_LABEL_STUDIO")
    return Path(given) if given else ROOT / ".venv-label-studio" / "bin" / "label-studio"


def label_studio_environment(data_dir: Path) -> dict[str, str]:
    """No telemetry, legacy tokens on, and calls to loopback addresses allowed."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TZ") if key in os.environ}
    return kept | {
        "LABEL_STUDIO_BASE_DATA_DIR": str(data_dir),
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "COLLECT_ANALYTICS": "False",
        "LATEST_VERSION_CHECK": "False",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "SECRET_KEY": "a-fixed-key-for-tests",
        "ML_BLOCK_LOCAL_IP": "false",
        "SSRF_PROTECTION_ENABLED": "false",
        "NO_PROXY": "127.0.0.1,localhost",
    }


def start_label_studio(command: Path, name: str, *, folder: Path) -> LiveLabelStudio:
    """Start one instance on a free port, and do not wait for it."""
    port = free_port()
    data_dir = folder / "data"
    data_dir.mkdir(parents=True)
    log = folder / "label-studio.log"
    arguments = ["start", "--no-browser", "--port", str(port)]
    arguments += ["--username", EMAIL, "--password", PASSWORD, "--user-token", TOKEN]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(command), *arguments],
            env=label_studio_environment(data_dir),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return LiveLabelStudio(name, f"http://127.0.0.1:{port}", log, process)


def sign_up(admin: LabelStudioWriter, email: str, password: str = PASSWORD) -> str:
    """A new person, by the invitation link as annotators do; returns their token."""
    invite = str(admin.request("GET", "/api/invite")["invite_url"])
    with httpx.Client(base_url=admin.url, trust_env=False, follow_redirects=True) as browser:
        page = browser.get(invite)
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        csrf = found.group(1) if found else browser.cookies.get("csrftoken", "")
        form = {"csrfmiddlewaretoken": csrf, "email": email, "password": password}
        browser.post(invite, data=form, headers={"Referer": str(page.url)}).raise_for_status()
        answer = browser.get("/api/current-user/token").raise_for_status()
        return str(answer.json()["token"])
