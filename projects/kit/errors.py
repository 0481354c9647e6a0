"""One tree of errors. A class states its HTTP status and whether trying again may help."""

from __future__ import annotations


class PlatformError(Exception):
    """Anything that Understudy itself reports as going wrong."""

    status: int = 500
    retryable: bool = False

    def in_logs(self) -> str:
        """The error in words that may be logged: nothing that others wrote."""
        return str(self)


class UnknownName(PlatformError):
    """A name that no file of the package has."""

    status = 404

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(name, known)
        self.name = name
        self.known = known

    def __str__(self) -> str:
        return f"There is no {self.name!r} here. Known: {', '.join(self.known) or 'nothing'}."


class BadInput(PlatformError):
    """Input that cannot be used; ``where`` names the line, column or field."""

    status = 422

    def __init__(self, what: str, where: str = "") -> None:
        super().__init__(what, where)
        self.what = what
        self.where = where

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


class NotSignedIn(PlatformError):
    """The caller did not prove who they are."""

    status = 401

    def __str__(self) -> str:
        return "The request carries no valid credential."


class LabelStudioUnavailable(PlatformError):
    """Label Studio did not answer, or answered that it cannot at the moment."""

    status = 503
    retryable = True

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return f"Label Studio is not available: {self.what}."


class LabelStudioRefused(PlatformError):
    """Label Studio understood the request and said no."""

    status = 502

    def __init__(self, what: str, code: int, detail: str) -> None:
        super().__init__(what, code, detail)
        self.what = what
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        return f"Label Studio refused {self.what} ({self.code}): {self.detail}"

    def in_logs(self) -> str:
        return f"Label Studio refused {self.what} ({self.code})."


class NotInLabelStudio(PlatformError):
    """The task, annotation or project is not there (any more)."""

    status = 404

    def __init__(self, noun: str, number: int) -> None:
        super().__init__(noun, number)
        self.noun = noun
        self.number = number

    def __str__(self) -> str:
        return f"Label Studio has no {self.noun} {self.number}."
