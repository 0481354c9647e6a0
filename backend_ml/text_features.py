"""Texts as sparse rows of hashed words and pieces of words.

What a text contains does not depend on other texts, so it is worked out once and
kept, by the digest of the text: fitting again, or predicting a whole pool again,
costs a sparse matrix product and no second analysis.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from backend_ml.kept import Kept

Codes = NDArray[np.uint32]
Wide = NDArray[np.uint64]

MOST_CHARACTERS = 20_000
"""Of a text; what comes after them is not looked at."""
KEPT_BYTES = 192 * 2**20
BLOCK_CHARACTERS = 500_000
"""Texts are analysed so many characters at a time."""
PIECES = (2, 3, 4, 5)
WORDS, PARTS = 0, 1
"""The two groups of features, told apart by the last bit of their number."""
LARGEST = np.uint32(0xFFFFFFFF)
MOST_BITS = 22
"""Of a number, to begin a search with: 32 MB for four million features."""
_WORD = re.compile(r"\w\w+")
_STEP = np.uint64(0x9E3779B97F4A7C15)


Row = tuple[Codes, NDArray[np.uint8]]
"""What one text contains: numbers of features, ascending, and how often each occurs.

A bare tuple of arrays, because Python's garbage collection does not look through those: it
stopped every answer for 25 to 145 ms each time the kept texts had grown by a quarter.
"""


def analyse(texts: Sequence[str]) -> list[Row]:
    """What each text contains: words and pairs of words, and pieces of 2 to 5 characters.

    The pieces do not cross words, and a word's edges count as characters (what
    scikit-learn calls ``char_wb``). Every feature is a number of 32 bits: two
    features share one by accident about once in two billion pairs.
    """
    rows: list[Row] = []
    for block in _blocks([text[:MOST_CHARACTERS].lower() for text in texts]):
        rows += _analyse(block)
    return rows


def _blocks(texts: Sequence[str]) -> Iterator[list[str]]:
    block: list[str] = []
    size = 0
    for text in texts:
        block.append(text)
        size += len(text) + 2
        if size >= BLOCK_CHARACTERS:
            yield block
            block, size = [], 0
    if block:
        yield block


def _analyse(texts: Sequence[str]) -> list[Row]:
    places, features = (
        np.concatenate(both) for both in zip(_words(texts), _pieces(texts), strict=True)
    )
    keys, counts = np.unique((places << np.uint64(32)) | features, return_counts=True)
    ends = np.searchsorted(keys, np.arange(1, len(texts) + 1, dtype=np.uint64) << np.uint64(32))
    found = (keys & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    often = np.minimum(counts, 255).astype(np.uint8)
    starts = [0, *ends[:-1].tolist()]
    return [(found[a:b].copy(), often[a:b].copy()) for a, b in zip(starts, ends, strict=True)]


def _words(texts: Sequence[str]) -> tuple[Wide, Wide]:
    """Row and feature of every word of two characters or more, and of every two in a row."""
    codes: list[int] = []
    lengths: list[int] = []
    for text in texts:
        found = _codes(text)
        codes += found
        lengths.append(len(found))
    rows = np.repeat(np.arange(len(texts), dtype=np.uint64), lengths)
    one = np.array(codes, dtype=np.uint64)
    beside = rows[1:] == rows[:-1]
    two = (one[:-1] * _STEP + one[1:] + np.uint64(1))[beside]
    return (
        np.concatenate([rows, rows[:-1][beside]]),
        _number(np.concatenate([one, two]), group=WORDS),
    )


def words_in_order(texts: Sequence[str]) -> list[Codes]:
    """The features of the words of each text, in the order of the text."""
    found = [_codes(text[:MOST_CHARACTERS].lower()) for text in texts]
    return [
        _number(np.array(codes, dtype=np.uint64), group=WORDS).astype(np.uint32) for codes in found
    ]


def _codes(text: str) -> list[int]:
    """Of each word of a text in small letters."""
    words = _WORD.findall(_plain(text))
    return [zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in words]


def _plain(text: str) -> str:
    """Without accents."""
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFKD", text)
    return "".join(c for c in parts if not unicodedata.combining(c))


def _pieces(texts: Sequence[str]) -> tuple[Wide, Wide]:
    """Row and feature of every stretch of characters within a word and its two edges."""
    padded = [f" {' '.join(text.split())} " for text in texts]
    whole = "".join(padded).encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(whole, dtype=np.uint32).astype(np.uint64)
    rows = np.repeat(np.arange(len(texts), dtype=np.uint64), [len(text) for text in padded])
    edge = codes == ord(" ")
    value, crosses = codes, np.zeros(len(codes), dtype=np.bool_)
    at, found = [], []
    for size in PIECES:
        count = max(0, len(codes) - size + 1)
        value = value[:count] * _STEP + codes[size - 1 :]
        crosses = crosses[:count] | (edge[size - 2 :][:count] if size > 2 else False)
        inside = ~(crosses | (edge[:count] & edge[1:][:count]))
        at.append(rows[:count][inside])
        found.append(value[inside] + np.uint64(size))
    return np.concatenate(at), _number(np.concatenate(found), group=PARTS)


def _number(codes: Wide, *, group: int) -> Wide:
    """Codes spread evenly over 31 bits, and the group in the last bit.

    References
    ----------
    Steele, Lea & Flood (2014), OOPSLA: the finishing steps of SplitMix64.
    """
    mixed = codes ^ (codes >> np.uint64(30))
    mixed = mixed * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = mixed ^ (mixed >> np.uint64(31))
    return np.asarray(((mixed >> np.uint64(33)) << np.uint64(1)) | np.uint64(group))


KEPT = Kept(analyse, lambda row: row[0].nbytes + row[1].nbytes, most_bytes=KEPT_BYTES)
"""Of this process. It holds nothing that could not be worked out again."""


@dataclass(frozen=True)
class Weights:
    """The features that a training saw, and how much each of them says.

    Attributes
    ----------
    features : array of uint32, shape (n_features,)
        Ascending.
    rarity : array of float32, shape (n_features,)
        ``ln((1 + n) / (1 + d)) + 1`` for a feature in ``d`` of ``n`` texts.
    texts : int
        ``n``, all that were seen.
    """

    features: Codes
    rarity: NDArray[np.float32]
    texts: int

    def __len__(self) -> int:
        return len(self.features)

    def matrix(self, texts: Sequence[str]) -> Any:
        """Sparse float32 rows, shape (n_texts, n_features).

        A feature that occurs ``c`` times weighs ``(1 + ln c)`` times its rarity; the
        words of a text and its pieces each make a row of unit length, side by side.
        A feature that no training text had has no column, but it counts in the length:
        what is mostly unknown comes out short, and a model is in doubt about it, as it
        was about the texts that it was calibrated with.
        """
        rows = KEPT.of(texts)
        features, counts, lengths = _joined(rows)
        found, known = self.among.places(features)
        columns = found[known]
        places = np.repeat(np.arange(len(rows)), lengths)
        rarity = np.full(len(features), _rarity(self.texts, np.zeros(1))[0])
        rarity[known] = self.rarity[columns]
        values = (1.0 + np.log(counts.astype(np.float32))) * rarity
        groups = 2 * places + (features & np.uint32(1))
        sizes = np.sqrt(np.bincount(groups, weights=values**2, minlength=2 * len(rows)))
        values = (values / sizes[groups])[known].astype(np.float32)
        return _rows(values, columns, places[known], shape=(len(rows), len(self)))

    @cached_property
    def among(self) -> Ascending:
        """The features, ready to be looked up in."""
        return Ascending.of(self.features)


@dataclass(frozen=True)
class Ascending:
    """Ascending numbers of 32 bits, evenly spread, in which to look up many others at once.

    The first bits of a number say nearly where it is, so that a look takes one or two
    steps where halving takes fifteen: a tenth of the time of ``numpy.searchsorted``.
    """

    numbers: Codes
    """With the largest one more at the end."""
    shift: np.uint32
    starts: NDArray[np.int64]
    """Where the numbers of each beginning begin."""

    @classmethod
    def of(cls, numbers: Codes) -> Ascending:
        """Ready to be looked up in."""
        bits = min(len(numbers).bit_length() + 1, MOST_BITS)
        shift = np.uint32(32 - bits)
        often = np.bincount(numbers >> shift, minlength=1 << bits)
        return cls(np.append(numbers, LARGEST), shift, np.cumsum(often) - often)

    def places(self, others: Codes) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Where each of the others is, or would go, among the numbers, and which are there."""
        found = self.search(others)
        return found, np.equal(self.numbers[found], others) & (found < len(self.numbers) - 1)

    def search(self, others: Codes) -> NDArray[np.int64]:
        """What ``numpy.searchsorted(numbers, others)`` says."""
        places: NDArray[np.int64] = self.starts[others >> self.shift]
        early = np.flatnonzero(self.numbers[places] < others)
        while len(early):
            places[early] += 1
            early = early[self.numbers[places[early]] < others[early]]
        return places


