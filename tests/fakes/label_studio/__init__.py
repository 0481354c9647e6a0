"""An in-memory Label Studio that speaks HTTP, for tests without a server."""

from tests.fakes.label_studio.server import FakeLabelStudio, deliver_to
from tests.fakes.label_studio.store import Refusal, Sent

__all__ = ["FakeLabelStudio", "Refusal", "Sent", "deliver_to"]
