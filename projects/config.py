"""A labelling config: its controls, what they are about, and how each is read and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from html.parser import HTMLParser
from typing import Any, cast

from defusedxml.ElementTree import fromstring

from projects import tags
from projects.forms.base import Control, read_controls
from projects.kit import discovery
from projects.kit.errors import BadInput
from projects.kit.text import storable
from projects.tags.base import Family

TEXTS = ("Text", "HyperText", "Paragraphs")
OUTLINES = ("Rectangle", "Ellipse", "Polygon", "KeyPoint", "VideoRectangle")
"""Controls that draw without a label of their own; a control ``Labels`` beside them names."""
REGION_FAMILIES = ("spans", "times", "drawings", "keypoints", "tracks")
RELATIONS = "relations"


@dataclass(frozen=True)
class Shown:
    """A tag of a labelling config that shows something to answer about."""

    name: str
    tag: str
    value: str
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def field(self) -> str:
        """The field of the task's data; empty when the config itself says what is shown."""
        return self.value[1:] if self.value.startswith("$") else ""

    def content(self, data: Mapping[str, Any]) -> Any:
        """What is shown of this task."""
        return data.get(self.field) if self.field else self.value

    def text(self, data: Mapping[str, Any]) -> str:
        """What it shows as text; empty when that is fetched from elsewhere, or no text."""
        content = self.content(data)
        if self.tag not in TEXTS or content is None or self._is_elsewhere():
            return ""
        if self.tag == "Paragraphs":
            return storable(_dialogue(content, self.attributes))
        return storable(_said(str(content)) if self.tag == "HyperText" else str(content))

    def _is_elsewhere(self) -> bool:
        usual = "json" if self.tag == "Paragraphs" else "text"
        return self.attributes.get("valueType", self.attributes.get("valuetype", usual)) == "url"


@dataclass(frozen=True)
class Config:
    """A labelling config, parsed."""

    shown: Mapping[str, Shown]
    controls: Mapping[str, Control]
    families: Mapping[str, str]
    """A file of ``projects/tags`` by control; those that cannot be compared have none."""
    naming: frozenset[str]
    """Controls that only name what others draw."""

    def family(self, control: str) -> Family:
        """How answers of this control are read."""
        return cast(Family, discovery.load(tags, self.families[control]))

    def about(self, control: str) -> Shown | None:
        """What the control is about; of several things, the first."""
        names = self.controls[control].to_name.split(",") if control in self.controls else ()
        return next((self.shown[name] for name in names if name in self.shown), None)

    def is_region(self, control: str) -> bool:
        """Whether answers of this control have a place."""
        return self.families.get(control) in REGION_FAMILIES

    @property
    def uncomparable(self) -> tuple[Control, ...]:
        """The controls that no family reads."""
        rest = set(self.controls) - set(self.families) - self.naming
        return tuple(c for name, c in self.controls.items() if name in rest)


@lru_cache(maxsize=128)
def parse(label_config: str) -> Config:
    """A labelling config as its parts; the same text is parsed once.

    Raises
    ------
    BadInput
        When it is not a labelling config.
    """
    controls = read_controls(label_config)
    try:
        root = fromstring(label_config)
    except Exception as error:  # malformed, or one of the attacks that the parser refuses
        raise BadInput("not a labelling config", "schema") from error
    shown = {
        e.attrib["name"]: Shown(e.attrib["name"], e.tag, _value(e.attrib), dict(e.attrib))
        for e in root.iter()
        if e.attrib.get("name") and not e.attrib.get("toName")
    }
    for relations in root.iter("Relations"):
        name = relations.attrib.get("name") or RELATIONS
        controls[name] = Control(name, "Relations", "")
    naming = frozenset(n for n, c in controls.items() if _only_names(c, controls))
    families = {
        name: family
        for name, control in controls.items()
        if name not in naming and (family := _family(control, shown)) is not None
    }
    return Config(shown, controls, families, naming)


def _value(attributes: Mapping[str, str]) -> str:
    return attributes.get("value") or attributes.get("valueList") or ""


def _only_names(control: Control, controls: Mapping[str, Control]) -> bool:
    return control.tag == "Labels" and any(
        other.tag in OUTLINES and other.to_name == control.to_name for other in controls.values()
    )


def _family(control: Control, shown: Mapping[str, Shown]) -> str | None:
    about = {shown[name].tag for name in control.to_name.split(",") if name in shown}
    for name in discovery.names(tags):
        family = cast(Family, discovery.load(tags, name))
        if control.tag in family.TAGS and (not family.OBJECTS or about & set(family.OBJECTS)):
            return name
    return None


def _dialogue(content: object, attributes: Mapping[str, str]) -> str:
    """The turns of a dialogue, a line each: the editor counts within a turn."""
    key = attributes.get("textKey") or attributes.get("textkey") or "text"
    rows = content if isinstance(content, list) else []
    turns = [str(row.get(key) or "") if isinstance(row, dict) else "" for row in rows]
    return "\n".join(" ".join(turn.split("\n")) for turn in turns)


class _Said(HTMLParser):
    """The text of a page as the editor counts it: text alone, and one character a line break."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._hidden += tag in ("style", "script")
        if tag == "br":
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "script") and self._hidden > 0

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def _said(html: str) -> str:
    parser = _Said()
    parser.feed(html)
    parser.close()
    return "".join(parser.parts)
