"""What trainees are told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects.agreement import choices, spans
from projects.kit.intervals import Estimate
from projects.vocabulary import Answer, Mark
from sandbox_sync import feedback
from tests.support import slack_limits

TEXT = "Lunch with Ann on Friday at noon"


def span(label: str, words: str) -> Mark:
    start = TEXT.index(words)
    return Mark("details", label, start, start + len(words))


def words_of(reference: Answer, candidate: Answer) -> list[str]:
    found = feedback.describe(TEXT, spans.differences(reference, candidate))
    return [f"{line.sign} {line.words}" for line in found]


def test_every_kind_of_difference_has_a_sign_and_a_sentence() -> None:
    reference = (span("Person", "Ann"), span("Date", "Friday"), span("Time", "noon"))
    candidate = (span("Person", "with Ann"), span("Time", "Friday"), span("Place", "Lunch"))
    assert words_of(reference, candidate) == [
        "+ Only you have Place “Lunch”.",
        "↔ Person: you marked “with Ann”; the reference marks “Ann”.",
        "≠ “Friday”: you marked it Time; the reference marks “Friday” as Date.",
        "- You missed Time “noon”.",
    ]
    assert words_of(reference[:1], reference[:1]) == ["= Both: Person “Ann”."]


def test_somebody_else_reads_about_the_trainee_by_name() -> None:
    reference = (span("Person", "Ann"), span("Time", "noon"))
    candidate = (span("Person", "with Ann"), span("Place", "Lunch"))
    found = feedback.describe(TEXT, spans.differences(reference, candidate), who="ada@example.com")
    assert [line.words for line in found] == [
        "Only ada@example.com has Place “Lunch”.",
        "Person: ada@example.com marked “with Ann”; the reference marks “Ann”.",
        "ada@example.com missed Time “noon”.",
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, feedback.DASH),
        (0.0, "0%"),
        (1e-17, "0%"),
        (0.001, "1%"),
        (0.5, "50%"),
        (0.996, "99%"),
        (0.9999, "99%"),
        (1.0, "100%"),
    ],
)
def test_only_everything_is_100_percent_and_only_nothing_is_0(
    value: float | None, shown: str
) -> None:
    assert feedback.percent(value) == shown


def report(**changes: object) -> feedback.Report:
    said, meant = Mark("intent", "Cancel"), Mark("intent", "<Move> & go")
    values: dict[str, object] = {
        "kind_title": "Message intent",
        "text": TEXT,
        "reference": (meant,),
        "candidate": (said,),
        "agreement": 0.0,
        "differences": choices.differences((meant,), (said,)),
        "running": Estimate(0.5, 0.2, 0.8, 6),
        "link": "http://sync.test/feedback/1",
    }
    return feedback.Report(**(values | changes))  # type: ignore[arg-type]


def words_in(message: feedback.Message) -> list[tuple[str, str]]:
    """The form and the words of every text in the blocks."""
    found: list[tuple[str, str]] = []

    def walk(part: object) -> None:
        if isinstance(part, dict):
            if part.get("type") in ("plain_text", "mrkdwn"):
                found.append((part["type"], part["text"]))
            for inner in part.values():
                walk(inner)
        elif isinstance(part, (list, tuple)):
            for inner in part:
                walk(inner)

    walk(message.blocks)
    return found


def test_message_has_everything_a_trainee_wants_to_know() -> None:
    message = feedback.compose(report())
    assert slack_limits.problems(message.text, message.blocks) == []
    shown = [words for _, words in words_in(message)]
    for part in (
        "Message intent: 1 difference from the reference answer",
        f"“{TEXT}”",
        "*You*",
        "Cancel",
        "*Reference answer*",
        "<Move> & go",
        "≠ You chose Cancel; the reference answer is <Move> & go.",
        "0%",
        "50% (95% interval 20% to 80%, n = 6)",
        "See both answers",
    ):
        assert part in shown
    assert message.blocks[-1]["elements"][0]["url"] == "http://sync.test/feedback/1"
    assert message.text == (
        "Message intent: 1 difference from the reference answer\n"
        "≠ You chose Cancel; the reference answer is <Move> & go.\n"
        "This item: 0%. Your agreement so far: 50% (95% interval 20% to 80%, n = 6).\n"
        "http://sync.test/feedback/1"
    )


def test_message_says_when_nothing_differs_and_when_it_corrects() -> None:
    same = (Mark("intent", "Cancel"),)
    message = feedback.compose(
        report(differences=choices.differences(same, same), is_correction=True)
    )
    assert message.text.startswith("Corrected: Message intent: the same as the reference answer\n")
    assert any("takes the place of what you were told" in words for _, words in words_in(message))


def test_undefined_is_a_dash() -> None:
    message = feedback.compose(report(agreement=None, running=None))
    assert f"This item: {feedback.DASH}. Your agreement so far: {feedback.DASH}." in message.text
    assert slack_limits.problems(message.text, message.blocks) == []


OURS = ("*You*", "*Reference answer*", "*This item*", "*Your agreement so far*")
HOSTILE = "<!channel> @here <https://evil.example|click> *bold* :tada: `x` &lt; " + "é😀" * 3000


def test_what_people_wrote_is_never_formatted_and_always_fits() -> None:
    """Mentions, links, emoji and bold are only words, however long."""
    label = f"{HOSTILE} label"
    marks = tuple(Mark("details", f"{label}{i}", i, i + 3) for i in range(400))
    one = report(
        kind_title=f"<!here> {HOSTILE}",
        text=HOSTILE,
        reference=marks,
        candidate=(),
        differences=spans.differences(marks, ()),
    )
    for message in (feedback.compose(one), feedback.digest([one] * 90, link="http://sync.test/")):
        assert slack_limits.problems(message.text, message.blocks) == []
        for form, words in words_in(message):
            assert form == "plain_text" or "<" not in words.replace("&lt;", "")
            assert form == "plain_text" or words in OURS


@given(st.text(max_size=400), st.text(min_size=1, max_size=200), st.integers(0, 40))
def test_slack_takes_every_message(text: str, label: str, count: int) -> None:
    marks = tuple(Mark("details", f"{label}{i}", 0, i + 1) for i in range(count))
    one = report(text=text, reference=marks, differences=spans.differences(marks, ()))
    for message in (
        feedback.compose(one),
        feedback.digest([one] * max(count, 2), link="http://sync.test/"),
    ):
        assert slack_limits.problems(message.text, message.blocks) == []


def test_a_digest_sums_up_and_links_to_each_difference() -> None:
    same = (Mark("intent", "Cancel"),)
    equal = report(differences=choices.differences(same, same), link="http://sync.test/feedback/2")
    message = feedback.digest([report(), equal, report()], link="http://sync.test/")
    assert message.text.splitlines() == [
        "3 comparisons: 2 with differences, 1 the same",
        "Message intent. Your agreement so far: 50% (95% interval 20% to 80%, n = 6).",
        f"Message intent: “{TEXT}”",
        "≠ You chose Cancel; the reference answer is <Move> & go.",
        "http://sync.test/feedback/1",
        f"Message intent: “{TEXT}”",
        "≠ You chose Cancel; the reference answer is <Move> & go.",
        "http://sync.test/feedback/1",
        "http://sync.test/",
    ]
    addresses = [b["accessory"]["url"] for b in message.blocks if "accessory" in b]
    assert addresses == ["http://sync.test/feedback/1"] * 2


def test_the_limits_are_checked() -> None:
    """The check itself: each of these Slack would refuse."""
    long = {"type": "plain_text", "text": "x" * 3001}
    for blocks in (
        [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}],
        [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}],
        [{"type": "section", "text": long}],
        [{"type": "section", "fields": [long]}],
        [{"type": "section", "text": {"type": "plain_text", "text": ""}}],
        [{"type": "section"}],
        [{"type": "context", "elements": []}],
        [{"type": "divider"}] * 51,
        [{"type": "actions", "elements": [{"type": "button", "text": long, "url": "x"}]}],
        [{"type": "poem"}],
    ):
        assert slack_limits.problems("text", blocks) != []
    assert slack_limits.problems("", [{"type": "divider"}]) != []
