import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend_ml import features
from backend_ml.features import Span

TEXTS = st.text(alphabet=st.sampled_from("ab Z9.,-\n'😀é"), max_size=40)


@settings(deadline=None)
@given(TEXTS)
def test_tokens_are_what_the_text_says(text: str) -> None:
    tokens = features.tokenize(text)
    assert [text[t.start : t.end] for t in tokens] == [t.text for t in tokens]
    assert all(one.end <= other.start for one, other in pairwise(tokens))
    assert "".join(t.text for t in tokens) == "".join(text.split())


@settings(deadline=None)
@given(TEXTS, st.data())
def test_tags_and_spans_are_the_same_thing(text: str, data: st.DataObject) -> None:
    tokens = features.tokenize(text)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(tokens)))))
    spans = [
        Span(tokens[a].start, tokens[b - 1].end, data.draw(st.sampled_from("XY")))
        for a, b in zip(cuts[::2], cuts[1::2], strict=False)
    ]
    assert features.tags_to_spans(tokens, features.spans_to_tags(tokens, spans)) == spans


def test_neighbours_of_one_label_stay_two() -> None:
    tokens = features.tokenize("Ann Bo")
    tags = features.spans_to_tags(tokens, [Span(0, 3, "P"), Span(4, 6, "P")])
    assert tags == ["B-P", "B-P"]
    assert len(features.tags_to_spans(tokens, tags)) == 2


def test_a_span_takes_every_token_it_touches() -> None:
    tokens = features.tokenize("at 3pm sharp")  # at | 3 | pm | sharp
    tags = features.spans_to_tags(tokens, [Span(4, 9, "T")])
    assert features.tags_to_spans(tokens, tags) == [Span(4, 12, "T")]


def test_of_overlapping_spans_the_longer_stays() -> None:
    tokens = features.tokenize("one two three")
    tags = features.spans_to_tags(tokens, [Span(0, 3, "A"), Span(0, 7, "B")])
    assert tags == ["B-B", "I-B", "O"]


def test_a_span_of_white_space_is_nothing() -> None:
    tokens = features.tokenize("a   b")
    assert features.spans_to_tags(tokens, [Span(1, 3, "A")]) == ["O", "O"]


def test_an_inside_that_continues_nothing_begins_a_span() -> None:
    assert features.tag_groups(["I-A", "I-A", "I-B", "O", "I-B"]) == [
        (0, 1, "A"),
        (2, 2, "B"),
        (4, 4, "B"),
    ]


def test_shape() -> None:
    assert features.shape("Feb-12") == "Xx-d"
    assert features.shape("3pm") == "dx"


def test_a_long_text_is_read_up_to_a_bound() -> None:
    assert len(features.tokenize("a b " * 50_000)) == features.MOST_TOKENS


@pytest.mark.parametrize("text", ["😀" * 100_000, "(" * 100_000, "'s" * 50_000, "x" * 100_000])
def test_what_has_no_white_space_takes_no_time(text: str) -> None:
    begun = time.monotonic()
    tokens = features.tokenize(text)
    assert time.monotonic() - begun < 2.0  # spaCy alone: minutes for the first two
    assert all(text[t.start : t.end] == t.text for t in tokens)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(1, 2 * features.LONGEST_RUN), max_size=4), st.integers(1, 3))
def test_where_a_text_is_cut_does_not_show(lengths: list[int], spaces: int) -> None:
    text = (" " * spaces).join("😀a"[i % 2] * n for i, n in enumerate(lengths))
    tokens = features.tokenize(text)
    assert [text[t.start : t.end] for t in tokens] == [t.text for t in tokens]
    assert "".join(t.text for t in tokens) == "".join(text.split())


def test_many_short_words_are_read_like_few() -> None:
    words = ["Ann's", "3pm", "(ok)", "don't"] * 100  # more than are cut at once
    alone = [[t.text for t in features.tokenize(word)] for word in words]
    together = [t.text for t in features.tokenize(" ".join(words))]
    assert together == [token for tokens in alone for token in tokens]


def test_a_token_is_seen_with_its_neighbours() -> None:
    first, second = features.token_features(features.tokenize("On Feb"))
    assert {"w=on", "s=Xx", "w+1=feb", "s+1=Xx", "ww+1=on|feb", "w-1=<edge>"} <= set(first)
    assert {"w=feb", "p4=feb", "q2=eb", "n=3", "ww-1=on|feb", "w+2=<edge>"} <= set(second)
