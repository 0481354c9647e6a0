"""label-studio-ml 1.0.9's own server around the peer's model, started as its README says."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx

from projects.kit.errors import PlatformError
from scripts.bench import servers
from scripts.errors import NotInstalled

HERE = Path(__file__).parent
FIT_SECONDS = 600


class PeerFailed(PlatformError):
    """The peer could not be prepared, so there is nothing to compare with."""

    def __init__(self, what: str, output: str) -> None:
        super().__init__(what, output)
        self.what = what
        self.output = output

    def __str__(self) -> str:
        return f"label-studio-ml failed at {self.what}:\n{self.output}"


def fit(environment: Path, folder: Path, texts: Sequence[str], labels: Sequence[str]) -> Path:
    """The peer's pipeline, fitted in its own environment."""
    rows = folder / "training.json"
    rows.write_text(json.dumps({"texts": list(texts), "labels": list(labels)}), encoding="utf-8")
    pipeline = folder / "pipeline.joblib"
    _call(
        environment, "its training", [_tool(environment, "python"), HERE / "fit.py", rows, pipeline]
    )
    return pipeline


@contextlib.contextmanager
def running(
    environment: Path, folder: Path, pipeline: Path, *, project: str, config: str
) -> Iterator[int]:
    """``label-studio-ml init`` and ``start``; gives the port on which it serves ``project``."""
    tool, place = _tool(environment, "label-studio-ml"), folder / "backend"
    script = f"{HERE / 'text_classifier.py'}:TextClassifier"
    _call(environment, "init", [tool, "init", place, "--script", script])
    port = servers.free_port()
    command = [str(tool), "start", str(place), "--host", "127.0.0.1", "--port", str(port)]
    settings = {"BENCH_PIPELINE": str(pipeline), "PATH": _path(environment)}
    url = f"http://127.0.0.1:{port}"
    log = folder / "label-studio-ml.log"
    with servers.running("label-studio-ml", command, settings, log=log, health_url=f"{url}/health"):
        body = {"project": project, "schema": config, "hostname": "", "access_token": ""}
        httpx.post(f"{url}/setup", json=body, timeout=60, trust_env=False).raise_for_status()
        yield port


def version(environment: Path) -> dict[str, str]:
    """What runs there: the versions that matter."""
    names = ("label-studio-ml", "flask", "werkzeug", "scikit-learn")
    code = f"import importlib.metadata as m; print(*(m.version(n) for n in {names!r}))"
    found = _call(environment, "its versions", [_tool(environment, "python"), "-c", code])
    return dict(zip(names, found.split(), strict=True))


def _tool(environment: Path, name: str) -> Path:
    tool = environment.resolve() / "bin" / name
    if not tool.exists():
        what = f"label-studio-ml, as {environment} (scripts/setup --label-studio-ml)"
        raise NotInstalled(what)
    return tool


def _path(environment: Path) -> str:
    return f"{environment.resolve() / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"


def _call(environment: Path, what: str, command: Sequence[str | Path]) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, "PATH": _path(environment)},
        capture_output=True,
        text=True,
        timeout=FIT_SECONDS,
        check=False,
    )
    if done.returncode:
        raise PeerFailed(what, (done.stdout + done.stderr)[-2000:])
    return done.stdout


def clear(folder: Path) -> None:
    """Remove what :func:`running` made, so that it can be made again."""
    shutil.rmtree(folder / "backend", ignore_errors=True)
