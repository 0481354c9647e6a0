"""A kind of each form of answer, and a made-up mailbox with true answers of that form."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

from projects.forms.base import STEP
from projects.kinds.base import HostedModel, Kind
from projects.vocabulary import Answer, Mark, as_answer
from tests.backend_ml.corpus import PEOPLE, TIMES, WISHES

CONTROL = "control"
ATTRIBUTE = "attribute"
TOPICS = {"money": "the invoice is due", "travel": "my flight is late", "food": "lunch is on me"}
TREE = {"Work": ("Meeting", "Report"), "Home": ("Garden", "Dinner")}
SENTENCES = {
    f"Work{STEP}Meeting": "the meeting with {who} is on {when}",
    f"Work{STEP}Report": "{who} wants the report by {when}",
    f"Home{STEP}Garden": "{who} waters the garden {when}",
    f"Home{STEP}Dinner": "dinner at {who}'s place {when}",
}
MOODS = ("this is terrible", "not so good", "it was fine", "really good", "simply perfect")


def _config(controls: str) -> str:
    return f'<View><Text name="text" value="$text"/>{controls}</View>'


def _choices(labels: tuple[str, ...], *, name: str = CONTROL, more: str = "") -> str:
    inside = "".join(f'<Choice value="{label}"/>' for label in labels)
    return f'<Choices name="{name}" toName="text" {more}>{inside}</Choices>'


def _spans() -> str:
    labels = '<Label value="Person"/><Label value="Date"/>'
    return f'<Labels name="{CONTROL}" toName="text">{labels}</Labels>'


def _tree() -> str:
    nodes = (
        f'<Choice value="{top}">'
        + "".join(f'<Choice value="{leaf}"/>' for leaf in leaves)
        + "</Choice>"
        for top, leaves in TREE.items()
    )
    return f'<Taxonomy name="{CONTROL}" toName="text">{"".join(nodes)}</Taxonomy>'


CONFIGS = {
    "choice": _config(_choices(tuple(sorted(WISHES)))),
    "choices": _config(_choices(tuple(TOPICS), more='choice="multiple"')),
    "taxonomy": _config(_tree()),
    "spans": _config(_spans()),
    "span_choices": _config(
        _spans() + _choices(("Sure", "Vague"), name=ATTRIBUTE, more='perRegion="true"')
    ),
    "number": _config(f'<Rating name="{CONTROL}" toName="text" maxRating="5"/>'),
}
HOSTED = Path(__file__).parent / "hosted"
METRICS = {"spans": "spans", "span_choices": "spans"}


def kind_of(form: str, *, learner: str = "", name: str = "sample") -> Kind:
    """A kind that lives in no folder, of any form."""
    return Kind(
        name=name,
        title=name.capitalize(),
        folder=Path("nowhere"),
        form=form,
        control=CONTROL,
        field="text",
        metric=METRICS.get(form, "choices"),
        learner=learner,
        attribute=ATTRIBUTE if form == "span_choices" else "",
        config=CONFIGS[form],
        hosted=hosted("nearest.py:Nearest") if learner == "label_studio_ml" else None,
    )


def hosted(place: str, *, python: str = sys.executable, predict_seconds: float = 20) -> HostedModel:
    """One of our own model files, run by this interpreter."""
    return HostedModel(str(HOSTED / place), python, predict_seconds, fit_seconds=60)


def corpus(form: str, count: int, *, seed: int = 0) -> tuple[list[str], list[Answer]]:
    """Texts and true answers of that form; the texts of one form and seed are always the same."""
    rng = Random(seed)
    rows = [_MAKERS[form](rng) for _ in range(count)]
    return [text for text, _ in rows], [answer for _, answer in rows]


def _choice(rng: Random) -> tuple[str, Answer]:
    wish = rng.choice(sorted(WISHES))
    text = WISHES[wish].format(who=rng.choice(PEOPLE), when=rng.choice(TIMES))
    return text, (Mark(CONTROL, wish),)


def _several(rng: Random) -> tuple[str, Answer]:
    chosen = [topic for topic in TOPICS if rng.random() < 0.5]
    words = [TOPICS[topic] for topic in chosen] or ["hello there"]
    rng.shuffle(words)
    return " and ".join(words), as_answer([Mark(CONTROL, topic) for topic in chosen])


def _node(rng: Random) -> tuple[str, Answer]:
    path = rng.choice(sorted(SENTENCES))
    text = SENTENCES[path].format(who=rng.choice(PEOPLE), when=rng.choice(TIMES))
    return text, (Mark(CONTROL, path),)


def _marked(rng: Random) -> tuple[str, Answer]:
    wish, who, when = rng.choice(sorted(WISHES)), rng.choice(PEOPLE), rng.choice(TIMES)
    text = WISHES[wish].format(who=who, when=when)
    return text, as_answer(
        [
            Mark(CONTROL, label, text.index(words), text.index(words) + len(words))
            for label, words in (("Person", who), ("Date", when))
        ]
    )


def _marked_and_chosen(rng: Random) -> tuple[str, Answer]:
    """Dates with a digit are sure, other spans are vague."""
    text, spans = _marked(rng)
    chosen = [
        Mark(ATTRIBUTE, "Sure" if any(c.isdigit() for c in text[m.start : m.end]) else "Vague",
             m.start, m.end)
        for m in spans
    ]  # fmt: skip
    return text, as_answer([*spans, *chosen])


def _rated(rng: Random) -> tuple[str, Answer]:
    stars = rng.randrange(5)
    text = f"{rng.choice(PEOPLE)} says {MOODS[stars]}"
    return text, (Mark(CONTROL, str(stars + 1)),)


_MAKERS = {
    "choice": _choice,
    "choices": _several,
    "taxonomy": _node,
    "spans": _marked,
    "span_choices": _marked_and_chosen,
    "number": _rated,
}
