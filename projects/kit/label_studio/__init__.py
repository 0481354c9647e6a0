"""The only HTTP client of Label Studio: a reader without write methods, and a writer.

Built on the official SDK, with its traps closed: a POST is never sent twice by
itself, every count of stored rows is checked, and its many error types become
four of ours.
"""

from projects.kit.label_studio.reader import LabelStudioReader
from projects.kit.label_studio.writer import (
    ANSWER_ACTIONS,
    WEBHOOK_ACTIONS,
    LabelStudioWriter,
)

__all__ = ["ANSWER_ACTIONS", "WEBHOOK_ACTIONS", "LabelStudioReader", "LabelStudioWriter"]
