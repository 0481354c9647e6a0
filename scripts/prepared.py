"""An empty Label Studio database, made once: each new instance begins with a copy of it.

Label Studio's migrations take most of a minute of one core, for every new instance
anew, and an Understudy has two. The copy lies in Label Studio's own environment and
goes with it. Where it cannot be made, Label Studio does its migrations itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from projects.kit import logs
from scripts.label_studio import Instance, executable, inherited

DATABASE = "label_studio.sqlite3"
SECONDS = 600
PART = ".preparing-"
SIGN = "no instance"
"""In place of whatever names one instance: nothing of it is kept in the database."""

log = logs.get(__name__)


def begin_with(instance: Instance, say: Callable[[str], None] = lambda _: None) -> bool:
    """Give a new instance the empty database; False where it has one, or none could be made."""
    target = instance.folder / DATABASE
    if target.exists() or os.environ.get("DJANGO_DB", "sqlite") != "sqlite":
        return False
    made = _made(say)
    if made is None:
        return False
    instance.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=instance.folder, delete=False) as part:
        copy = Path(part.name)
    shutil.copyfile(made, copy)
    copy.replace(target)
    return True


def _made(say: Callable[[str], None]) -> Path | None:
    """The database to copy, made if need be by one of all who ask at once."""
    release = next(_environment().glob("lib/python*/site-packages/label_studio-*.dist-info"), None)
    if release is None:
        return None
    made = _environment() / f"{release.stem}.sqlite3"
    try:
        with _alone(made.with_suffix(".lock")):
            if not made.exists():
                say("preparing Label Studio's database (once; most of a minute)")
                _make(made, release.parent)
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("label_studio.not_prepared", error=type(error).__name__)
        return None
    return made


def _environment() -> Path:
    return executable().parent.parent


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _make(made: Path, packages: Path) -> None:
    for left in made.parent.glob(f"{PART}*"):  # of one that was killed
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(dir=made.parent, prefix=PART) as name:
        nobody = Instance(SIGN, 0, Path(name), SIGN, SIGN, SIGN, SIGN)
        subprocess.run(
            [str(executable().with_name("python")), "manage.py", "migrate", "--no-color"],
            cwd=packages / "label_studio",
            env=inherited() | nobody.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=True,
        )
        (Path(name) / DATABASE).replace(made)
