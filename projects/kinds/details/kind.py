"""The kind ``details``."""

from pathlib import Path

from projects.kinds.base import Kind

KIND = Kind(
    name="details",
    title="Message details",
    folder=Path(__file__).parent,
    form="spans",
    control="details",
    field="text",
    metric="spans",
    learner="span_crf",
    challengers=("span_spacy",),
)
