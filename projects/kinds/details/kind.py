"""The kind ``details``."""

from pathlib import Path

from projects.kinds.base import Kind

KIND = Kind(
    name="details",
    title="Message details",
    folder=Path(__file__).parent,
    form="spans",
    control="details",
    to_name="message",
    field="text",
    metric="spans",
    learner="span_crf",
)
