"""What a kind is: a folder with a config, guidelines and samples, and this description of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeGuard

from label_studio_sdk.label_interface import LabelInterface

from projects.vocabulary import Answer, Json, Mark, as_answer

Form = Literal["choice", "spans"]

MOST_MARKS = 500
"""Of one answer; no person marks a message that often, and comparing takes its time."""


@dataclass(frozen=True)
class Kind:
    """One type of annotation task.

    ``control`` and ``field`` name the tag that is answered and the field of the
    task's data it is about; everything else is read from the folder.
    """

    name: str
    title: str
    folder: Path
    form: Form
    control: str
    to_name: str
    field: str
    metric: str
    """A file of ``projects/agreement``."""
    learner: str
    """A file of ``backend_ml/learners``."""

    @cached_property
    def label_config(self) -> str:
        """As Label Studio gives it back: it cuts off what surrounds the tags."""
        return (self.folder / "label_config.xml").read_text(encoding="utf-8").strip()

    @cached_property
    def guidelines(self) -> str:
        return (self.folder / "guidelines.md").read_text(encoding="utf-8")

    @cached_property
    def guideline_version(self) -> str:
        """Short digest of the guidelines: the same words, the same version."""
        return hashlib.sha256(self.guidelines.encode()).hexdigest()[:12]

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The label names that the config offers, in its order."""
        return tuple(LabelInterface(self.label_config).get_control(self.control).labels)

    def text(self, data: Mapping[str, Any]) -> str:
        """What the person reads and answers about."""
        return str(data.get(self.field) or "")

    def read(self, regions: Sequence[object], data: Mapping[str, Any]) -> Answer:
        """Label Studio's regions as an answer; other controls are left out.

        People and programs write regions as they like: what cannot be read, or
        names a label that the config does not offer, is left out, and so is
        everything after the first ``MOST_MARKS`` marks.
        """
        text = self.text(data)
        marks: list[Mark] = []
        for region in regions:
            if len(marks) >= MOST_MARKS:
                break
            if isinstance(region, Mapping) and region.get("from_name") == self.control:
                marks.extend(self._read_one(region.get("value"), text))
        return as_answer(marks[:MOST_MARKS])

    def _read_one(self, value: object, text: str) -> list[Mark]:
        if not isinstance(value, Mapping):
            return []
        if self.form == "choice":
            return [Mark(self.control, label) for label in self._known(value.get("choices"))]
        start, end = value.get("start"), value.get("end")
        if not (_is_offset(start) and _is_offset(end)):
            return []
        end = min(end, len(text))
        if start >= end:
            return []
        return [Mark(self.control, label, start, end) for label in self._known(value.get("labels"))]

    def _known(self, labels: object) -> list[str]:
        """Those of ``labels`` that the config offers."""
        given = labels[:MOST_MARKS] if isinstance(labels, list | tuple) else ()
        return [label for label in given if isinstance(label, str) and label in self.labels]

    def write(
        self,
        answer: Answer,
        data: Mapping[str, Any],
        confidences: Sequence[float] | None = None,
    ) -> list[Json]:
        """An answer as Label Studio's regions; ``confidences`` are per mark, in [0, 1]."""
        if confidences is not None and len(confidences) != len(answer):
            raise ValueError(f"{len(confidences)} confidences for {len(answer)} marks")
        text = self.text(data)
        regions = []
        for index, mark in enumerate(answer):
            region = self._write_one(mark, text, index)
            if confidences is not None:
                region["score"] = round(float(confidences[index]), 4)
            regions.append(region)
        return regions

    def _write_one(self, mark: Mark, text: str, index: int) -> Json:
        common: Json = {
            "id": f"{self.name}-{index}",
            "from_name": self.control,
            "to_name": self.to_name,
        }
        if mark.start is None or mark.end is None:
            return common | {"type": "choices", "value": {"choices": [mark.label]}}
        value = {
            # Its editor counts characters as Python does, also beyond the BMP (seen in 1.23.2).
            "start": mark.start,
            "end": mark.end,
            "text": text[mark.start : mark.end],
            "labels": [mark.label],
        }
        return common | {"type": "labels", "value": value}


def _is_offset(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
