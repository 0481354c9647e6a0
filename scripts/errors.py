"""What can go wrong at the front door, in words that say what to do."""

from __future__ import annotations

from pathlib import Path

from projects.kit.errors import PlatformError


class PortTaken(PlatformError):
    """Another program listens where one of ours should."""

    status = 409

    def __init__(self, name: str, port: int, option: str) -> None:
        super().__init__(name, port, option)
        self.name = name
        self.port = port
        self.option = option

    def __str__(self) -> str:
        return (
            f"Port {self.port}, meant for {self.name}, is taken by another program. "
            f"Stop that program, or choose another port with {self.option} NUMBER."
        )


class NotInstalled(PlatformError):
    """A part that the set-up script installs is missing."""

    status = 424

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return f"{self.what} is not installed. Run scripts/setup first."


class DidNotStart(PlatformError):
    """A process ended, or did not answer in time; the log says why."""

    def __init__(self, name: str, log: Path, tail: str) -> None:
        super().__init__(name, log, tail)
        self.name = name
        self.log = log
        self.tail = tail

    def __str__(self) -> str:
        return f"{self.name} did not start. The end of {self.log}:\n{self.tail}"


class NotRunning(PlatformError):
    """Understudy does not run on this state folder, or is not ready yet."""

    status = 409

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder

    def __str__(self) -> str:
        return f"Understudy is not running on {self.folder}. Start it with 'understudy up' first."


class SupervisorRuns(PlatformError):
    """Understudy already runs on this state folder."""

    status = 409

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder

    def __str__(self) -> str:
        return f"Understudy already runs on {self.folder}. 'understudy down' ends it."
