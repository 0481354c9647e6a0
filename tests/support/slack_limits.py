"""Slack's published limits of a message, as a check that names what breaks which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from projects.vocabulary import Json

MOST_BLOCKS = 50
LONGEST_TEXT = 40_000
LONGEST_METADATA = 8_000
LENGTHS = {"header": 150, "section": 3000, "field": 2000, "context": 2000, "button": 75}
MOST_FIELDS = MOST_ELEMENTS = 10
MOST_ACTIONS = 25
LONGEST_URL = 3000
KINDS = ("header", "section", "context", "divider", "actions")


def problems(text: Any, blocks: Sequence[Json]) -> list[str]:
    """Everything for which Slack would refuse this message; empty when it takes it."""
    found = [] if isinstance(text, str) and text.strip() else ["no text for the notification"]
    if len(text or "") > LONGEST_TEXT:
        found.append("text is too long")
    if len(blocks) > MOST_BLOCKS:
        found.append(f"{len(blocks)} blocks")
    for number, block in enumerate(blocks):
        found += [f"block {number}: {why}" for why in _of_block(block)]
    return found


def _of_block(block: Mapping[str, Any]) -> Iterator[str]:
    kind = block.get("type")
    if kind not in KINDS:
        yield f"unknown type {kind}"
    elif kind == "header":
        yield from _of_text(block.get("text"), "header", ("plain_text",))
    elif kind == "section":
        yield from _of_section(block)
    elif kind == "context":
        yield from _of_list(block.get("elements"), "context", MOST_ELEMENTS)
    elif kind == "actions":
        yield from _of_actions(block.get("elements"))
    if len(str(block.get("block_id", ""))) > 255:
        yield "block_id is too long"


def _of_section(block: Mapping[str, Any]) -> Iterator[str]:
    if "text" not in block and "fields" not in block:
        yield "a section without text and fields"
    if "accessory" in block:
        yield from _of_actions([block["accessory"]])
    if "text" in block:
        yield from _of_text(block["text"], "section", ("plain_text", "mrkdwn"))
    if "fields" in block:
        yield from _of_list(block["fields"], "field", MOST_FIELDS)


def _of_list(elements: Any, name: str, most: int) -> Iterator[str]:
    if not isinstance(elements, list) or not 1 <= len(elements) <= most:
        yield f"{name}: not 1 to {most} elements"
        return
    for element in elements:
        yield from _of_text(element, name, ("plain_text", "mrkdwn"))


def _of_actions(elements: Any) -> Iterator[str]:
    if not isinstance(elements, list) or not 1 <= len(elements) <= MOST_ACTIONS:
        yield f"actions: not 1 to {MOST_ACTIONS} elements"
        return
    for element in elements:
        if element.get("type") != "button":
            yield "an action that is not a button"
        yield from _of_text(element.get("text"), "button", ("plain_text",))
        url = str(element.get("url", ""))
        if len(url) > LONGEST_URL or not url.startswith(("http://", "https://")):
            yield "a button without a proper address"


def _of_text(text: Any, name: str, forms: Sequence[str]) -> Iterator[str]:
    if not isinstance(text, Mapping) or text.get("type") not in forms:
        yield f"{name}: not a text of the form {' or '.join(forms)}"
        return
    length = len(str(text.get("text", "")))
    if not 1 <= length <= LENGTHS[name]:
        yield f"{name}: {length} characters"
