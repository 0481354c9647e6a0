"""A small made-up mailbox with true answers, from a seed."""

from __future__ import annotations

from random import Random

from projects.vocabulary import Answer, Mark, as_answer

WISHES = {
    "New meeting": "can we set up a meeting with {who} {when}",
    "Cancel": "please cancel the call with {who} {when}",
    "Reschedule": "could you move my slot with {who} to {when}",
}
PEOPLE = ("Ann Lee", "Bo", "Chitra Rao", "Zoë", "Mr. Ito")
TIMES = ("Monday", "12 May", "next Friday", "tomorrow", "Feb 3")
ENDINGS = ("", ", thanks", "!", " if that suits you", " 😀 cheers")


def messages(count: int, *, seed: int = 0) -> list[tuple[str, Answer, Answer]]:
    """Text, true intent and true details of ``count`` messages."""
    rng = Random(seed)
    return [_message(rng) for _ in range(count)]


def _message(rng: Random) -> tuple[str, Answer, Answer]:
    wish = rng.choice(sorted(WISHES))
    who, when = rng.choice(PEOPLE), rng.choice(TIMES)
    text = WISHES[wish].format(who=who, when=when) + rng.choice(ENDINGS)
    details = [
        Mark("details", label, text.index(words), text.index(words) + len(words))
        for label, words in (("Person", who), ("Date", when))
    ]
    return text, (Mark("intent", wish),), as_answer(details)
