from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest

from projects.flow.messages import message_from_json, message_to_json
from projects.kinds import registry
from projects.samples import DEFAULT_COUNT, SampleMessage, generate
from projects.samples.generator import INTENTS
from projects.samples.phrasebook import phrasings
from projects.samples.scene import words


@pytest.fixture(scope="module")
def samples() -> list[SampleMessage]:
    return generate()


def label(sample: SampleMessage) -> str:
    return sample.truth["intent"][0].label


def test_the_default_set_is_large_and_has_no_text_twice(samples: list[SampleMessage]) -> None:
    assert len(samples) == DEFAULT_COUNT >= 600
    assert len({sample.message.text for sample in samples}) == len(samples)
    assert [sample.message.id for sample in samples[:2]] == ["m-0001", "m-0002"]


def test_the_same_seed_gives_the_same_messages_whatever_the_count(
    samples: list[SampleMessage],
) -> None:
    assert generate(30) == samples[:30]
    assert generate(30, seed=1) != samples[:30]


def test_intents_are_roughly_balanced_and_those_of_the_kind(samples: list[SampleMessage]) -> None:
    counts = Counter(label(sample) for sample in samples)
    assert set(counts) == set(registry.load("intent").labels)
    assert min(counts.values()) >= 0.04 * len(samples)
    assert max(counts.values()) <= 0.2 * len(samples)


def test_marks_cover_words_without_blanks_and_never_overlap(samples: list[SampleMessage]) -> None:
    for sample in samples:
        text, position = sample.message.text, 0
        for mark in sample.truth["details"]:
            assert mark.start is not None
            assert mark.end is not None
            assert position <= mark.start < mark.end <= len(text)
            assert text[mark.start : mark.end] == text[mark.start : mark.end].strip()
            position = mark.end


def test_every_label_of_the_details_is_common(samples: list[SampleMessage]) -> None:
    counts = Counter(mark.label for sample in samples for mark in sample.truth["details"])
    assert set(counts) == set(registry.load("details").labels)
    assert min(counts.values()) >= 60


def test_a_marked_place_is_one_we_know(samples: list[SampleMessage]) -> None:
    known = {line.partition("|")[2].lower() for line in words("places")}
    known |= {line.lower() for line in words("services")}
    for sample in samples:
        for mark in sample.truth["details"]:
            if mark.label == "Place":
                assert sample.message.text[mark.start : mark.end].lower() in known


def test_no_gap_choice_or_markup_is_left(samples: list[SampleMessage]) -> None:
    for sample in samples:
        shown = sample.message.text + "".join(turn.text for turn in sample.message.thread)
        assert not set("{}|\ue000\ue001\ue002") & set(shown)
        assert ".." not in shown


def test_some_texts_go_beyond_the_basic_plane_and_some_quote(samples: list[SampleMessage]) -> None:
    assert sum(any(ord(c) > 0xFFFF for c in sample.message.text) for sample in samples) > 20
    assert sum("\n> " in sample.message.text for sample in samples) > 20
    assert sum(sample.message.thread == () for sample in samples) > 100


def test_the_booked_meeting_is_in_the_calendar_and_nothing_overlaps_it(
    samples: list[SampleMessage],
) -> None:
    booked = {intent.label for intent in INTENTS if intent.booked}
    topics = set(words("topics"))
    for sample in samples:
        entries = sample.message.calendar
        meetings = [entry for entry in entries if entry.title.lower() in topics]
        assert len(meetings) == (1 if label(sample) in booked else 0)
        for one, other in pairwise(entries):
            assert one.end <= other.start or one.start.date() != other.start.date()


def test_context_is_earlier_than_the_message_and_the_calendar_later(
    samples: list[SampleMessage],
) -> None:
    for sample in samples:
        sent_at = sample.message.sent_at
        assert sent_at is not None
        for entry in sample.message.calendar:
            day = sent_at.date()
            assert day < entry.start.date() <= day + timedelta(days=30)
            assert entry.start.weekday() < 5


def test_a_confirmed_or_declined_slot_was_proposed(samples: list[SampleMessage]) -> None:
    for sample in samples:
        if label(sample) in ("Confirm", "Decline"):
            assert sample.message.thread


def test_messages_survive_the_file_format(samples: list[SampleMessage]) -> None:
    for sample in samples:
        assert message_from_json(message_to_json(sample.message)) == sample.message


def test_there_are_many_phrasings_and_names() -> None:
    assert len(set(words("names"))) >= 150
    cores = sum(len(phrasings(intent.file)) for intent in INTENTS)
    assert cores >= 180
    assert all(
        phrasing.also in ("", *(intent.label for intent in INTENTS))
        for intent in INTENTS
        for phrasing in phrasings(intent.file)
    )


def test_more_messages_than_there_are_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projects.samples.generator.MAX_TRIES", 0)
    with pytest.raises(ValueError, match="no 3 different messages"):
        generate(3)
