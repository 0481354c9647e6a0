"""Rules that people write: words, or patterns of words, that stand for a label."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import spacy
from spacy.matcher import Matcher, PhraseMatcher
from spacy.tokens import Doc
from spacy.vocab import Vocab

from backend_ml import features
from projects.kinds.base import Kind
from projects.kit.errors import BadInput

Pattern = str | list[dict[str, Any]]
USUAL_CONFIDENCE = 0.5
KEYS = frozenset({"label", "pattern", "confidence", "before", "after", "id"})
LOOKS_AT = frozenset(
    "ORTH TEXT NORM LOWER SHAPE PREFIX SUFFIX LENGTH OP IS_ALPHA IS_ASCII IS_DIGIT IS_LOWER "
    "IS_UPPER IS_TITLE IS_PUNCT IS_BRACKET IS_QUOTE IS_LEFT_PUNCT IS_RIGHT_PUNCT IS_CURRENCY "
    "IS_STOP LIKE_NUM LIKE_URL LIKE_EMAIL".split()
)
"""What can be known of a word without a language model."""


@cache
def _words() -> Vocab:
    return spacy.blank("en").vocab


@dataclass(frozen=True)
class Rule:
    """One line of a rules file."""

    label: str
    pattern: Pattern
    """A phrase in any case, or a token pattern as spaCy's ``Matcher`` takes it."""
    confidence: float = USUAL_CONFIDENCE
    """How often it is right, as its author thinks; in [0, 1]."""
    before: int = 0
    """So many first tokens of the pattern must be there, but are no part of a span."""
    after: int = 0
    """The same of the last ones."""


@dataclass(frozen=True)
class Found:
    """A place in a text where a rule holds, without its context."""

    rule: int
    start: int
    end: int


def read(path: Path, *, labels: Collection[str]) -> tuple[Rule, ...]:
    """The rules of a file, one JSON object a line; empty lines are skipped.

    Raises
    ------
    BadInput
        With the line, when one of them is no rule or its label is not among ``labels``.
    """
    rules: list[Rule] = []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise BadInput("not UTF-8", path.name) from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path.name}, line {number}"
        rules.append(_from_line(line, where=where))
        if rules[-1].label not in labels:
            raise BadInput(f"the config offers no label {rules[-1].label!r}", where)
    return tuple(rules)


def of_kind(kind: Kind) -> tuple[Rule, ...]:
    """The rules of the kind's folder for what is offered now; none without a file.

    Raises
    ------
    BadInput
        As :func:`read`. Rules for labels that only a live project took out are
        passed over.
    """
    if kind.rules is None:
        return ()
    rules = read(kind.rules, labels=_offered(kind))
    return tuple(rule for rule in rules if rule.label in kind.labels)


def _offered(kind: Kind) -> frozenset[str]:
    """The labels of the live config, and those of the kind's own."""
    own = replace(kind, config="")
    there = bool(kind.config) and (kind.folder / "label_config.xml").exists()
    return frozenset({*kind.labels, *(own.labels if there else ())})


def _from_line(line: str, *, where: str) -> Rule:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise BadInput("not JSON", where) from error
    rule = from_json(row, where=where)
    try:
        Rulebook((rule,)).find("Any text, with 2 words.")
    except (ValueError, re.error) as error:
        raise BadInput(f"spaCy cannot use the pattern: {error}", where) from error
    return rule


def from_json(row: object, *, where: str) -> Rule:
    """A rule as JSON has it; what it says of words is left to spaCy to check."""
    if not isinstance(row, Mapping):
        raise BadInput("a rule is a JSON object", where)
    if unknown := sorted(set(row) - KEYS):
        raise BadInput(f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(KEYS))}", where)
    label, pattern = row.get("label"), row.get("pattern")
    if not isinstance(label, str) or not label.strip():
        raise BadInput("label: the name of a label is missing", where)
    confidence = row.get("confidence", USUAL_CONFIDENCE)
    if not _is_number(confidence) or not 0.0 <= confidence <= 1.0:
        raise BadInput("confidence: not a number from 0 to 1", where)
    length = len(pattern) if isinstance(pattern, list) else 1
    before, after = (_count(row.get(key, 0), f"{where}: {key}") for key in ("before", "after"))
    if before + after >= length:
        raise BadInput("before, after: nothing is left of the pattern to mark", where)
    return Rule(label, _pattern(pattern, where=where), float(confidence), before, after)


