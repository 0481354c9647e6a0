"""What a changed labelling config takes away from answers, and what it adds. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from xml.etree.ElementTree import Element

from defusedxml import ElementTree

FIELD = re.compile(r"\$(\w+)")
MEDIA_TAGS = frozenset({"Image", "Audio", "AudioPlus", "Video", "Pdf", "PDF"})
SEPARATOR = " / "
"""Between the levels of a taxonomy's label."""


@dataclass(frozen=True)
class Control:
    """A control of a labelling config: what an answer can be given with."""

    name: str
    tag: str
    to_name: str
    labels: tuple[str, ...] = ()
    """In the order of the config; empty where anything can be written, or the data decides."""


@dataclass(frozen=True)
class Config:
    """The part of a labelling config that answers depend on."""

    controls: Mapping[str, Control]
    fields: frozenset[str]
    """Names of the fields of a task's data that it shows."""
    media: frozenset[str] = frozenset()
    """Those of them that are pictures, recordings or PDFs."""


@dataclass(frozen=True)
class Change:
    """From one config to another. A renamed control or label is in no other list."""

    removed_controls: tuple[str, ...] = ()
    added_controls: tuple[str, ...] = ()
    renamed_controls: tuple[tuple[str, str], ...] = ()
    """Before and after, of controls that differ in nothing but the name."""
    removed_labels: tuple[tuple[str, str], ...] = ()
    """Control and label."""
    added_labels: tuple[tuple[str, str], ...] = ()
    renamed_labels: tuple[tuple[str, str, str], ...] = ()
    """Control, before and after, where one label stands in the place of another."""
    removed_fields: tuple[str, ...] = ()
    added_fields: tuple[str, ...] = field(default=())

    @property
    def orphans(self) -> bool:
        """Whether answers given before may say what can no longer be said."""
        return bool(
            self.removed_controls
            or self.renamed_controls
            or self.removed_labels
            or self.renamed_labels
        )

    @property
    def matters(self) -> bool:
        """Whether answers given before and after may differ by it at all."""
        return self.orphans or bool(
            self.added_controls or self.added_labels or self.removed_fields or self.added_fields
        )

    @property
    def lost_controls(self) -> frozenset[str]:
        """Names that are no control any more."""
        return frozenset(self.removed_controls) | {before for before, _ in self.renamed_controls}

    @property
    def lost_labels(self) -> frozenset[tuple[str, str]]:
        """Control and label of what such a control no longer offers."""
        return frozenset(self.removed_labels) | {
            (control, before) for control, before, _ in self.renamed_labels
        }


@lru_cache(maxsize=64)
def read(label_config: str) -> Config:
    """The controls and data fields of a labelling config."""
    root = ElementTree.fromstring(label_config)
    controls = {
        tag.get("name", ""): Control(
            name=tag.get("name", ""),
            tag=tag.tag.lower(),
            to_name=tag.get("toName", ""),
            labels=tuple(_labels(tag)),
        )
        for tag in root.iter()
        if tag.get("name") and tag.get("toName")
    }
    shown = [
        (tag.tag, found.group(1))
        for tag in root.iter()
        if tag.get("name") and (found := FIELD.search(tag.get("value") or ""))
    ]
    return Config(
        controls,
        fields=frozenset(name for _, name in shown),
        media=frozenset(name for tag, name in shown if tag in MEDIA_TAGS),
    )


def _labels(tag: Element, above: str = "") -> Iterable[str]:
    for child in tag:
        value = child.get("alias") or child.get("value") or ""
        if value and not value.startswith("$"):
            yield above + value
        yield from _labels(child, f"{above}{value}{SEPARATOR}" if value else above)


