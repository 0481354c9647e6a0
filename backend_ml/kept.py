"""What was worked out for a text, kept by the digest of the text, up to so many bytes."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Value = TypeVar("Value")

OVERHEAD = 400
"""Bytes that a kept value takes besides its numbers, about."""


class Kept(Generic[Value]):
    """The values of the texts used last; safe to use from threads.

    ``work_out`` gives a value a text, in order, and the same one whenever it is
    asked; ``bytes_of`` says how much room a value takes.
    """

    def __init__(
        self,
        work_out: Callable[[Sequence[str]], Sequence[Value]],
        bytes_of: Callable[[Value], int],
        *,
        most_bytes: int,
    ) -> None:
        self._work_out = work_out
        self._bytes_of = bytes_of
        self._most = most_bytes
        self._values: OrderedDict[bytes, Value] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """How much is kept now."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._values)

    def of(self, texts: Sequence[str]) -> list[Value]:
        """One value a text, in order; those not known are worked out and kept."""
        keys = [_digest(text) for text in texts]
        found = self._known(keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if missing:
            fresh = dict(zip(missing, self._work_out(list(missing.values())), strict=True))
            self._keep(fresh)
            found |= fresh
        return [found[key] for key in keys]

    def _known(self, keys: Sequence[bytes]) -> dict[bytes, Value]:
        with self._lock:
            found = {key: self._values[key] for key in keys if key in self._values}
            for key in found:
                self._values.move_to_end(key)
        return found

    def _keep(self, fresh: dict[bytes, Value]) -> None:
        with self._lock:
            for key, value in fresh.items():
                if key not in self._values:
                    self._values[key] = value
                    self._bytes += self._room(value)
            while self._bytes > self._most:
                _, oldest = self._values.popitem(last=False)
                self._bytes -= self._room(oldest)

    def _room(self, value: Value) -> int:
        return self._bytes_of(value) + OVERHEAD


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
