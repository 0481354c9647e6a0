from itertools import pairwise

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
