"""What every form of answer offers, and the control of a labelling config it is given with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeGuard
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring

from projects.kit.errors import BadInput
from projects.vocabulary import Answer, Json, Mark

STEP = " > "
"""Between the nodes of a taxonomy path in the name of its label."""
MOST_MARKS = 500
"""Of one answer; no person marks a message that often, and comparing takes its time."""


@dataclass(frozen=True)
class Control:
    """A tag of a labelling config that people answer with."""

    name: str
    tag: str
    to_name: str
    labels: tuple[str, ...] = ()
    """The labels that it offers, in its order; paths of a taxonomy joined with ``STEP``."""
    several: bool = False
    """Whether a person may choose more than one."""
    per_region: bool = False
    """Whether it belongs to a marked span, not to the whole text."""
    least: float = -math.inf
    most: float = math.inf
    """The bounds of a number or a rating, both included."""


@dataclass(frozen=True)
class Piece:
    """One of Label Studio's regions, without its name: ``marks`` are positions in the answer."""

    control: str
    type: str
    value: Json
    marks: tuple[int, ...]
    region: str = ""
    """Pieces that are about the same span share this."""


class FormFile(Protocol):
    """A file of this package."""

    TAGS: tuple[str, ...]
    """The tags whose answers have this form."""
    EMPTY_IS_AN_ANSWER: bool
    """Whether marking nothing says something: there is nothing to mark."""

    def read(self, value: Mapping[str, object], control: Control, text: str) -> list[Mark]:
        """The marks of one region; what cannot be read is left out."""

    def write(self, answer: Answer, controls: Mapping[str, Control], text: str) -> list[Piece]:
        """The regions of an answer."""


def read_controls(config: str) -> dict[str, Control]:
    """The controls of a labelling config by name.

    Raises
    ------
    BadInput
        When it is not a labelling config.
    """
    return {
        element.attrib["name"]: _control(element)
        for element in _parsed(config).iter()
        if element.attrib.get("name") and element.attrib.get("toName")
    }


def read_objects(config: str) -> dict[str, str]:
    """What the tags that are answered about show, by name: ``$field``, or words of their own.

    Raises
    ------
    BadInput
        When it is not a labelling config.
    """
    return {
        element.attrib["name"]: element.attrib.get("value", "").strip()
        for element in _parsed(config).iter()
        if element.attrib.get("name") and not element.attrib.get("toName")
    }


def _parsed(config: str) -> Element:
    try:
        return fromstring(config)
    except Exception as error:  # malformed, or one of the attacks that the parser refuses
        raise BadInput("not a labelling config", "schema") from error


def _control(element: Element) -> Control:
    attributes = element.attrib
    least, most = _bounds(element.tag, attributes)
    return Control(
        name=attributes["name"],
        tag=element.tag,
        to_name=attributes["toName"],
        labels=tuple(dict.fromkeys(_labels(element))),
        several=element.tag == "Taxonomy" or attributes.get("choice", "").startswith("multiple"),
        per_region=attributes.get("perRegion", "").lower() == "true",
        least=least,
        most=most,
    )


def _labels(element: Element, path: tuple[str, ...] = ()) -> list[str]:
    """The values below a control: of a taxonomy every node, with the way to it."""
    found = []
    for child in element:
        value = child.attrib.get("alias") or child.attrib.get("value")
        here = path if value is None else (*path, value)
        if value is not None and child.tag in ("Choice", "Label"):
            found.append(STEP.join(here))
        found += _labels(child, here)
    return found


def _bounds(tag: str, attributes: Mapping[str, str]) -> tuple[float, float]:
    if tag == "Rating":
        return 1.0, _number(attributes.get("maxRating")) or 5.0
    least, most = _number(attributes.get("min")), _number(attributes.get("max"))
    return (-math.inf if least is None else least), (math.inf if most is None else most)


def _number(text: str | None) -> float | None:
    try:
        found = float(text or "")
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def known(labels: object, control: Control) -> list[str]:
    """Those of ``labels`` that the control offers."""
    given: Sequence[object] = labels[:MOST_MARKS] if isinstance(labels, list | tuple) else ()
    return [label for label in given if isinstance(label, str) and label in control.labels]


def is_offset(value: object) -> TypeGuard[int]:
    """Whether this can be a place in a text."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def ends_of(value: Mapping[str, object], text: str) -> tuple[int, int] | None:
    """Start and end of a marked span, cut at the end of the text; ``None`` when there is none."""
    start, end = value.get("start"), value.get("end")
    if not (is_offset(start) and is_offset(end)):
        return None
    end = min(end, len(text))
    return (start, end) if start < end else None
