"""The answers that a trainer may choose among, each once, with who gave it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from projects.scheme import Scheme
from projects.vocabulary import Answer, Mark
from sandbox_sync import feedback
from sandbox_sync.db.gold import Given, Key
from sandbox_sync.db.tables import SnapshotRow
from sandbox_sync.db.voices import Voice

KEY, LABEL = "key-", "label-"


@dataclass
class Option:
    """One answer."""

    name: str
    words: str
    given: Given
    is_key: bool = False
    who: list[str] = field(default_factory=list)


def options(
    scheme: Scheme, snapshot: SnapshotRow, said: Sequence[Voice], key: Key | None
) -> list[Option]:
    """The acceptable answers first, then what people said, then labels nobody chose."""
    text = scheme.text(snapshot.data)
    found: dict[Answer, Option] = {}

    def add(name: str, given: Given, *, is_key: bool = False) -> Option:
        words = feedback.answer_in_words(text, given.answer)
        return found.setdefault(given.answer, Option(name, words, given, is_key))

    if key is not None:
        for number, answer in enumerate(key.answers):
            add(f"{KEY}{number}", Given(answer, key.regions[number]), is_key=True)
    for voice in said:
        mark = " (production's answer)" if voice.is_reference else ""
        add(voice.name, Given(voice.answer, voice.regions)).who.append(f"{voice.who}{mark}")
    if scheme.kind is not None and scheme.kind.form == "choice":
        for number, label in enumerate(scheme.kind.labels):
            unsaid: Answer = (Mark(scheme.kind.control, label),)
            regions = tuple(scheme.kind.write(unsaid, snapshot.data))
            add(f"{LABEL}{number}", Given(unsaid, regions))
    return list(found.values())


def excerpt(text: str, most: int = 90) -> str:
    """The beginning of a text on one line."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
