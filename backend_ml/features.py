"""Text to tokens, spans to tags and back, and what a tagger sees of a token. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import spacy
from spacy.language import Language

from projects.vocabulary import Answer

OUTSIDE = "O"
MOST_TOKENS = 2_000
"""Of a text; what comes after is not looked at. A message has some hundred words."""
LONGEST_RUN = 200
"""Characters without white space that are cut into words at once: the time that spaCy takes
grows with their square (2,000 emoji in a row: half a second; 100,000: minutes)."""
RUNS = 200
AFFIXES = (1, 2, 3, 4)
WORDS_KEPT = 20_000
_RUN = re.compile(rf"\S{{1,{LONGEST_RUN}}}")


@dataclass(frozen=True)
class Token:
    """A word of a text; ``text[start:end]`` is it."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, order=True)
class Span:
    """A labelled stretch of a text, end excluded."""

    start: int
    end: int
    label: str


@cache
def _english() -> Language:
    return spacy.blank("en")


def tokenize(text: str) -> list[Token]:
    """The first words and punctuation of a text, in order; white space belongs to no token."""
    tokens: list[Token] = []
    for begin, end in _pieces(text):
        doc = _english().make_doc(text[begin:end])
        tokens += [
            Token(token.text, begin + token.idx, begin + token.idx + len(token.text))
            for token in doc
            if not token.is_space
        ]
        if len(tokens) >= MOST_TOKENS:
            return tokens[:MOST_TOKENS]
    return tokens


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """Where to cut a text: at white space now and then, and within what has none for too long."""
    begin = end = runs = 0
    for run in _RUN.finditer(text):
        if runs == RUNS or (runs and run.start() == end):
            yield begin, end
            begin, runs = run.start(), 0
        end, runs = run.end(), runs + 1
    if runs:
        yield begin, end


def spans_to_tags(tokens: Sequence[Token], spans: Sequence[Span]) -> list[str]:
    """One tag a token: ``B-label`` begins a span, ``I-label`` continues it, ``O`` is neither.

    A span takes every token that it touches. Where spans overlap the longer one
    stays (then the earlier one); a token has one tag.
    """
    tags = [OUTSIDE] * len(tokens)
    by_length = sorted(set(spans), key=lambda s: (s.start - s.end, s.start, s.label))
    for span in by_length:
        touched = [
            index
            for index, token in enumerate(tokens)
            if token.start < span.end and token.end > span.start
        ]
        if not touched or any(tags[index] != OUTSIDE for index in touched):
            continue
        for index in touched:
            tags[index] = f"I-{span.label}"
        tags[touched[0]] = f"B-{span.label}"
    return tags


def spans_of(answer: Answer, control: str) -> list[Span]:
    """What an answer marks with one control."""
    return [
        Span(mark.start, mark.end, mark.label)
        for mark in answer
        if mark.control == control and mark.start is not None and mark.end is not None
    ]


def labels_of(rows: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """The labels that occur in rows of tags, sorted."""
    return tuple(sorted({tag[2:] for tags in rows for tag in tags if tag != OUTSIDE}))


def tag_groups(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """The spans of a tag sequence as (first token, last token, label).

    An ``I`` that continues nothing begins a span: taggers do emit it.
    """
    groups: list[tuple[int, int, str]] = []
    before = OUTSIDE
    for index, tag in enumerate(tags):
        if tag == OUTSIDE:
            before = tag
            continue
        label = tag[2:]
        if tag[0] == "I" and before != OUTSIDE and before[2:] == label:
            groups[-1] = (groups[-1][0], index, label)
        else:
            groups.append((index, index, label))
        before = tag
    return groups


def tags_to_spans(tokens: Sequence[Token], tags: Sequence[str]) -> list[Span]:
    """The spans that the tags mark, in the order of the text."""
    if len(tokens) != len(tags):
        raise ValueError(f"{len(tags)} tags for {len(tokens)} tokens")
    return [
        Span(tokens[first].start, tokens[last].end, label)
        for first, last, label in tag_groups(tags)
    ]


def shape(word: str) -> str:
    """The outline of a word: ``Feb-12`` is ``Xx-d``; runs of one sort count once."""
    outline = ""
    for character in word:
        if character.isdigit():
            sort = "d"
        elif character.isalpha():
            sort = "X" if character.isupper() else "x"
        else:
            sort = character
        if not outline.endswith(sort):
            outline += sort
    return outline


@lru_cache(maxsize=WORDS_KEPT)
def _of_word(word: str) -> tuple[str, str, tuple[str, ...]]:
    """A word in small letters, its outline, and what a tagger sees of it by itself."""
    lower, outline = word.lower(), shape(word)
    found = ["bias", f"w={lower}", f"s={outline}", f"n={min(len(lower), 8)}"]
    found += [f"p{size}={lower[:size]}" for size in AFFIXES]
    found += [f"q{size}={lower[-size:]}" for size in AFFIXES]
    return lower, outline, tuple(found)


def token_features(tokens: Sequence[Token]) -> list[list[str]]:
    """What a sequence tagger sees of each token: the word, its outline, its neighbours."""
    words = [_of_word(token.text) for token in tokens]
    lowered = [lower for lower, _, _ in words]
    shapes = [outline for _, outline, _ in words]
    return [[*own, *_around(index, lowered, shapes)] for index, (_, _, own) in enumerate(words)]


def _around(index: int, lowered: Sequence[str], shapes: Sequence[str]) -> list[str]:
    word = lowered[index]
    found: list[str] = []
    for offset in (-2, -1, 1, 2):
        place = index + offset
        inside = 0 <= place < len(lowered)
        near = lowered[place] if inside else "<edge>"
        found.append(f"w{offset:+d}={near}")
        if abs(offset) == 1:
            found.append(f"s{offset:+d}={shapes[place] if inside else '<edge>'}")
            pair = (near, word) if offset < 0 else (word, near)
            found.append(f"ww{offset:+d}={pair[0]}|{pair[1]}")
    return found
