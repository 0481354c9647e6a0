"""What a trainee is told about one comparison, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from projects.agreement.base import Difference
from projects.kit.intervals import Estimate
from projects.vocabulary import Answer, Json
from sandbox_sync import blocks, words

SIGNS = {
    "same": "=",
    "boundary": "↔",
    "wrong label": "≠",
    "wrong attribute": "≈",
    "missed": "-",
    "spurious": "+",
}
"""One sign per kind of difference, readable without colour."""
EXCERPT = 600
"""Characters of the message that are quoted; the page shows all of it."""
LINES_SHOWN = 20
TEXT_SHOWN = 2900
TEXT_LENGTH = 12_000
KINDS_SHOWN, ITEMS_SHOWN = 10, 15
"""Of a digest: a message of Slack takes 50 blocks."""
ENTRY_LINES, ENTRY_LENGTH = 3, 160
SO_FAR = "Your agreement so far"
DASH = "\u2013"
YOU = "you"


@dataclass(frozen=True)
class Line:
    """One difference as a sign and a sentence."""

    sign: str
    kind: str
    words: str


@dataclass(frozen=True)
class Message:
    """What a notifier sends: plain text, and the same as Slack blocks."""

    text: str
    blocks: tuple[Json, ...]


@dataclass(frozen=True)
class Report:
    """The facts of one comparison that a message is made of."""

    kind_title: str
    text: str
    reference: Answer
    candidate: Answer
    agreement: float | None
    differences: Sequence[Difference]
    running: Estimate | None
    link: str
    is_correction: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    """The tag of each control, by name."""


def percent(value: float | None) -> str:
    """A proportion for people; undefined is a dash, and only all is 100%, only nothing 0%."""
    if value is None:
        return DASH
    return words.share(value)


def with_interval(estimate: Estimate | None) -> str:
    """A rate with its 95% interval and the number it rests on."""
    if estimate is None:
        return DASH
    low, high = percent(estimate.low), percent(estimate.high)
    return f"{percent(estimate.value)} (95% interval {low} to {high}, n = {estimate.n})"


def describe(
    text: str,
    differences: Sequence[Difference],
    *,
    who: str = YOU,
    tags: Mapping[str, str] | None = None,
) -> list[Line]:
    """Every difference in words; ``who`` is the trainee, as the reader calls them.

    ``tags`` are those of the config's controls, by name.
    """
    speaker = words.Speaker(who, is_self=who == YOU, tags=tags or {})
    return [
        Line(SIGNS[one.kind], one.kind, words.sentence(text, one, speaker)) for one in differences
    ]


def answer_in_words(text: str, answer: Answer) -> str:
    """An answer on one line."""
    return "; ".join(words.name_mark(text, mark) for mark in answer) or "nothing marked"


def compose(report: Report) -> Message:
    """The personal message about one comparison."""
    headline = _headline(report)
    lines = [
        f"{line.sign} {line.words}"
        for line in describe(report.text, _changed(report), tags=report.tags)
    ]
    more = "… and {} more on the page."
    found = [blocks.header(headline), blocks.context(_occasion(report))]
    if report.text.strip():
        found.append(blocks.section(f"“{blocks.clip(report.text.strip(), EXCERPT)}”"))
    found.append(
        blocks.titled(
            [
                ("You", answer_in_words(report.text, report.candidate)),
                ("Reference answer", answer_in_words(report.text, report.reference)),
            ]
        )
    )
    if lines:
        found.append(blocks.section(blocks.fitting(lines[:LINES_SHOWN], TEXT_SHOWN, rest=more)))
    if len(lines) > LINES_SHOWN:
        found.append(blocks.context(more.format(len(lines) - LINES_SHOWN)))
    found += [
        blocks.divider(),
        blocks.titled([("This item", percent(report.agreement)), (SO_FAR, _score(report))]),
        blocks.links([blocks.button("See both answers", report.link)]),
    ]
    shown = blocks.fitting(lines[:LINES_SHOWN], TEXT_SHOWN, rest=more)
    score = f"This item: {percent(report.agreement)}. {SO_FAR}: {_score(report)}."
    plain = [headline, *([shown] if shown else []), score, report.link]
    return Message(text="\n".join(plain), blocks=tuple(found))


def digest(reports: Sequence[Report], *, link: str) -> Message:
    """One message about several comparisons: those with differences, and what all come to."""
    differing = [report for report in reports if _changed(report)]
    same = len(reports) - len(differing)
    headline = f"{len(reports)} comparisons: {len(differing)} with differences, {same} the same"
    scores = {report.kind_title: _score(report) for report in reports}
    found = [blocks.header(headline)]
    found += [
        blocks.section(f"{title}. {SO_FAR}: {score}")
        for title, score in list(scores.items())[:KINDS_SHOWN]
    ]
    found.append(blocks.divider())
    found += [
        blocks.section(_entry(report), button=blocks.button("Open", report.link))
        for report in differing[:ITEMS_SHOWN]
    ]
    if len(differing) > ITEMS_SHOWN:
        found.append(blocks.context(f"… and {len(differing) - ITEMS_SHOWN} more on the page."))
    found.append(blocks.links([blocks.button("See all my feedback", link)]))
    plain = [headline, *(f"{title}. {SO_FAR}: {score}." for title, score in scores.items())]
    plain += [f"{_entry(report)}\n{report.link}" for report in differing[:ITEMS_SHOWN]]
    return Message(text=blocks.clip("\n".join([*plain, link]), TEXT_LENGTH), blocks=tuple(found))


def _entry(report: Report) -> str:
    """One comparison of a digest: what it was about, and its first differences."""
    lines = describe(report.text, _changed(report), tags=report.tags)
    words = [f"{line.sign} {blocks.clip(line.words, ENTRY_LENGTH)}" for line in lines[:ENTRY_LINES]]
    if len(lines) > ENTRY_LINES:
        words.append(f"… and {len(lines) - ENTRY_LINES} more")
    again = "Corrected: " if report.is_correction else ""
    excerpt = blocks.clip(" ".join(report.text.split()), ENTRY_LENGTH)
    return "\n".join([f"{again}{report.kind_title}: “{excerpt}”", *words])


def _changed(report: Report) -> list[Difference]:
    return [difference for difference in report.differences if difference.kind != "same"]


def _occasion(report: Report) -> str:
    if report.is_correction:
        return "This takes the place of what you were told about this item before."
    return "Your answer, compared with the reference answer."


def _score(report: Report) -> str:
    return with_interval(report.running)


def _headline(report: Report) -> str:
    again = "Corrected: " if report.is_correction else ""
    changed = len(_changed(report))
    if changed == 0:
        return f"{again}{report.kind_title}: the same as the reference answer"
    noun = "difference" if changed == 1 else "differences"
    return f"{again}{report.kind_title}: {changed} {noun} from the reference answer"