def _pattern(pattern: object, *, where: str) -> Pattern:
    if isinstance(pattern, str) and features.tokenize(pattern):
        return pattern
    if not isinstance(pattern, list) or not pattern:
        raise BadInput("pattern: neither a phrase nor a list of tokens", where)
    for token in pattern:
        if not isinstance(token, dict):
            raise BadInput("pattern: a token is a JSON object", where)
        if unknown := sorted(key for key in token if key.upper() not in LOOKS_AT):
            known = ", ".join(sorted(LOOKS_AT))
            raise BadInput(f"pattern: unknown {', '.join(unknown)}; known: {known}", where)
    return pattern


def _count(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadInput("not a number of tokens", where)
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class Rulebook:
    """Rules, ready to be looked for in texts.

    Lines that begin with ``>`` quote somebody else and are passed over; white
    space never keeps a pattern from matching.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self._vocab = _words()
        self._tokens = Matcher(self._vocab, validate=True)
        self._phrases = PhraseMatcher(self._vocab, attr="LOWER")
        for number, rule in enumerate(self.rules):
            if isinstance(rule.pattern, str):
                self._phrases.add(str(number), [self._doc(features.tokenize(rule.pattern))])
            else:
                self._tokens.add(str(number), [rule.pattern], greedy="LONGEST")

    def find(self, text: str) -> list[Found]:
        """Every place where a rule holds, in the order of the text."""
        tokens = own_words(text)
        if not tokens or not self.rules:
            return []
        doc = self._doc(tokens)
        found = [
            Found(int(self._vocab.strings[key]), tokens[start].start, tokens[end - 1].end)
            for key, start, end in (self._phrases(doc) if len(self._phrases) else [])
        ]
        matches: Any = self._tokens(doc, with_alignments=True) if len(self._tokens) else ()
        for key, start, _, places in matches:
            number = int(self._vocab.strings[key])
            inside = [start + i for i, place in enumerate(places) if self._marks(number, place)]
            if inside:
                found.append(Found(number, tokens[inside[0]].start, tokens[inside[-1]].end))
        return sorted(found, key=lambda one: (one.start, one.end, one.rule))

    def _marks(self, number: int, place: int) -> bool:
        """Whether a token of the pattern is more than context."""
        rule = self.rules[number]
        return rule.before <= place < len(rule.pattern) - rule.after

    def _doc(self, tokens: Sequence[features.Token]) -> Doc:
        return Doc(self._vocab, words=[token.text for token in tokens])


def own_words(text: str) -> list[features.Token]:
    """The tokens of a text that stand in no quoted line."""
    tokens = features.tokenize(text)
    if ">" not in text:
        return tokens
    quoted = [
        (line.start(), line.end()) for line in re.finditer(r"^[ \t]*>.*$", text, re.MULTILINE)
    ]
    return [t for t in tokens if not any(start <= t.start < end for start, end in quoted)]


def apart(found: Sequence[Found], rules: Sequence[Rule]) -> list[Found]:
    """Matches without overlap: the longest first, then the earlier, then the earlier rule.

    Several rules may agree on a stretch; which of two labels it gets is decided by
    the order of the file.
    """
    kept: list[Found] = []
    owner: dict[int, tuple[int, int, str]] = {}
    for one in sorted(found, key=lambda f: (f.start - f.end, f.start, f.rule)):
        stretch = (one.start, one.end, rules[one.rule].label)
        if all(owner.get(place, stretch) == stretch for place in range(one.start, one.end)):
            owner |= dict.fromkeys(range(one.start, one.end), stretch)
            kept.append(one)
    return kept
