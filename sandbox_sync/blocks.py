"""Slack's Block Kit: the few forms we use, each cut to what Slack takes. Pure.

What people wrote goes into plain text, where nothing is a link, a mention, an
emoji or bold; only our own words are formatted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from projects.vocabulary import Json

MOST_BLOCKS = 50
HEADER, SECTION, FIELD, CONTEXT, BUTTON = 150, 3000, 2000, 2000, 75
"""The most characters of each form."""
EMPTY = "\u2013"


def header(text: str) -> Json:
    """A title."""
    return {"type": "header", "text": plain(text, HEADER)}


def section(text: str, *, button: Json | None = None) -> Json:
    """A paragraph of anybody's words, with a button beside it."""
    block: Json = {"type": "section", "text": plain(text, SECTION)}
    return block if button is None else block | {"accessory": button}


def titled(pairs: Sequence[tuple[str, str]]) -> Json:
    """Two things beside each other, our title above anybody's words."""
    titles = [marked(f"*{escape(title)}*", FIELD) for title, _ in pairs]
    return {"type": "section", "fields": [*titles, *(plain(words, FIELD) for _, words in pairs)]}


def context(text: str) -> Json:
    """A line in small letters."""
    return {"type": "context", "elements": [plain(text, CONTEXT)]}


def divider() -> Json:
    """A line across."""
    return {"type": "divider"}


def links(buttons: Iterable[Json]) -> Json:
    """Buttons in a row."""
    return {"type": "actions", "elements": list(buttons)}


def button(text: str, address: str) -> Json:
    """A button that opens an address."""
    return {"type": "button", "text": plain(text, BUTTON), "url": address}


def plain(text: str, most: int) -> Json:
    """Words that Slack shows as they are."""
    return {"type": "plain_text", "text": clip(text, most) or EMPTY, "emoji": False}


def marked(text: str, most: int) -> Json:
    """Words of ours, formatted."""
    return {"type": "mrkdwn", "text": clip(text, most) or EMPTY, "verbatim": True}


def clip(text: str, most: int) -> str:
    """At most so many characters, with a sign that there were more."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def fitting(lines: Sequence[str], most: int, *, rest: str) -> str:
    """As many whole lines as fit; ``rest`` is how to say that ``{}`` more there are."""
    shown: list[str] = []
    room = most - len(rest) - 8
    for line in lines:
        line = clip(line, most // 2)
        if len(line) + 1 > room:
            break
        shown.append(line)
        room -= len(line) + 1
    left = len(lines) - len(shown)
    return "\n".join([*shown, *([rest.format(left)] if left else [])])


def escape(text: str) -> str:
    """Text in which Slack finds no link and no mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