def between(before: str, after: str) -> Change:
    """What was removed, added and renamed from one labelling config to the next."""
    if before == after:
        return Change()
    old, new = read(before), read(after)
    changed = [
        name
        for name, control in old.controls.items()
        if name in new.controls and not _takes_answers_of(new.controls[name], control)
    ]
    removed = [name for name in old.controls if name not in new.controls] + changed
    added = [name for name in new.controls if name not in old.controls] + changed
    renamed = tuple(_renamed(old, new, removed, added))
    kept = [name for name in old.controls if name in new.controls and name not in changed]
    labels = [_label_change(old.controls[name], new.controls[name]) for name in kept]
    return Change(
        removed_controls=tuple(n for n in removed if n not in {before for before, _ in renamed}),
        added_controls=tuple(n for n in added if n not in {after for _, after in renamed}),
        renamed_controls=renamed,
        removed_labels=tuple(pair for one in labels for pair in one.removed_labels),
        added_labels=tuple(pair for one in labels for pair in one.added_labels),
        renamed_labels=tuple(three for one in labels for three in one.renamed_labels),
        removed_fields=tuple(sorted(old.fields - new.fields)),
        added_fields=tuple(sorted(new.fields - old.fields)),
    )


def _takes_answers_of(new: Control, old: Control) -> bool:
    return (new.tag, new.to_name) == (old.tag, old.to_name)


def _renamed(
    old: Config, new: Config, removed: Sequence[str], added: Sequence[str]
) -> Iterable[tuple[str, str]]:
    """Pairs that differ in the name alone, where only one such pair can be made."""
    for name in removed:
        was = old.controls[name]
        like = [n for n in added if _is_same_but_name(new.controls[n], was)]
        twins = [n for n in removed if _is_same_but_name(old.controls[n], was)]
        if len(like) == len(twins) == 1 and like[0] != name:
            yield name, like[0]


def _is_same_but_name(one: Control, other: Control) -> bool:
    return (one.tag, one.labels) == (other.tag, other.labels)


def _label_change(old: Control, new: Control) -> Change:
    removed = [label for label in old.labels if label not in new.labels]
    added = [label for label in new.labels if label not in old.labels]
    renamed: list[tuple[str, str]] = []
    if len(old.labels) == len(new.labels):
        pairs = zip(old.labels, new.labels, strict=True)
        renamed = [(a, b) for a, b in pairs if a in removed and b in added]
    befores, afters = {a for a, _ in renamed}, {b for _, b in renamed}
    return Change(
        removed_labels=tuple((old.name, label) for label in removed if label not in befores),
        added_labels=tuple((old.name, label) for label in added if label not in afters),
        renamed_labels=tuple((old.name, a, b) for a, b in renamed),
    )


def uses(answer: Iterable[Mapping[str, Any]], change: Change) -> bool:
    """Whether a stored answer says anything that can no longer be said."""
    return any(
        mark.get("control") in change.lost_controls
        or (mark.get("control"), mark.get("label")) in change.lost_labels
        for mark in answer
    )


def fitting(regions: Sequence[Mapping[str, Any]], label_config: str) -> list[Mapping[str, Any]]:
    """Those of Label Studio's regions that this config can show."""
    controls = read(label_config).controls
    return [region for region in regions if _fits(region, controls)]


def _fits(region: Mapping[str, Any], controls: Mapping[str, Control]) -> bool:
    control = controls.get(str(region.get("from_name")))
    if control is None or control.to_name != region.get("to_name"):
        return False
    said = (region.get("value") or {}).get(str(region.get("type")))
    if not control.labels or not isinstance(said, list):
        return True
    return {_as_label(label) for label in said} <= set(control.labels)


def _as_label(said: object) -> str:
    return SEPARATOR.join(map(str, said)) if isinstance(said, list) else str(said)


def in_words(change: Mapping[str, Any]) -> list[str]:
    """A change, as :func:`dataclasses.asdict` or JSON has it, one line for each thing."""
    lines = [f"control {name} removed" for name in change.get("removed_controls", ())]
    lines += [f"control {a} is now called {b}" for a, b in change.get("renamed_controls", ())]
    lines += [
        f"label {label} of {name} removed" for name, label in change.get("removed_labels", ())
    ]
    lines += [f"label {a} of {name} is now {b}" for name, a, b in change.get("renamed_labels", ())]
    lines += [f"field {name} no longer shown" for name in change.get("removed_fields", ())]
    lines += [f"control {name} added" for name in change.get("added_controls", ())]
    lines += [f"label {label} of {name} added" for name, label in change.get("added_labels", ())]
    lines += [f"field {name} shown" for name in change.get("added_fields", ())]
    return lines
