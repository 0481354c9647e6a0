"""How to start one Label Studio, and how a person signs up to it."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx

from projects.kit.errors import LabelStudioRefused, LabelStudioUnavailable
from scripts.errors import NotInstalled

SETTINGS = Path(__file__).parent / "settings_for_label_studio"
"""Where Label Studio's own Python finds our settings for it, and nothing else of ours."""
START_SECONDS = 240
"""A first start may run all migrations: most of a minute on a quiet machine."""
LOGIN = "/user/login/"
WHOSE_TOKEN = "/api/current-user/token"
"""Tells who is signed in their API token, and everybody else nothing."""


@dataclass(frozen=True)
class Instance:
    """One Label Studio: where it listens, where its data lies, who its first user is."""

    name: str
    port: int
    folder: Path
    email: str
    password: str
    token: str
    secret_key: str
    host: str = "127.0.0.1"

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def command(self) -> list[str]:
        """The command line; secrets travel in the environment, which other users cannot see."""
        start = [str(executable()), "start", "--no-browser"]
        return [*start, "--internal-host", self.host, "--port", str(self.port)]

    @property
    def environment(self) -> dict[str, str]:
        """The variables that Label Studio is started with.

        No telemetry leaves the machine; webhooks and ML backends on localhost
        are allowed; people can only sign up with an invite link.
        """
        return {
            "LABEL_STUDIO_BASE_DATA_DIR": str(self.folder.resolve()),
            "LABEL_STUDIO_USERNAME": self.email,
            "LABEL_STUDIO_PASSWORD": self.password,
            "LABEL_STUDIO_USER_TOKEN": self.token,
            "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
            "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
            "SECRET_KEY": self.secret_key,
            "COLLECT_ANALYTICS": "False",
            "LATEST_VERSION_CHECK": "False",
            "SENTRY_DSN": "",
            "FRONTEND_SENTRY_DSN": "",
            "ML_BLOCK_LOCAL_IP": "false",
            "SSRF_PROTECTION_ENABLED": "false",
            "DJANGO_SETTINGS_MODULE": "understudy_settings",
            "PYTHONPATH": str(SETTINGS),
        }


def inherited() -> dict[str, str]:
    """What a program apart from us is given of our environment: no setting and no secret."""
    return {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TZ") if key in os.environ}


def use_write_ahead_log(instance: Instance) -> bool:
    """Let readers of the instance's SQLite file no longer block its writers; whether they do.

    In SQLite's older mode one long listing makes every writer wait, and Label
    Studio answers "database is locked" by doing the whole request again, seconds
    later: late answers, and rows created twice. The mode is kept in the file, so
    once is enough. Measured: "database is locked" 144 times in one demo without.
    """
    path = instance.folder / "label_studio.sqlite3"
    if not path.exists():
        return False  # not on SQLite
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as connection:
        (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    return str(mode) == "wal"


def executable() -> Path:
    """Label Studio's own program, in its own environment.

    Raises
    ------
    NotInstalled
        When the set-up script has not been run.
    """
    given = os.environ.get("UNDERSTUDY_LABEL_STUDIO")
    # The environment lies beside the one this program runs in.
    beside = Path(sys.prefix).parent / ".venv-label-studio" / "bin" / "label-studio"
    path = Path(given) if given else beside
    if not path.exists():
        raise NotInstalled(f"Label Studio (looked at {path})")
    return path


def invite_link(url: str, token: str) -> str:
    """The link with which an ordinary person signs up to the instance at ``url``."""
    headers = {"Authorization": f"Token {token}"}
    try:
        answer = httpx.get(f"{url}/api/invite", headers=headers, timeout=30, trust_env=False)
    except httpx.HTTPError as error:
        raise LabelStudioUnavailable(f"the invite link: {type(error).__name__}") from error
    if not answer.is_success:
        raise LabelStudioRefused("the invite link", answer.status_code, answer.text[:200])
    return f"{url}{answer.json()['invite_url']}"


def sign_up(invite: str, *, email: str, password: str) -> str:
    """Sign up, or sign in when the account exists, as a browser would; returns the API token."""
    base = str(httpx.URL(invite).copy_with(raw_path=b"/")).rstrip("/")
    with _browser(base) as browser:
        _send_form(browser, invite, email=email, password=password)
        answer = browser.get(WHOSE_TOKEN)
        if not answer.is_success:  # the account was there before
            _send_form(browser, LOGIN, email=email, password=password)
            answer = browser.get(WHOSE_TOKEN)
        return _token(answer, f"the sign-up of {email}")


def signed_in(url: str, *, email: str, password: str) -> httpx.Client:
    """A client with the session that somebody's browser has who signed in; close it."""
    browser = _browser(url)
    try:
        _send_form(browser, LOGIN, email=email, password=password)
        _token(browser.get(WHOSE_TOKEN), f"the sign-in of {email}")
    except BaseException:
        browser.close()
        raise
    return browser


def _browser(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=30, follow_redirects=True, trust_env=False)


def _send_form(browser: httpx.Client, address: str, *, email: str, password: str) -> None:
    """Fill in the form behind this address and send it off, with its token against forgery."""
    page = browser.get(address)
    form = {"email": email, "password": password, "csrfmiddlewaretoken": _csrf(browser, page)}
    browser.post(address, data=form, headers={"Referer": str(page.request.url)})


def _token(answer: httpx.Response, what: str) -> str:
    if not answer.is_success:
        raise LabelStudioRefused(what, answer.status_code, answer.text[:200])
    return str(answer.json()["token"])


def _csrf(browser: httpx.Client, page: httpx.Response) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    return found.group(1) if found else str(browser.cookies.get("csrftoken") or "")
