"""Sample messages of a scheduling mailbox with their true answers, from a seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random

from projects.flow.messages import Message, Turn
from projects.samples import noise, scene
from projects.samples.markup import Segment, assemble, plain, segments
from projects.samples.phrasebook import Phrasing, first_name, phrasings, say
from projects.samples.scene import Scene
from projects.vocabulary import Answer, Mark

DEFAULT_COUNT = 640
DEFAULT_SEED = 20260105
MAX_TRIES = 50
MORE_SHARE = 0.8
"""How many messages say in a second sentence what they want."""


@dataclass(frozen=True)
class Intent:
    """One intent: how often it comes, and what surrounds it."""

    label: str
    weight: int
    booked: bool
    """Whether the meeting is in the calendar already."""
    turns: str
    """The phrasing file of the turn before; the thread may also be empty."""
    thread_share: float

    @property
    def file(self) -> str:
        """Its phrasing file."""
        return self.label.lower().replace(" ", "_")


INTENTS = (
    Intent("New meeting", 13, booked=False, turns="turn_open", thread_share=0.3),
    Intent("Reschedule", 13, booked=True, turns="turn_agreed", thread_share=0.7),
    Intent("Cancel", 9, booked=True, turns="turn_agreed", thread_share=0.6),
    Intent("Confirm", 11, booked=False, turns="turn_proposal", thread_share=1.0),
    Intent("Decline", 8, booked=False, turns="turn_proposal", thread_share=1.0),
    Intent("Ask availability", 10, booked=False, turns="turn_open", thread_share=0.4),
    Intent("Change details", 11, booked=True, turns="turn_agreed", thread_share=0.6),
    Intent("Recurring meeting", 8, booked=False, turns="turn_open", thread_share=0.3),
    Intent("Ask about a meeting", 9, booked=True, turns="turn_agreed", thread_share=0.5),
    Intent("Not scheduling", 12, booked=False, turns="turn_other", thread_share=0.4),
)


@dataclass(frozen=True)
class SampleMessage:
    """A message, and what is true of it by name of the kind."""

    message: Message
    truth: Mapping[str, Answer]
    also: Mapping[str, tuple[Answer, ...]] = field(default_factory=dict)
    """Other answers that a careful person could give."""


def generate(
    count: int = DEFAULT_COUNT, *, seed: int = DEFAULT_SEED, prefix: str = "m"
) -> list[SampleMessage]:
    """``count`` messages with different texts and the ids ``m-0001``, ``m-0002``, ...

    The first messages stay the same when ``count`` grows.
    """
    found: list[SampleMessage] = []
    seen: set[str] = set()
    for number in range(1, count + 1):
        for attempt in range(MAX_TRIES):
            sample = _one(f"{prefix}-{number:04}", Random(f"{seed}:{number}:{attempt}"))
            if sample.message.text not in seen:
                break
        else:
            raise ValueError(f"there are no {count} different messages to be had")
        seen.add(sample.message.text)
        found.append(sample)
    return found


def _one(identifier: str, rng: Random) -> SampleMessage:
    intent = rng.choices(INTENTS, weights=[intent.weight for intent in INTENTS])[0]
    facts = scene.draw(rng)
    phrasing = _usual(phrasings(intent.file), rng)
    thread = _thread(intent, facts, rng)
    text, details = assemble(_write(intent, phrasing, facts, thread, rng), "details")
    message = Message(
        id=identifier,
        text=text,
        subject=_subject(intent, facts, rng, answer=bool(thread)),
        sender=facts.sender,
        sent_at=facts.sent_at,
        thread=thread,
        calendar=scene.calendar(facts, rng, booked=intent.booked),
        preferences=scene.preferences(facts, rng),
    )
    other = ((Mark("intent", phrasing.also),),) if phrasing.also else ()
    return SampleMessage(
        message=message,
        truth={"intent": (Mark("intent", intent.label),), "details": details},
        also={"intent": other, "details": _without_articles(text, details)},
    )


def _write(
    intent: Intent, phrasing: Phrasing, facts: Scene, thread: tuple[Turn, ...], rng: Random
) -> list[Segment]:
    sentences = [say(phrasing.pattern, facts, rng)]
    if rng.random() < MORE_SHARE:
        more = say(rng.choice(phrasings(f"{intent.file}_more")).pattern, facts, rng)
        sentences.insert(rng.choice((0, 1, 1, 1)), more)
    for aside in rng.sample(phrasings("asides"), rng.choice((0, 0, 0, 1, 1, 2))):
        if intent.label != "Not scheduling" or "{t}" not in aside.pattern:
            sentences.insert(rng.choice((0, len(sentences))), say(aside.pattern, facts, rng))
    body = noise.disturb(segments(rng.choice((" ", " ", "\n")).join(sentences)), rng)
    parts = [*_greeting(facts, rng), *body, *_closing(facts, rng)]
    if thread and rng.random() < 0.2:
        parts.append(_quote(thread[-1], facts))
    return parts


def _usual(choices: tuple[Phrasing, ...], rng: Random) -> Phrasing:
    """People reach for the same few sentences again and again: Zipf's law, softened."""
    return rng.choices(choices, weights=[1 / (rank + 1) for rank in range(len(choices))])[0]


