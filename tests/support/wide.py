"""A made-up mailbox of many words: sixty places and sixty people, each in the same sentences."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from projects.vocabulary import Answer, Mark
from tests.support.kinds import CONTROL

STARTS = "al bor cam dor el fen gil har ir jun kel lor mar nor os".split()
ENDS = "mo ra sti va bi ke no tu".split()
WORDS = [(start + end, (i + j) % 2) for i, start in enumerate(STARTS) for j, end in enumerate(ENDS)]
"""Of which sort a word is, neither its start nor its end tells."""
PLACES = tuple(word for word, sort in WORDS if sort)
PEOPLE = tuple(word for word, sort in WORDS if not sort)
BEFORE = "look, "
ABOUT_PLACES = ("we fly to {} soon", "is it warm in {} now", "the train from {} was late")
ABOUT_PEOPLE = ("please call {} back", "{} wrote a long letter", "ask {} about lunch")


def texts(count: int, *, seed: int = 0) -> list[str]:
    """Sentences about places and people; in each only a word of its sort can stand."""
    rng = Random(seed)
    return [_sentence(rng) for _ in range(count)]


def bare(words: Sequence[str]) -> list[str]:
    """Each word in a text that does not say of which sort it is."""
    return [f"{BEFORE}{word}" for word in words]


def marked(places: Sequence[str], people: Sequence[str]) -> tuple[list[str], list[Answer]]:
    """The same with true answers: a place is marked, a person is not."""
    span = [(Mark(CONTROL, "Date", len(BEFORE), len(BEFORE + place)),) for place in places]
    return bare((*places, *people)), [*span, *[()] * len(people)]


def _sentence(rng: Random) -> str:
    sentences, words = rng.choice(((ABOUT_PLACES, PLACES), (ABOUT_PEOPLE, PEOPLE)))
    return rng.choice(sentences).format(rng.choice(words))
