"""Any number of labels for the whole text, also none."""

from __future__ import annotations

from projects.forms.choice import read, write

__all__ = ["EMPTY_IS_AN_ANSWER", "TAGS", "read", "write"]

TAGS: tuple[str, ...] = ("Choices",)
EMPTY_IS_AN_ANSWER = True
