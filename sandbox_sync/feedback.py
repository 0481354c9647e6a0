"""What a trainee is told about one comparison, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from projects.agreement.base import Difference
from projects.kit.intervals import Estimate
from projects.vocabulary import Answer, Json, Mark

SIGNS = {"same": "=", "boundary": "↔", "wrong label": "≠", "missed": "-", "spurious": "+"}
"""One sign per kind of difference, readable without colour."""
QUOTE_LENGTH = 80
LINES_SHOWN = 20
"""A Slack block takes 3,000 characters; the page shows the rest."""
DASH = "\u2013"
ROUNDING = 1e-9
"""What arithmetic may leave of nothing."""
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


def percent(value: float | None) -> str:
    """A proportion for people; undefined is a dash, and only all is 100%, only nothing 0%."""
    if value is None:
        return DASH
    if value < ROUNDING or value > 1 - ROUNDING:
        return "0%" if value < ROUNDING else "100%"
    return f"{min(max(round(100 * value), 1), 99)}%"


def with_interval(estimate: Estimate | None) -> str:
    """A rate with its 95% interval and the number it rests on."""
    if estimate is None:
        return DASH
    low, high = percent(estimate.low), percent(estimate.high)
    return f"{percent(estimate.value)} (95% interval {low} to {high}, n = {estimate.n})"


def describe(text: str, differences: Sequence[Difference], *, who: str = YOU) -> list[Line]:
    """Every difference in words; ``who`` is the trainee, as the reader calls them."""
    return [Line(SIGNS[d.kind], d.kind, _sentence(text, d, who)) for d in differences]


def answer_in_words(text: str, answer: Answer) -> str:
    """An answer on one line."""
    return "; ".join(name_mark(text, mark) for mark in answer) or "nothing marked"


def name_mark(text: str, mark: Mark) -> str:
    """A mark as its label, and for a span the words it covers."""
    if mark.start is None or mark.end is None:
        return mark.label
    return f"{mark.label} “{_quote(text[mark.start : mark.end])}”"


def compose(report: Report) -> Message:
    """The personal message about one comparison."""
    changed = [d for d in report.differences if d.kind != "same"]
    headline = _headline(report, len(changed))
    lines = describe(report.text, changed)
    shown = [f"`{line.sign}` {escape(line.words)}" for line in lines[:LINES_SHOWN]]
    if len(lines) > LINES_SHOWN:
        shown.append(f"… and {len(lines) - LINES_SHOWN} more on the page.")
    answers = (
        f"*You:* {escape(answer_in_words(report.text, report.candidate))}\n"
        f"*Production:* {escape(answer_in_words(report.text, report.reference))}"
    )
    score = (
        f"Agreement on this item: *{percent(report.agreement)}*. "
        f"Your running agreement: {with_interval(report.running)}."
    )
    blocks = [_section(f"*{escape(headline)}*"), *([_section("\n".join(shown))] if shown else [])]
    blocks += [_section(answers), _section(score), _section(f"<{report.link}|See both answers>")]
    plain = "\n".join([headline, *(f"{line.sign} {line.words}" for line in lines), report.link])
    return Message(text=plain, blocks=tuple(blocks))


def digest(reports: Sequence[Report], *, link: str) -> Message:
    """One message about several comparisons."""
    lines = [_headline(r, sum(d.kind != "same" for d in r.differences)) for r in reports]
    blocks = [_section("\n".join(escape(line) for line in lines))]
    return Message(text="\n".join([*lines, link]), blocks=tuple(blocks))


def escape(text: str) -> str:
    """Text that Slack shows as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _headline(report: Report, changed: int) -> str:
    again = "Corrected feedback - " if report.is_correction else ""
    if changed == 0:
        return f"{again}{report.kind_title}: your answer is the same as production's."
    noun = "difference" if changed == 1 else "differences"
    return f"{again}{report.kind_title}: {changed} {noun} from production's answer."


def _sentence(text: str, difference: Difference, who: str) -> str:
    ours, theirs = difference.reference, difference.candidate
    begin, have = ("You", "have") if who == YOU else (who, "has")
    if ours is not None and theirs is not None:
        if difference.kind == "same":
            return f"Both: {name_mark(text, ours)}."
        if difference.kind == "boundary":
            return (
                f"{theirs.label}: {who} marked “{_words(text, theirs)}”, "
                f"production marked “{_words(text, ours)}”."
            )
        if not theirs.is_span:
            return f"{begin} chose {theirs.label}, production chose {ours.label}."
        return (
            f"“{_words(text, theirs)}”: {who} marked it {theirs.label}, production "
            f"marked “{_words(text, ours)}” as {ours.label}."
        )
    if ours is not None:
        return f"{begin} missed {name_mark(text, ours)}."
    if theirs is not None:
        return f"Only {who} {have} {name_mark(text, theirs)}."
    raise ValueError("a difference without a mark")


def _words(text: str, mark: Mark) -> str:
    return _quote(text[mark.start or 0 : mark.end or 0])


def _quote(words: str) -> str:
    short = " ".join(words.split())
    return short if len(short) <= QUOTE_LENGTH else f"{short[: QUOTE_LENGTH - 1]}…"


def _section(text: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:2900]}}