def _greeting(facts: Scene, rng: Random) -> list[Segment]:
    if rng.random() < 0.25:
        return []
    words = plain(say(rng.choice(phrasings("greetings")).pattern, facts, rng))
    return [Segment(words + rng.choice(("\n\n", "\n", " ")))]


def _closing(facts: Scene, rng: Random) -> list[Segment]:
    if rng.random() < 0.3:
        return []
    words = rng.choice(phrasings("closings")).pattern
    name = rng.choice((facts.sender, first_name(facts.sender)))
    phone = "\n\nSent from my phone" if rng.random() < 0.08 else ""
    return [Segment(f"\n\n{words}\n{name}{phone}")]


def _quote(turn: Turn, facts: Scene) -> Segment:
    lines = "\n".join(f"> {line}" for line in turn.text.splitlines())
    return Segment(f"\n\n{facts.owner} wrote:\n{lines}")


def _thread(intent: Intent, facts: Scene, rng: Random) -> tuple[Turn, ...]:
    if rng.random() >= intent.thread_share:
        return ()
    # The last turn is what the message answers to; a proposal offers the slot it speaks of.
    earlier = 0
    while intent.label != "Not scheduling" and rng.random() < 0.35 and earlier < 5:
        earlier += 1
    when = facts.sent_at
    turns: list[Turn] = []
    for index, name in enumerate([intent.turns, *["turn_open"] * earlier]):
        when -= timedelta(hours=rng.randrange(1, 30))
        words = say(rng.choice(phrasings(name)).pattern, replace(facts, sent_at=when), rng)
        author = facts.owner if index % 2 == 0 else facts.sender
        moment = f"{when:%a} {when.day} {when:%b}, {when:%H:%M}"
        turns.append(Turn(f"{author} · {moment}", plain(words)))
    return tuple(reversed(turns))


def _subject(intent: Intent, facts: Scene, rng: Random, *, answer: bool) -> str:
    topic = facts.topic[0].upper() + facts.topic[1:]
    if intent.label == "Not scheduling":
        topic = rng.choice(("A short note", "For your information", "Hello", "Request", ""))
    elif rng.random() < 0.25:
        topic = rng.choice(("Meeting", "Our calendar", "Quick one", "", "Appointment"))
    return f"Re: {topic}" if answer and topic else topic


def _without_articles(text: str, details: Answer) -> tuple[Answer, ...]:
    """The same marks with "the" left out of the places, where that is another answer."""
    bare = tuple(
        Mark(mark.control, mark.label, (mark.start or 0) + len("the "), mark.end)
        if mark.label == "Place" and text[mark.start : mark.end].lower().startswith("the ")
        else mark
        for mark in details
    )
    return (bare,) if bare != details else ()
