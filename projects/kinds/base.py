"""What a kind is: a folder with a config, guidelines and samples, and this description of it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from projects import forms
from projects.forms.base import MOST_MARKS, Control, FormFile, Piece, read_controls, read_objects
from projects.kit import discovery
from projects.kit.errors import BadInput
from projects.kit.text import storable
from projects.policy import Policy
from projects.vocabulary import Answer, Json, Mark, as_answer

RULES = "rules.jsonl"


@dataclass(frozen=True)
class HostedModel:
    """A model that somebody wrote for ``label-studio-ml``, and how it is run."""

    place: str
    """``path/to/model.py:ClassName``."""
    python: str = ""
    """The interpreter; empty for that of the models' environment, else our own."""
    predict_seconds: float = 10.0
    """For up to 200 texts; an annotator may be waiting."""
    fit_seconds: float = 600.0

    @property
    def path(self) -> Path:
        return Path(self.place.rpartition(":")[0]).resolve()

    @property
    def name(self) -> str:
        """The name of the class."""
        return self.place.rpartition(":")[2]


@dataclass(frozen=True)
class Kind:
    """One type of annotation task.

    ``control`` and ``field`` name the tag that is answered and the field of the
    task's data it is about; everything else is read from the folder.
    """

    name: str
    title: str
    folder: Path
    form: str
    """A file of ``projects/forms``."""
    control: str
    field: str
    metric: str
    """A file of ``projects/agreement``."""
    learner: str
    """A file of ``backend_ml/learners``: the one that learns first."""
    challengers: tuple[str, ...] = ()
    """Other files of ``backend_ml/learners`` that may take over once they are better."""
    attribute: str = ""
    """The control that is answered for each span, where the form has one."""
    config: str = ""
    """The labelling config of a live project; empty for the one of the folder."""
    hosted: HostedModel | None = None
    """What the learner ``label_studio_ml`` runs."""
    policy: Policy = dataclasses.field(default_factory=Policy)
    """Which answers count in practice, and how much."""

    @cached_property
    def label_config(self) -> str:
        """As Label Studio gives it back: it cuts off what surrounds the tags."""
        return self.config or (self.folder / "label_config.xml").read_text(encoding="utf-8").strip()

    @cached_property
    def guidelines(self) -> str:
        return (self.folder / "guidelines.md").read_text(encoding="utf-8")

    @cached_property
    def guideline_version(self) -> str:
        """Short digest of the guidelines: the same words, the same version."""
        return hashlib.sha256(self.guidelines.encode()).hexdigest()[:12]

    @cached_property
    def rules(self) -> Path | None:
        """The file of patterns that answer before a model has learned; ``None`` without one."""
        path = self.folder / RULES
        return path if path.exists() else None

    @cached_property
    def form_file(self) -> FormFile:
        return cast(FormFile, discovery.load(forms, self.form))

    @cached_property
    def controls(self) -> dict[str, Control]:
        """The controls that this kind answers, by name."""
        found = read_controls(self.label_config)
        return {name: found[name] for name in (self.control, self.attribute) if name in found}

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The label names that the config offers, in its order; none for a number."""
        return self.controls[self.control].labels

    @cached_property
    def attribute_labels(self) -> tuple[str, ...]:
        """What can be chosen for a span, where the form has that."""
        return self.controls[self.attribute].labels if self.attribute else ()

    def with_config(self, config: str) -> Kind:
        """This kind under the labelling config of a live project.

        Labels may have been added or removed there; they are what people see.

        Raises
        ------
        BadInput
            When the config cannot hold the answers of this kind.
        """
        config = config.strip()
        if config == self.label_config:
            return self
        check_config(config, self)
        return replace(self, config=config)

    def text(self, data: Mapping[str, Any]) -> str:
        """What the person reads and answers about."""
        return storable(str(data.get(self.field) or ""))

    def is_answer(self, answer: Answer) -> bool:
        """Whether it says something; of spans, that there are none does."""
        return bool(answer) or self.form_file.EMPTY_IS_AN_ANSWER

    def offers(self, answer: Answer) -> bool:
        """Whether the config still has a place for every mark."""
        offered = self._offered
        return all(
            mark.control in offered
            and (not (labels := offered[mark.control]) or mark.label in labels)
            for mark in answer
        )

    @cached_property
    def _offered(self) -> Mapping[str, frozenset[str]]:
        return {name: frozenset(control.labels) for name, control in self.controls.items()}

    def read(self, regions: Sequence[object], data: Mapping[str, Any]) -> Answer:
        """Label Studio's regions as an answer; other controls are left out.

        People and programs write regions as they like: what cannot be read, or
        names a label that the config does not offer, is left out, and so is
        everything after the first ``MOST_MARKS`` marks.
        """
        marks: list[Mark] = []
        for region in regions:
            if len(marks) >= MOST_MARKS:
                break
            marks.extend(self.read_region(region, data))
        return as_answer(self._attached(marks[:MOST_MARKS]))

    def read_region(self, region: object, data: Mapping[str, Any]) -> list[Mark]:
        """What one of Label Studio's regions says, by itself."""
        if not isinstance(region, Mapping) or not isinstance(region.get("from_name"), str):
            return []
        control, value = self.controls.get(region["from_name"]), region.get("value")
        if control is None or not isinstance(value, Mapping):
            return []
        return self.form_file.read(value, control, self.text(data))

    def write(
        self,
        answer: Answer,
        data: Mapping[str, Any],
        confidences: Sequence[float] | None = None,
    ) -> list[Json]:
        """An answer as Label Studio's regions; ``confidences`` are per mark, in [0, 1].

        A region of several marks carries the smallest of theirs. A choice about a span
        that is not marked is left out: the editor would keep it, and not show it. So is
        what :meth:`read` would leave out, after the first ``MOST_MARKS`` marks.
        """
        if confidences is not None and len(confidences) != len(answer):
            raise ValueError(f"{len(confidences)} confidences for {len(answer)} marks")
        kept = self._attached(answer[:MOST_MARKS])
        if confidences is not None and len(kept) < len(answer):
            confidences = [c for m, c in zip(answer, confidences, strict=True) if m in kept]
        answer = tuple(kept)
        pieces = self.form_file.write(answer, self.controls, self.text(data))
        regions = []
        for index, piece in enumerate(pieces):
            region = self._region(piece, index)
            if confidences is not None:
                region["score"] = round(min(float(confidences[i]) for i in piece.marks), 4)
            regions.append(region)
        return regions

    def _attached(self, marks: Sequence[Mark]) -> Sequence[Mark]:
        """Without the choices about spans that are not marked."""
        if not self.attribute:
            return marks
        spans = {(mark.start, mark.end) for mark in marks if mark.control == self.control}
        return [m for m in marks if m.control != self.attribute or (m.start, m.end) in spans]

    def _region(self, piece: Piece, index: int) -> Json:
        return {
            "id": f"{self.name}-{piece.region or index}",
            "from_name": piece.control,
            "to_name": self.controls[piece.control].to_name,
            "type": piece.type,
            "value": piece.value,
        }


def check_config(config: str, kind: Kind) -> None:
    """Make sure that the answers of a kind fit a labelling config.

    Labels may differ: they are the project's own.

    Raises
    ------
    BadInput
        When it is not a labelling config, lacks what the kind answers, or has it answered
        about another field of the task than the kind reads.
    """
    found = read_controls(config)
    where = f"schema, {kind.control!r}"
    control = found.get(kind.control)
    if control is None:
        what = f"kind {kind.name!r} writes to a control {kind.control!r}, which is not there"
        raise BadInput(what, "schema")
    if control.tag not in kind.form_file.TAGS or (control.several and kind.form == "choice"):
        raise BadInput(f"<{control.tag}> cannot hold {kind.form}", where)
    shown = read_objects(config).get(control.to_name)
    if shown is not None and shown != f"${kind.field}":
        what = f"it is about {shown or 'nothing'!r}, and kind {kind.name!r} reads '${kind.field}'"
        raise BadInput(what, f"{where}, toName {control.to_name!r}")
    if not control.labels and kind.form != "number":
        raise BadInput("it offers no labels", where)
    if kind.attribute and kind.attribute not in found:
        what = f"kind {kind.name!r} writes to a control {kind.attribute!r}, which is not there"
        raise BadInput(what, "schema")
