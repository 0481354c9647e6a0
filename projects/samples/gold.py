"""Gold items of the kinds: messages with every acceptable answer.

``python -m projects.samples.gold`` writes the files anew; read what changed
before committing it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from projects.flow.messages import Message, message_from_json, message_to_json
from projects.kinds import registry
from projects.kinds.base import Kind
from projects.samples.generator import generate
from projects.vocabulary import Answer, answer_from_json, answer_to_json

GOLD_COUNT = 60
GOLD_SEED = 61


@dataclass(frozen=True)
class GoldItem:
    """A message and the answers that count as right for one kind, the best one first."""

    id: str
    message: Message
    answers: tuple[Answer, ...]


def path(kind: Kind) -> Path:
    """Where a kind keeps its gold."""
    return kind.folder / "samples" / "gold.jsonl"


def read(kind: Kind) -> list[GoldItem]:
    """The gold items of a kind as they are stored.

    Raises
    ------
    ValueError
        When a line is not a gold item.
    """
    lines = path(kind).read_text(encoding="utf-8").split("\n")
    return [_from_json(line) for line in lines if line]


def make(kind: Kind, count: int = GOLD_COUNT) -> list[GoldItem]:
    """Gold items from the generator, with other messages for every kind."""
    seed = GOLD_SEED + crc32(kind.name.encode())
    samples = generate(count, seed=seed, prefix=f"gold-{kind.name}")
    return [
        GoldItem(
            id=sample.message.id,
            message=sample.message,
            answers=(sample.truth[kind.name], *sample.also.get(kind.name, ())),
        )
        for sample in samples
        if kind.name in sample.truth
    ]


def to_lines(items: list[GoldItem]) -> str:
    """The items as JSON, one a line."""
    return "".join(
        json.dumps(
            {
                "id": item.id,
                "message": message_to_json(item.message),
                "answers": [answer_to_json(answer) for answer in item.answers],
            },
            ensure_ascii=False,
        )
        + "\n"
        for item in items
    )


def write_all() -> None:
    """Write the gold file of every kind that the samples know."""
    for kind in registry.all_kinds():
        if items := make(kind):
            path(kind).parent.mkdir(exist_ok=True)
            path(kind).write_text(to_lines(items), encoding="utf-8", newline="\n")


def _from_json(line: str) -> GoldItem:
    row = json.loads(line)
    return GoldItem(
        id=str(row["id"]),
        message=message_from_json(row["message"]),
        answers=tuple(answer_from_json(answer) for answer in row["answers"]),
    )


if __name__ == "__main__":
    write_all()