def counts_of(texts: Sequence[str], among: Ascending) -> Any:
    """How often each text has each of some features, sparse, shape (n_texts, n_features)."""
    rows = KEPT.of(texts)
    features, counts, lengths = _joined(rows)
    found, known = among.places(features)
    columns = found[known]
    places = np.repeat(np.arange(len(rows)), lengths)[known]
    shape = (len(rows), len(among.numbers) - 1)
    return _rows(counts[known].astype(np.float32), columns, places, shape=shape)


def _rows(
    values: NDArray[np.float32],
    columns: NDArray[np.int64],
    places: NDArray[np.int64],
    *,
    shape: tuple[int, int],
) -> Any:
    """A sparse matrix of values in the order of their rows."""
    ends = np.concatenate([[0], np.cumsum(np.bincount(places, minlength=shape[0]))])
    parts = (values, columns.astype(np.int32), ends.astype(np.int32))
    return sparse.csr_matrix(parts, shape=shape)


def weigh(texts: Sequence[str], *, most: int) -> Weights:
    """Weights from the texts of a training, for at most so many features.

    When there are more, those in the fewest texts are left out.
    """
    features, _, _ = _joined(KEPT.of(texts))
    found, often = np.unique(features, return_counts=True)
    if len(found) > most:
        kept = np.sort(np.argsort(-often, kind="stable")[:most])
        found, often = found[kept], often[kept]
    return Weights(found, _rarity(len(texts), often), len(texts))


def widen(
    weights: Weights, texts: Sequence[str], *, most: int
) -> tuple[Weights, NDArray[np.int64]]:
    """Weights with the features that only these texts have, and where those go among the old.

    The old ones keep their rarity. When there is no room for all, none is added.
    """
    features, _, _ = _joined(KEPT.of(texts))
    found, often = np.unique(features, return_counts=True)
    places, known = weights.among.places(found)
    found, often, places = found[~known], often[~known], places[~known]
    if len(weights) + len(found) > most:
        return weights, np.zeros(0, dtype=np.int64)
    count = weights.texts + len(texts)
    rarity = np.insert(weights.rarity, places, _rarity(count, often))
    return Weights(np.insert(weights.features, places, found), rarity, count), places


def _rarity(texts: int, often: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(np.log((1.0 + texts) / (1.0 + often)) + 1.0, dtype=np.float32)


def _joined(rows: Sequence[Row]) -> tuple[Codes, NDArray[np.uint8], list[int]]:
    if not rows:
        return np.zeros(0, np.uint32), np.zeros(0, np.uint8), []
    features, counts = zip(*rows, strict=True)
    return np.concatenate(features), np.concatenate(counts), [len(one) for one in features]
