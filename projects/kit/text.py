"""Text as databases can keep it."""

from __future__ import annotations

import re

SUBSTITUTE = "\ufffd"
_HALVES = re.compile("[\ud800-\udfff]")


def storable(text: str) -> str:
    """The same text, character for character, without those that no database takes.

    NUL and halves of surrogate pairs become U+FFFD, one for one, so that every
    offset stays what it was.
    """
    if "\x00" in text:
        text = text.replace("\x00", SUBSTITUTE)
    return text if text.isascii() else _HALVES.sub(SUBSTITUTE, text)
