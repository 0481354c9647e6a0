"""What a kind is: a folder with a config, guidelines and samples, and this description of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from label_studio_sdk.label_interface import LabelInterface

from projects.vocabulary import Answer, Json, Mark, as_answer

Form = Literal["choice", "spans"]


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
        return (self.folder / "label_config.xml").read_text(encoding="utf-8")

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

    def read(self, regions: Sequence[Mapping[str, Any]], data: Mapping[str, Any]) -> Answer:
        """Label Studio's regions as an answer; other controls are left out."""
        read_one = _read_choices if self.form == "choice" else _read_span
        text = self.text(data)
        marks: list[Mark] = []
        for region in regions:
            if region.get("from_name") == self.control:
                marks.extend(read_one(region, text))
        return as_answer(marks)

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


def _read_choices(region: Mapping[str, Any], text: str) -> list[Mark]:
    del text
    value = region.get("value") or {}
    return [Mark(str(region["from_name"]), str(label)) for label in value.get("choices") or ()]


def _read_span(region: Mapping[str, Any], text: str) -> list[Mark]:
    value = region.get("value") or {}
    if value.get("start") is None or value.get("end") is None:
        return []
    start, end = (min(max(int(value[side]), 0), len(text)) for side in ("start", "end"))
    control = str(region["from_name"])
    return [Mark(control, str(label), start, end) for label in value.get("labels") or ()]
