"""Learning what is new on top of a version, and starting again where that would be wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from backend_ml import schedule, warming
from backend_ml.fitting import Addition, Here, Job
from backend_ml.labels import Label
from backend_ml.tables import VersionRow
from projects.kinds import registry
from projects.kit.database import transaction
from projects.vocabulary import Mark
from tests.backend_ml.conftest import Desk
from tests.backend_ml.corpus import messages

MakeDesk = Callable[..., Desk]
KIND = registry.load("intent")
LABELS = [Label(n, text, choice) for n, (text, choice, _) in enumerate(messages(120))]


def on_top(base: Path, labels: list[Label]) -> Addition | None:
    """What a training would have learned on top of this folder."""
    parts = warming.split(warming.read(base) or {}, labels, seed=0)
    if parts is None:
        return None
    new, again = parts
    return Addition(KIND, "choice_linear", base, 80, tuple(new), tuple(again), seed=0)


def test_only_what_is_new_is_learned_and_some_again() -> None:
    parts = warming.split(warming.notes(LABELS[:100]), LABELS, seed=0)
    assert parts is not None
    new, again = parts
    assert new == LABELS[100:]
    assert sorted(label.task_id for label in again) == list(range(100))
    assert parts == warming.split(warming.notes(LABELS[:100]), LABELS, seed=0)


@pytest.mark.parametrize(
    "changed",
    [
        LABELS[1:],  # taken back
        [replace(LABELS[0], answer=(Mark("intent", "Other"),)), *LABELS[1:]],  # edited
        [replace(LABELS[0], text="another text"), *LABELS[1:]],
    ],
)
def test_a_learned_label_that_changed_means_starting_again(changed: list[Label]) -> None:
    assert warming.split(warming.notes(LABELS[:100]), changed, seed=0) is None


def test_it_is_wanted_for_many_labels_until_they_have_grown_by_a_tenth() -> None:
    assert not warming.is_wanted(999, 950)
    assert warming.is_wanted(1000, 950)
    assert warming.is_wanted(1044, 950)
    assert not warming.is_wanted(1046, 950)
    assert not warming.is_wanted(3000, 0)  # a version that does not say


def test_a_folder_says_what_was_learned(tmp_path: Path) -> None:
    assert warming.read(tmp_path) is None
    warming.write(tmp_path, warming.notes(LABELS))
    assert warming.read(tmp_path) == warming.notes(LABELS)
    (tmp_path / warming.LEARNED).write_text("[1")
    assert warming.read(tmp_path) is None


def test_a_warm_fit_knows_the_old_and_the_new(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    job = Job(KIND, "choice_linear", tuple(LABELS[:80]), seed=0)
    cold = Here().fit(job, first)
    assert cold is not None
    assert cold.full_fit_labels == 80
    more = on_top(first, LABELS)
    assert more is not None
    assert more.new == tuple(LABELS[80:])
    warm = Here().learn_more(more, second)
    assert warm is not None
    assert warm.full_fit_labels == 80
    assert warming.read(second) == warming.notes(LABELS)
    edited = replace(LABELS[0], answer=(Mark("intent", "Cancel"),))
    assert edited != LABELS[0]
    assert on_top(first, [edited, *LABELS[1:]]) is None


def test_a_base_that_cannot_be_read_leaves_nothing_behind(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    assert Here().fit(Job(KIND, "choice_linear", tuple(LABELS[:80]), seed=0), first) is not None
    more = on_top(first, LABELS)
    assert more is not None
    for file in first.iterdir():
        if file.name != warming.LEARNED:
            file.write_bytes(b"damaged")
    assert Here().learn_more(more, second) is None
    assert list(second.iterdir()) == []


@pytest.mark.parametrize("text", ["", "a\nb", "\ud800", "Grüße 🎉"])
def test_a_digest_tells_texts_and_answers_apart(text: str) -> None:
    one, two = (Mark("intent", "Cancel"),), (Mark("intent", "Other"),)
    texts = [(text, one), (text, one), (f"{text}\n", one), (text, two), (text, ())]
    labels = [Label(number, *pair) for number, pair in enumerate(texts)]
    first, same, *others = warming.notes(labels).values()
    assert first == same
    assert len({first, *others}) == 4
    assert all(len(digest) == 16 for digest in (first, *others))


def test_trainings_go_on_from_the_champion_unless_somebody_asks(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warming, "WARM_FROM", 20)
    desk = make_desk(tasks=200)
    desk.answer(100)
    desk.hear()
    desk.train("one")
    desk.answer(5, first=100)
    desk.hear()
    desk.train("two")
    with transaction(desk.workshop.sessions) as session:
        schedule.force(session, desk.project_id)
    desk.train("three")
    with desk.workshop.reading() as session:
        rows = session.scalars(sa.select(VersionRow).order_by(VersionRow.number)).all()
    one, two, three = rows
    assert one.full_fit_labels == one.trained_on
    assert two.full_fit_labels == one.trained_on < two.trained_on
    assert three.full_fit_labels == three.trained_on == two.trained_on
