"""The kind ``intent``."""

from pathlib import Path

from projects.kinds.base import Kind

KIND = Kind(
    name="intent",
    title="Message intent",
    folder=Path(__file__).parent,
    form="choice",
    control="intent",
    field="text",
    metric="choices",
    learner="choice_linear",
)
