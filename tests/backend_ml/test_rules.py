"""Rules that people write: read, matched, made honest by labels, saved."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend_ml.learners import rules
from backend_ml.learners._rulebook import own_words, read
from backend_ml.learners.rules import Rules, Tally
from projects.kinds import registry
from projects.kinds.base import Kind
from projects.kit.errors import BadInput
from projects.vocabulary import Answer, Mark
from tests.support.kinds import CONTROL, kind_of
from tests.support.rules import with_rules

KINDS_WITH_RULES = [kind for kind in registry.all_kinds() if kind.rules is not None]
WITH_NAME = {"label": "Person", "before": 1, "pattern": [{"LOWER": "with"}, {"IS_TITLE": True}]}


def learner(form: str, folder: Path, *rows: Mapping[str, Any]) -> Rules:
    return rules.new(with_rules(kind_of(form, learner="rules"), folder, rows))


def choice(label: str) -> Answer:
    return (Mark(CONTROL, label),)


def said(found: Rules, text: str) -> list[tuple[str, str]]:
    guess = found.predict([text]).items[0]
    assert guess is not None
    return [(m.label, text[m.start : m.end]) for m in guess.answer]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{", "not JSON"),
        ("[]", "a rule is a JSON object"),
        ('{"pattern": "x"}', "label"),
        ('{"label": "Cancel"}', "pattern"),
        ('{"label": "Cancel", "pattern": " "}', "pattern"),
        ('{"label": "Cancel", "pattern": []}', "pattern"),
        ('{"label": "Cancel", "pattern": ["x"]}', "a token is a JSON object"),
        ('{"label": "Cancel", "pattern": [{"LEMMA": "be"}]}', "unknown LEMMA"),
        ('{"label": "Cancel", "pattern": [{"OP": "x"}]}', "spaCy cannot use the pattern"),
        ('{"label": "Cancel", "pattern": [{"LOWER": {"REGEX": "("}}]}', "spaCy cannot use"),
        ('{"label": "Cancel", "pattern": "x", "confidence": 2}', "confidence"),
        ('{"label": "Cancel", "pattern": "x", "confidence": true}', "confidence"),
        ('{"label": "Cancel", "pattern": "x", "confidance": 1}', "unknown: confidance"),
        ('{"label": "Cancel", "pattern": "x", "before": 1}', "nothing is left"),
        ('{"label": "Cancel", "pattern": [{}], "after": -1}', "after: not a number of tokens"),
        ('{"label": "Cancelled", "pattern": "x"}', "no label 'Cancelled'"),
    ],
)
def test_a_line_that_is_no_rule_is_named(line: str, what: str, tmp_path: Path) -> None:
    file = tmp_path / "rules.jsonl"
    file.write_text('{"label": "Cancel", "pattern": "call it off"}\n\n' + line, encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        read(file, labels=("Cancel",))
    assert "rules.jsonl, line 3" in caught.value.where
    assert what in str(caught.value)


def test_a_file_of_other_bytes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rules.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="not UTF-8"):
        read(tmp_path / "rules.jsonl", labels=())


def test_rules_for_another_form_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not taxonomy"):
        learner("taxonomy", tmp_path, {"label": "Work", "pattern": "report"})


def test_rules_for_a_label_that_a_live_project_took_out_are_passed_over() -> None:
    kind = registry.load("intent")
    live = kind.with_config(kind.label_config.replace('<Choice value="Cancel" hotkey="3"/>', ""))
    assert "Cancel" in rules.new(kind).classes_
    assert "Cancel" not in rules.new(live).classes_


def test_a_choice_that_no_rule_knows_is_not_made(tmp_path: Path) -> None:
    found = learner("choice", tmp_path, {"label": "Cancel", "pattern": "call it off"})
    assert found.predict(["good morning", "Call  it\noff!"]).items[0] is None
    guess = found.predict(["Call  it\noff!"]).items[0]
    assert guess is not None
    assert guess.answer == choice("Cancel")
    assert guess.confidence == pytest.approx(0.5)


def test_labels_compete_for_a_text(tmp_path: Path) -> None:
    # Odds 0.8/0.2 = 4 and 0.5/0.5 = 1 against "neither" at 1: 4/6 for the first.
    found = learner(
        "choice",
        tmp_path,
        {"label": "Cancel", "pattern": "cancel", "confidence": 0.8},
        {"label": "New meeting", "pattern": "book", "confidence": 0.5},
    )
    guess = found.predict(["cancel this and book that"]).items[0]
    assert guess is not None
    assert guess.answer == choice("Cancel")
    assert guess.confidence == pytest.approx(4 / 6)


def test_rules_of_one_label_support_each_other(tmp_path: Path) -> None:
    # Wrong only if both are: 1 - 0.5 * 0.4 = 0.8.
    found = learner(
        "choice",
        tmp_path,
        {"label": "Cancel", "pattern": "cancel", "confidence": 0.5},
        {"label": "Cancel", "pattern": "call off", "confidence": 0.6},
    )
    guess = found.predict(["cancel, or call off"]).items[0]
    assert guess is not None
    assert guess.confidence == pytest.approx(0.8)


def test_the_longest_match_stays_and_its_neighbour_too(tmp_path: Path) -> None:
    found = learner(
        "spans",
        tmp_path,
        {"label": "Date", "pattern": "may"},
        {"label": "Date", "pattern": [{"IS_DIGIT": True}, {"LOWER": "may"}]},
        {"label": "Person", "pattern": "May Lee"},
    )
    # "12 May" is 6 characters, "May Lee" 7: the name wins, and nothing of it is marked again.
    assert said(found, "on 12 May Lee is out") == [("Person", "May Lee")]
    assert said(found, "on 12 May, may I?") == [("Date", "12 May"), ("Date", "may")]


def test_one_stretch_has_one_label_the_earlier_rule_s(tmp_path: Path) -> None:
    rows = ({"label": "Person", "pattern": "april"}, {"label": "Date", "pattern": "April"})
    assert said(learner("spans", tmp_path, *rows), "April 😀") == [("Person", "April")]


def test_context_is_needed_but_not_marked(tmp_path: Path) -> None:
    after = {"label": "Date", "after": 1, "pattern": [{"IS_TITLE": True}, {"LOWER": "week"}]}
    found = learner("spans", tmp_path, WITH_NAME, after)
    assert said(found, "Ann, come with Bo in Easter week") == [("Person", "Bo"), ("Date", "Easter")]


def test_the_answer_to_a_silent_text_is_that_there_is_nothing(tmp_path: Path) -> None:
    found = learner("spans", tmp_path, WITH_NAME)
    guess = found.predict(["nothing here"]).items[0]
    assert guess is not None
    assert guess.answer == ()
    assert guess.confidence == pytest.approx(0.5)
    # Four labels say that silence was wrong each time: (0 + 4 * 0.5) / (4 + 4) = 0.25.
    found.fit(["Ann is in"] * 4, [(Mark(CONTROL, "Person", 0, 3),)] * 4, seed=0)
    guess = found.predict(["nothing here"]).items[0]
    assert guess is not None
    assert guess.confidence == pytest.approx(0.25)


def test_labels_make_a_rule_honest(tmp_path: Path) -> None:
    # Written 0.9 counts as 4 labels, 3.6 of them right; of 6 more, 2 are: 5.6 / 10.
    found = learner("choice", tmp_path, {"label": "Cancel", "pattern": "off", "confidence": 0.9})
    answers = [choice("Cancel")] * 2 + [choice("New meeting")] * 4
    found.fit(["off it goes"] * 6, answers, seed=0)
    guess = found.predict(["off"]).items[0]
    assert guess is not None
    assert guess.confidence == pytest.approx(0.56)
    found.fit([], [], seed=0)  # from scratch: as written
    assert found.tallies == [Tally(0.9)]


def test_a_text_is_not_judged_by_its_own_label() -> None:
    assert Tally(0.5, 1, 1).without(right=True) == Tally(0.5)
    assert Tally(0.5, 1, 2).with_label(right=False).confidence == pytest.approx(3 / 7)


def test_quoted_lines_are_somebody_else_s() -> None:
    text = "Fine > good.\n> please cancel\n  >> off\nBye"
    assert [t.text for t in own_words(text)] == ["Fine", ">", "good", ".", "Bye"]


@pytest.mark.parametrize("kind", KINDS_WITH_RULES, ids=lambda kind: kind.name)
def test_every_label_of_a_kind_with_rules_has_some(kind: Kind) -> None:
    assert set(rules.new(kind).classes_) == set(kind.labels)


@pytest.mark.parametrize("kind", KINDS_WITH_RULES, ids=lambda kind: kind.name)
def test_a_text_of_100_000_characters_takes_no_time(kind: Kind) -> None:
    found = rules.new(kind)
    for text in ("with Ann at 3 pm " * 6_000, "😀" * 100_000, "(" * 100_000, "x" * 100_000):
        begun = time.monotonic()
        found.predict([text])
        assert time.monotonic() - begun < 2.0


WORDS = ["with", "Ann", "😀", "12", "may", ">", "\n", "é́", "at"]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))
def test_spans_never_overlap_and_say_what_stands_there(text: str) -> None:
    guess = rules.new(registry.load("details")).predict([text]).items[0]
    assert guess is not None
    ends = [(m.start or 0, m.end or 0) for m in guess.answer]
    assert all(text[start:end].strip() == text[start:end] != "" for start, end in ends)
    assert all(one[1] <= other[0] for one, other in pairwise(ends))


def test_what_was_counted_survives_saving(tmp_path: Path) -> None:
    found = learner("choice", tmp_path, {"label": "Cancel", "pattern": "off", "confidence": 0.9})
    found.fit(["off"] * 3, [choice("Cancel")] * 3, seed=0)
    found.save(tmp_path)
    kind = replace(kind_of("choice", learner="rules"), folder=tmp_path / "gone")
    again = rules.load(tmp_path, kind)
    assert again.tallies == [Tally(0.9, 3, 3)]
    assert again.predict(["off", "on"]) == found.predict(["off", "on"])
