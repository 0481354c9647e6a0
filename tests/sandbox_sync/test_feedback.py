"""What trainees are told."""

from __future__ import annotations

import json

import pytest

from projects.agreement import choices, spans
from projects.kit.intervals import Estimate
from projects.vocabulary import Answer, Mark
from sandbox_sync import feedback

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
        "↔ Person: you marked “with Ann”, production marked “Ann”.",
        "≠ “Friday”: you marked it Time, production marked “Friday” as Date.",
        "- You missed Time “noon”.",
    ]
    assert words_of(reference[:1], reference[:1]) == ["= Both: Person “Ann”."]


def test_somebody_else_reads_about_the_trainee_by_name() -> None:
    reference = (span("Person", "Ann"), span("Time", "noon"))
    candidate = (span("Person", "with Ann"), span("Place", "Lunch"))
    found = feedback.describe(TEXT, spans.differences(reference, candidate), who="ada@example.com")
    assert [line.words for line in found] == [
        "Only ada@example.com has Place “Lunch”.",
        "Person: ada@example.com marked “with Ann”, production marked “Ann”.",
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


def test_message_has_differences_both_answers_score_and_link() -> None:
    message = feedback.compose(report())
    shown = "\n".join(block["text"]["text"] for block in message.blocks)
    for part in (
        "1 difference from production's answer",
        "You chose Cancel, production chose &lt;Move&gt; &amp; go.",
        "*You:* Cancel",
        "*Production:* &lt;Move&gt; &amp; go",
        "*0%*",
        "50% (95% interval 20% to 80%, n = 6)",
        "<http://sync.test/feedback/1|See both answers>",
    ):
        assert part in shown
    assert "http://sync.test/feedback/1" in message.text


def test_message_says_when_nothing_differs_and_when_it_corrects() -> None:
    same = (Mark("intent", "Cancel"),)
    message = feedback.compose(
        report(differences=choices.differences(same, same), is_correction=True)
    )
    assert message.text.startswith("Corrected feedback - Message intent: your answer is the same")


def test_undefined_is_a_dash() -> None:
    message = feedback.compose(report(agreement=None, running=None))
    shown = json.dumps([block["text"]["text"] for block in message.blocks], ensure_ascii=False)
    assert f"*{feedback.DASH}*" in shown
    assert f"running agreement: {feedback.DASH}." in shown


def test_blocks_stay_within_the_limits_of_slack() -> None:
    many = tuple(Mark("details", "Person" * 20, i, i + 1) for i in range(400))
    message = feedback.compose(
        report(reference=many, candidate=(), differences=spans.differences(many, ()))
    )
    assert len(message.blocks) <= 50
    assert all(len(block["text"]["text"]) <= 3000 for block in message.blocks)
