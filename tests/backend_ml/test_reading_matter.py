"""Which texts a learner reads beside the labels, and that a training hands them over."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from backend_ml import reading_matter, training
from backend_ml.fitting import Fitted, Here, Job
from backend_ml.labels import Label
from backend_ml.learners.span_crf import SpanCrf
from backend_ml.reading_matter import LONGEST, steady
from backend_ml.tables import MIGRATIONS, TaskRow
from projects.kit import database
from projects.kit.database import transaction
from tests.backend_ml.conftest import START, Desk
from tests.support import kinds, wide


def fill(session: Session, texts: list[str], *, project: int = 1, first: int = 1) -> None:
    session.add_all(
        TaskRow(project_id=project, task_id=first + place, text=text, seen_at=START)
        for place, text in enumerate(texts)
    )
    session.flush()


@pytest.mark.parametrize(
    ("texts", "read"),
    [(0, 0), (1, 1), (2, 2), (10, 9), (1_000, 807), (1_008, 807), (1_009, 1_009), (1_260, 1_009)],
)
def test_what_is_read_grows_by_steps(texts: int, read: int) -> None:
    assert steady(texts) == read


def test_it_is_never_more_than_there_is_and_never_less_than_four_fifths() -> None:
    assert all(0.8 * many - 1 <= steady(many) <= many for many in range(3_000))


def test_fewer_texts_than_none_are_refused() -> None:
    with pytest.raises(ValueError, match="-1 texts"):
        steady(-1)


def test_the_oldest_texts_of_the_project_are_read(session: Session) -> None:
    fill(session, [f"ours {i}" for i in range(10)], first=100)
    fill(session, [f"theirs {i}" for i in range(30)], project=2)
    assert reading_matter.of(session, 1) == tuple(f"ours {i}" for i in range(9))
    assert reading_matter.of(session, 3) == ()


def test_a_deleted_task_is_not_read(session: Session) -> None:
    fill(session, ["one", "two", "three"])
    row = session.get(TaskRow, (1, 2))
    assert row is not None
    row.deleted = True
    session.flush()
    assert reading_matter.of(session, 1) == ("one", "three")


def test_of_very_many_texts_every_so_many_is_read(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_matter, "MOST", 4)
    database.migrate(database_url, MIGRATIONS)
    engine = database.make_engine(database_url)
    with database.sessions(engine)() as opened:
        fill(opened, [f"{i} " + "x" * 3_000 for i in range(1, 12)])
        found = reading_matter.of(opened, 1)
    engine.dispose()
    # 9 of the 11 are looked at, and of these every third is read.
    assert [text.split()[0] for text in found] == ["3", "6", "9"]
    assert {len(text) for text in found} == {LONGEST}


class Watched(Here):
    """Fits, and remembers what there was to read."""

    def __init__(self) -> None:
        self.read: list[tuple[str, ...]] = []

    def fit(self, job: Job, folder: Path) -> Fitted | None:
        self.read.append(job.texts)
        return super().fit(job, folder)


def trained(desk: Desk) -> tuple[Watched, list[Path]]:
    """Two trainings of a project of 1,620 texts; what was read, and the models' folders."""
    watched = Watched()
    desk.workshop = replace(desk.workshop, fitter=watched)
    desk.answer(40)
    desk.hear()
    with transaction(desk.workshop.sessions) as opened:
        fill(opened, wide.texts(1_500), project=desk.project_id, first=max(desk.task_ids) + 1)
    folders = []
    for cause in ("one", "two"):
        version = desk.train(cause)
        assert version is not None
        folders.append(desk.workshop.settings.models_dir / str(desk.project_id) / version)
        desk.answer(20, first=40)
        desk.hear()
    return watched, folders


@pytest.mark.parametrize("kind", ["details", "intent"])
def test_a_training_hands_them_over(make_desk: Callable[..., Desk], kind: str) -> None:
    watched, _ = trained(make_desk(kind))
    assert len(watched.read) == 2
    first, second = watched.read
    assert len(first) == steady(1_620)
    assert set(wide.texts(1_500)[:1_000]) <= set(first)
    assert second == first


def test_what_was_read_is_in_the_version(make_desk: Callable[..., Desk]) -> None:
    _, folders = trained(make_desk("details"))
    one, two = ((folder / "words.json").read_text(encoding="utf-8") for folder in folders)
    assert {*wide.PLACES, *wide.PEOPLE} <= set(json.loads(one))
    assert two == one  # the same texts were read, so what is kept for a text stays good


def test_what_is_measured_by_parts_reads_too() -> None:
    kind = kinds.kind_of("spans", learner="span_crf")
    texts, answers = wide.marked(wide.PLACES[:24], wide.PEOPLE[:24])
    pairs = zip(texts, answers, strict=True)
    labels = [Label(i, text, answer) for i, (text, answer) in enumerate(pairs)]
    learned = training.learn(kind, "span_crf", labels, seed=0, texts=wide.texts(1_500))
    assert isinstance(learned, SpanCrf)
    assert learned.background.clusters is not None
    right = []
    for read in ((), wide.texts(1_500)):
        guesses = training.out_of_fold(kind, "span_crf", labels, seed=0, texts=read)
        both = zip(guesses, answers, strict=True)
        right.append(sum(g is not None and g.answer == w for g, w in both))
    assert right[1] >= right[0] + 8  # of 48
