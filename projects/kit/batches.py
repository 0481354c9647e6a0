"""Many things, some at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of ``size``, the last one shorter; read as they are asked for.

    As ``itertools.batched``, which Python has since 3.12.
    """
    waiting = iter(items)
    while some := list(islice(waiting, size)):
        yield some
