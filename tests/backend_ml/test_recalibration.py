"""Confidence is made honest by what became of suggestions that nobody chose."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml import model_store, random_arm, recalibration, training
from backend_ml.calibration import NO_CHANGE, off_line, on_line
from backend_ml.labels import Label
from backend_ml.learners import choice_linear
from backend_ml.learners.base import Guess, Guesses
from backend_ml.predicting import Serving
from backend_ml.tables import LabelRow, VersionRow
from projects.kit.database import transaction
from projects.vocabulary import Answer, Mark
from tests.backend_ml import paper
from tests.backend_ml.conftest import Desk
from tests.support.kinds import CONTROL, corpus, kind_of

MakeDesk = Callable[..., Desk]
A: Answer = (Mark(CONTROL, "a"),)
B: Answer = (Mark(CONTROL, "b"),)
CHOICE = kind_of("choice")
MODEST = (1.0, 1.2)


class Says:
    """A learner with fixed guesses."""

    classes_ = ("a", "b")

    def __init__(self, items: tuple[Guess | None, ...]) -> None:
        self.guesses = Guesses(
            items,
            np.full((len(items), 2), 0.5),
            hesitation=np.linspace(0, 1, len(items)).astype(np.float64),
        )

    def fit(self, *_: object, **__: object) -> None:
        raise AssertionError

    def predict(self, _texts: object) -> Guesses:
        return self.guesses

    def save(self, folder: Path) -> None:
        (folder / "said").touch()


def test_a_line_is_found_when_enough_is_known() -> None:
    rng = np.random.default_rng(0)
    raw = rng.uniform(0.05, 0.95, 2000)
    outcomes = [
        (sure, bool(rng.random() < right))
        for sure, right in zip(raw.tolist(), on_line(raw, MODEST).tolist(), strict=True)
    ]
    assert recalibration.fit(outcomes) == pytest.approx(MODEST, abs=0.15)
    assert recalibration.fit(outcomes[:19]) == NO_CHANGE
    assert recalibration.fit(outcomes[:20]) != NO_CHANGE
    assert recalibration.fit([]) == NO_CHANGE


def test_off_a_line_is_what_was_put_on_it() -> None:
    raw = np.array([0.001, 0.2, 0.5, 0.97])
    assert off_line(on_line(raw, (0.7, 1.3)), (0.7, 1.3)) == pytest.approx(raw)


def test_only_confidence_is_another(tmp_path: Path) -> None:
    bare = Says((Guess(A, 0.5, (0.5,)), None, Guess(B, 0.2, (0.2,)), Guess((), 0.5, ())))
    learner = recalibration.on(bare, (1.0, np.log(3.0)))
    found = learner.predict([""] * 4)
    # Odds are tripled: 1 to 3, and 1/4 to 3/4.
    wanted = [(A, 0.75), None, (B, 3 / 7), ((), 0.75)]
    assert [guess is None for guess in found.items] == [want is None for want in wanted]
    for guess, want in zip(found.items, wanted, strict=True):
        if guess is not None and want is not None:
            assert guess.answer == want[0]
            assert guess.confidence == pytest.approx(want[1])
            assert guess.mark_confidences == (guess.confidence,) * len(guess.answer)
    assert found.proba is bare.guesses.proba
    assert found.hesitation is bare.guesses.hesitation
    assert learner.classes_ == ("a", "b")
    learner.save(tmp_path)
    assert (tmp_path / "said").exists()
    assert recalibration.on(bare, NO_CHANGE) is bare


def told(session: Session, number: int, right: bool, **more: object) -> None:  # noqa: FBT001
    values: dict[str, object] = {"arm": "random", "confidence": 0.5} | more
    when = paper.BEGAN + timedelta(seconds=number)
    suggested = A if right else B
    paper.label(session, number, A, when=when, suggested=suggested, **values)  # type: ignore[arg-type]


def test_what_counts_is_of_the_random_arm_and_of_the_learner(session: Session) -> None:
    paper.version(session, 1, line_slope=2.0, line_offset=1.0)
    paper.version(session, 2, learner="rules")
    paper.version(session, 1, project=2)
    told(session, 1, right=True)
    told(session, 2, right=False, confidence=0.9)
    told(session, 3, right=True, arm="active")
    told(session, 4, right=True, ground_truth=True)
    told(session, 5, right=True, suggestion_estimated=True)
    told(session, 6, right=True, suggested_version="sample-0002")
    told(session, 7, right=True, project=2)
    told(session, 8, right=True, suggested_version="another-0001")
    session.flush()
    found = random_arm.outcomes(session, 1, "choice_linear", most=10)
    raw = off_line(np.array([0.9, 0.5]), (2.0, 1.0))
    assert [right for _, right in found] == [False, True], "newest first"
    assert [sure for sure, _ in found] == pytest.approx(raw.tolist())
    assert len(random_arm.outcomes(session, 1, "choice_linear", most=1)) == 1
    ((sure, right),) = random_arm.outcomes(session, 1, "rules", most=10)
    assert (round(sure, 6), right) == (0.5, True)
    assert random_arm.among(session, 1, [1, 3, 5, 99]) == frozenset({1, 5})
    assert random_arm.among(session, 3, [1]) is None


def test_calibration_is_measured_on_what_nobody_chose() -> None:
    texts, answers = corpus("choice", 60)
    learner = choice_linear.new(CHOICE)
    learner.fit(texts[:40], answers[:40], seed=0)
    labels = [Label(n, texts[n], answers[n]) for n in range(40, 60)]
    some = frozenset(range(45, 55))
    exam = training.examine(learner, labels, CHOICE, drawn=some)
    alone = training.examine(learner, labels[5:15], CHOICE)
    assert exam.calibration == alone.calibration
    assert exam.agreement == training.examine(learner, labels, CHOICE).agreement
    assert training.examine(learner, labels, CHOICE, drawn=frozenset()).calibration is None


def accept_all(session: Session, desk: Desk, *, confidence: float, share: float) -> None:
    """As if every label had met a suggestion of the first version in the random arm."""
    rows = session.scalars(sa.select(LabelRow).order_by(LabelRow.task_id)).all()
    other = next(row.answer for row in rows if row.answer != rows[0].answer)
    for number, row in enumerate(rows):
        right = number < share * len(rows)
        row.arm, row.suggested_version = "random", f"{desk.kind.name}-0001"
        row.suggested_confidence, row.suggestion_estimated = confidence, False
        row.suggested_answer = row.answer if right else other
        row.outcome = "accepted" if right else "corrected"


def test_a_version_that_was_too_modest_makes_the_next_one_surer(make_desk: MakeDesk) -> None:
    desk = make_desk()
    desk.answer(60)
    desk.hear()
    assert desk.train("one") == "intent-0001"
    with transaction(desk.workshop.sessions) as session:
        accept_all(session, desk, confidence=0.4, share=0.9)
    desk.answer(12, first=60)
    desk.hear()
    with transaction(desk.workshop.sessions) as session:
        accept_all(session, desk, confidence=0.4, share=0.9)
    assert desk.train("two") == "intent-0002"
    with desk.workshop.reading() as session:
        rows = list(session.scalars(sa.select(VersionRow).order_by(VersionRow.number)))
    first, row = rows
    assert (first.line_slope, first.line_offset) == NO_CHANGE
    line = (row.line_slope, row.line_offset)
    # .4 was right nine times in ten.
    assert on_line(np.array([0.4]), line)[0] == pytest.approx(0.9, abs=0.07)
    data = {"text": "Please cancel my order.", "heading": "", "context": ""}
    serving = Serving(desk.workshop.reading, desk.workshop.store)
    (item,) = serving.predict(desk.project_id, desk.kind, [{"id": 1, "data": data}])
    learner = model_store.learner_file(row.learner).load(desk.workshop.store.folder(row), desk.kind)
    guess = learner.predict([desk.kind.text(data)]).items[0]
    assert guess is not None
    assert item["score"] == pytest.approx(on_line(np.array([guess.confidence]), line)[0])
    assert item["score"] != pytest.approx(guess.confidence, abs=0.001)
    assert row.calibration_error_n == row.held_out_n > 0, "all were of the random arm"


def test_spans_keep_their_own_confidence(make_desk: MakeDesk) -> None:
    desk = make_desk("details")
    desk.answer(60)
    desk.hear()
    first = desk.train("one")
    with transaction(desk.workshop.sessions) as session:
        accept_all(session, desk, confidence=0.4, share=0.9)
    desk.answer(12, first=60)
    desk.hear()
    assert desk.train("two") is not None
    with desk.workshop.reading() as session:
        rows = list(session.scalars(sa.select(VersionRow)))
    assert first is not None
    assert {(row.line_slope, row.line_offset) for row in rows} == {NO_CHANGE}
