"""A whole annotation as an answer: results that share a region become one mark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from projects.config import TEXTS, Config
from projects.forms.base import MOST_MARKS
from projects.kinds.base import Kind
from projects.tags import base, spans
from projects.tags.base import Given
from projects.vocabulary import Answer, Mark, as_answer

MOST_RESULTS = 2000
"""Of one annotation; what follows is left out."""


@dataclass
class _Region:
    """The results that share one id of Label Studio."""

    marks: list[Mark] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    """Labels from a control that only names what others draw."""
    said: list[tuple[str, str]] = field(default_factory=list)
    """Control and value of what was said about this region alone."""
    orphans: list[Mark] = field(default_factory=list)
    """The same with the place it was said about, should there be no mark."""
    is_kinds: bool = False
    """Read by a kind; here it only serves the relations."""

    def dressed(self) -> list[Mark]:
        """The marks with their names and attributes."""
        if not self.marks or self.is_kinds:
            return self.orphans
        marks = self.marks
        if self.names and all(not mark.label for mark in marks):
            marks = [replace(mark, label=name) for mark in marks for name in self.names]
        pairs = tuple(sorted(self.said))
        return [replace(mark, attributes=pairs) for mark in marks]


def read(
    config: Config,
    compared: Iterable[str],
    regions: Sequence[object],
    data: Mapping[str, Any],
    kind: Kind | None = None,
) -> Answer:
    """What was said with the controls ``compared``; what cannot be read is left out.

    People and programs write results as they like. Whatever is said with the controls of a
    ``kind`` is read by it.
    """
    controls = set(compared)
    texts = {name: shown.text(data) for name, shown in config.shown.items()}
    found: dict[str, _Region] = {}
    marks: list[Mark] = []
    for index, row in enumerate(regions[:MOST_RESULTS]):
        if not isinstance(row, Mapping) or row.get("type") == "relation":
            continue
        region = found.setdefault(str(row.get("id") or f"#{index}"), _Region())
        name = row.get("from_name")
        if kind is not None and name in kind.controls:
            region.marks += kind.read_region(row, data) if name == kind.control else []
            region.is_kinds = True
        elif (given := _given(config, row, texts)) is not None:
            marks += _take(config, controls, given, region)
    marks += [mark for region in found.values() for mark in region.dressed()]
    marks += _relations(config, controls, regions, found)
    own = kind.read(regions, data) if kind is not None and kind.control in controls else ()
    return as_answer([*own, *marks[:MOST_MARKS]])


def _given(config: Config, row: Mapping[str, Any], texts: Mapping[str, str]) -> Given | None:
    name, value = row.get("from_name"), row.get("value")
    control = config.controls.get(name) if isinstance(name, str) else None
    if control is None or not isinstance(value, Mapping):
        return None
    about, page = config.about(control.name), row.get("item_index")
    width, height = base.number(row.get("original_width")), base.number(row.get("original_height"))
    return Given(
        control=control,
        value=value,
        text=texts.get(about.name, "") if about is not None else "",
        page=str(page) if isinstance(page, int) and not isinstance(page, bool) else "",
        proportion=width / height if width and height and width > 0 and height > 0 else 1.0,
    )


def _take(config: Config, controls: set[str], given: Given, region: _Region) -> list[Mark]:
    """Put one result where it belongs; returns what is about the whole task."""
    name = given.control.name
    if name in config.naming:
        region.names += base.labels_of(given.value, given.control)
        return []
    if name not in controls:
        return []
    marks = config.family(name).read(given)
    if config.is_region(name):
        region.marks += marks
        return []
    if not given.control.per_region:
        return marks
    region.said += [(mark.control, mark.label) for mark in marks]
    region.orphans += [_placed(mark, config, given) for mark in marks]
    return []


def _placed(mark: Mark, config: Config, given: Given) -> Mark:
    about = config.about(mark.control)
    ends = spans.ends_of(given) if about is not None and about.tag in TEXTS else None
    return mark if ends is None else replace(mark, start=ends[0], end=ends[1])


def _relations(
    config: Config, controls: set[str], regions: Sequence[object], found: Mapping[str, _Region]
) -> list[Mark]:
    """A mark for each label of each relation whose two regions were read."""
    name = next((n for n in controls if config.families.get(n) == "relations"), None)
    marks: list[Mark] = []
    for row in regions[:MOST_RESULTS] if name is not None else ():
        if not isinstance(row, Mapping) or row.get("type") != "relation":
            continue
        ends = [found.get(str(row.get(end))) for end in ("from_id", "to_id")]
        if any(end is None or not end.marks for end in ends):
            continue
        joined = [_end(end) for end in ends if end is not None]
        if row.get("direction") == "left":
            joined.reverse()
        elif row.get("direction") == "bi":
            joined = list(as_answer(joined))
        way = "both ways" if row.get("direction") == "bi" else ""
        labels = base.strings(row.get("labels")) or [""]
        marks += [Mark(name or "", label, item=way, ends=tuple(joined)) for label in labels]
    return marks


def _end(region: _Region) -> Mark:
    if region.is_kinds:
        return region.marks[0]
    return region.dressed()[0].bare
