"""What hurried people do to their texts: slips, casing, emoji. Labels stay attached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from projects.samples.markup import Segment

_EMOJI = ("🙂", "🙏", "👍🏽", "📅", "☕", "🚆", "😅", "👩🏾‍💻", "✅", "🎉")


def disturb(parts: Sequence[Segment], rng: Random) -> list[Segment]:
    """Now and then a few slips, another casing or an emoji; mostly nothing."""
    result = list(parts)
    if rng.random() < 0.14:
        result = _with_slips(result, rng, count=rng.choice((1, 1, 2, 3)))
    dice = rng.random()
    if dice < 0.09:
        result = [replace(part, text=part.text.lower()) for part in result]
    elif dice < 0.11:
        result = [replace(part, text=part.text.upper()) for part in result]
    if rng.random() < 0.1:
        emoji = Segment(rng.choice(_EMOJI))
        result = (
            [emoji, Segment(" "), *result] if rng.random() < 0.5 else [*result, Segment(" "), emoji]
        )
    return result


def _with_slips(parts: list[Segment], rng: Random, *, count: int) -> list[Segment]:
    result = list(parts)
    for _ in range(count):
        index = rng.randrange(len(result))
        if not result[index].label:
            result[index] = Segment(slip(result[index].text, rng))
    return result


def slip(text: str, rng: Random) -> str:
    """One typing error inside a longer word; a text without one stays as it is."""
    inside = [
        index
        for index in range(1, len(text) - 2)
        if all(character.isalpha() for character in text[index - 1 : index + 3])
    ]
    if not inside:
        return text
    at = rng.choice(inside)
    swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    dropped = text[:at] + text[at + 1 :]
    doubled = text[:at] + text[at] + text[at:]
    return rng.choice((swapped, dropped, doubled))
