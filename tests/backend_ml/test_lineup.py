"""Which learners are tried, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa

from backend_ml import judging, lineup, model_store, retraining, schedule, settings
from backend_ml.fit_process import FitInterrupted
from backend_ml.fitting import Here, Job
from backend_ml.learners.base import Guess
from backend_ml.tables import MarkRow, VersionRow
from projects.kinds import registry
from projects.kinds.base import Kind
from projects.kit.database import transaction
from tests.backend_ml.conftest import Desk
from tests.support import stubborn

MakeDesk = Callable[..., Desk]


def intent(**changes: object) -> Kind:
    """The kind ``intent`` without its rules."""
    kind = registry.load("intent")
    bare = replace(kind, folder=Path("nowhere"), config=kind.label_config)
    return replace(bare, **changes)  # type: ignore[arg-type]


@pytest.fixture
def use_kind(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Kind], None]]:
    """Puts a kind in the place of every other; settings remember kinds, so they are told."""
    stubborn.beside_the_learners(monkeypatch)

    def use(kind: Kind) -> None:
        monkeypatch.setattr(registry, "load", lambda _: kind)
        settings._kind.cache_clear()

    yield use
    settings._kind.cache_clear()


def rows(desk: Desk) -> list[VersionRow]:
    with desk.workshop.reading() as session:
        return list(session.scalars(sa.select(VersionRow).order_by(VersionRow.number)))


def wanted(desk: Desk) -> list[tuple[str, str]]:
    kind = desk.workshop.kind(desk.project_id)
    with desk.workshop.reading() as session:
        return schedule.challenges(session, desk.project_id, kind, now=desk.clock())


def challenge(desk: Desk) -> list[str | None]:
    """Everything that is due, as the worker does it."""
    desk.clock.forward(61)
    return [
        retraining.challenge(desk.workshop, desk.project_id, learner, cause)
        for learner, cause in wanted(desk)
    ]


def test_the_champions_learner_is_the_regular_one_unless_it_is_rules() -> None:
    kind = intent(learner="a", challengers=("b",))
    assert lineup.regular(kind, None) == "a"
    assert lineup.regular(kind, "b") == "b"
    assert lineup.regular(kind, lineup.RULES) == "a"
    assert lineup.regular(kind, "gone since") == "a"


def test_others_are_tried_when_labels_have_grown_by_half() -> None:
    kind = intent(learner="a", challengers=("b", "c"))
    assert lineup.challengers(kind, "a", {}, 49) == []
    assert lineup.challengers(kind, "a", {}, 50) == ["b", "c"]
    assert lineup.challengers(kind, "a", {"b": 60, "c": 50}, 89) == ["c"]
    assert lineup.challengers(kind, "a", {"b": 60, "c": 80}, 90) == ["b"]
    assert lineup.challengers(kind, "c", {"a": 100, "b": 100}, 150) == ["a", "b"]


def test_a_better_challenger_takes_over_and_is_fitted_from_then_on(
    make_desk: MakeDesk, use_kind: Callable[[Kind], None]
) -> None:
    use_kind(intent(learner="stubborn", challengers=("choice_linear",)))
    desk = make_desk()
    desk.answer(60)
    desk.hear()
    assert desk.train("one") == "intent-0001"
    assert challenge(desk) == ["intent-0002"]
    assert challenge(desk) == []
    desk.answer(20, first=60)
    desk.hear()
    assert desk.train("two") == "intent-0003"
    found = rows(desk)
    assert [(row.learner, row.state) for row in found] == [
        ("stubborn", "retired"),
        ("choice_linear", "retired"),
        ("choice_linear", "champion"),
    ]
    assert found[0].reason == "Nothing served this project before."
    assert found[1].reason.startswith("Better than noise explains: agreement ")
    assert "of intent-0001 on 60 unseen labels" in found[1].reason
    assert found[2].reason.startswith("Not worse than noise explains: ")


def test_a_challenger_that_is_no_better_does_not_serve(
    make_desk: MakeDesk, use_kind: Callable[[Kind], None]
) -> None:
    use_kind(intent(challengers=("stubborn",)))
    desk = make_desk()
    desk.answer(60)
    desk.hear()
    desk.train("one")
    assert challenge(desk) == [None]
    assert challenge(desk) == []
    assert [row.state for row in rows(desk)] == ["champion", "rejected"]
    assert desk.train("two") is None  # a challenger leaves nothing to be done


def test_a_learner_that_is_not_named_any_more_gives_way_to_one_that_is_as_good(
    make_desk: MakeDesk, use_kind: Callable[[Kind], None]
) -> None:
    use_kind(intent(learner="stubborn"))
    desk = make_desk()
    desk.answer(40)
    desk.hear()
    desk.train("one")
    use_kind(intent(learner="choice_linear"))
    desk.answer(10, first=40)
    desk.hear()
    assert desk.train("two") == "intent-0002"
    assert [row.learner for row in rows(desk)] == ["stubborn", "choice_linear"]
    assert rows(desk)[1].reason.startswith("Not worse than noise explains: ")


def test_a_challenger_that_cannot_be_fitted_is_recorded_and_waits(
    make_desk: MakeDesk, use_kind: Callable[[Kind], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the text of a message")

    use_kind(intent(challengers=("stubborn",)))
    monkeypatch.setattr("backend_ml.learners.stubborn.Stubborn.fit", fail, raising=False)
    desk = make_desk()
    desk.answer(60)
    desk.hear()
    desk.train("one")
    assert challenge(desk) == [None]
    assert challenge(desk) == []
    failed = rows(desk)[1]
    assert failed.reason == "It could not be fitted: RuntimeError."
    assert not desk.workshop.store.folder(failed).exists()
    assert not any(path.name.startswith(".") for path in folder_of(desk).iterdir())


def folder_of(desk: Desk) -> Path:
    return desk.workshop.settings.models_dir / str(desk.project_id)


def test_a_failed_training_keeps_no_words_of_anybody(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk()
    desk.answer(40)
    desk.hear()
    retraining.record_failure(desk.workshop, desk.project_id, ValueError("call Bo on 555-0100"))
    with transaction(desk.workshop.sessions) as session:
        mark = session.get_one(MarkRow, desk.project_id)
        assert (mark.failures, mark.last_error) == (1, "ValueError")
    desk.train("one")
    with transaction(desk.workshop.sessions) as session:
        assert session.get_one(MarkRow, desk.project_id).last_error is None


def test_a_training_that_always_fails_is_tried_less_and_less_often(make_desk: MakeDesk) -> None:
    """Also while labels go on coming; at the latest after an hour, and at once when asked for."""
    desk = make_desk(tasks=60)
    desk.answer(40)
    desk.hear()
    settings, tried = desk.workshop.settings, [desk.clock.moment]

    def is_due() -> bool:
        with desk.workshop.reading() as session:
            found = schedule.due_key(session, desk.project_id, settings, now=desk.clock())
        return found is not None

    assert is_due()
    for attempt in range(10):
        retraining.record_failure(desk.workshop, desk.project_id, ValueError("no"), fitting=True)
        if attempt == 2:
            desk.answer(12, first=40)
            desk.hear()
        while not is_due():
            desk.clock.forward(5)
        tried.append(desk.clock.moment)
    waits = [(b - a).total_seconds() for a, b in pairwise(tried)]
    wanted = [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert all(0 <= got - want < 12 for got, want in zip(waits, wanted, strict=True)), waits
    retraining.record_failure(desk.workshop, desk.project_id, ValueError("no"), fitting=True)
    assert not is_due()
    with transaction(desk.workshop.sessions) as session:
        schedule.force(session, desk.project_id)
    assert is_due()
    retraining.record_failure(desk.workshop, desk.project_id, ValueError("no"), fitting=True)
    desk.train("one")  # that works again
    with transaction(desk.workshop.sessions) as session:
        assert session.get_one(MarkRow, desk.project_id).fit_failures == 0


def test_other_failures_do_not_hold_up_a_training(make_desk: MakeDesk) -> None:
    desk = make_desk(tasks=60)
    desk.answer(40)
    desk.hear()
    retraining.record_failure(desk.workshop, desk.project_id, OSError())  # of publishing
    stopped = FitInterrupted()
    retraining.record_failure(desk.workshop, desk.project_id, stopped, fitting=True)
    with desk.workshop.reading() as session:
        settings = desk.workshop.settings
        assert schedule.due_key(session, desk.project_id, settings, now=desk.clock()) is not None


def test_a_champion_that_changed_meanwhile_leaves_the_training_to_be_done_again(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk()
    desk.answer(40)
    desk.hear()
    desk.train("one")
    desk.answer(20, first=40)
    desk.hear()
    honest = judging.judge

    def slow(*args: object) -> object:
        with transaction(desk.workshop.sessions) as session:
            schedule.force(session, desk.project_id)
        monkeypatch.setattr(judging, "judge", honest)
        assert desk.train("two") == "intent-0002"
        return honest(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(judging, "judge", slow)
    assert desk.train("three") is None
    assert [row.name for row in rows(desk)] == ["intent-0001", "intent-0002"]


RULES = (
    '{"label": "Cancel", "pattern": "cancel"}\n'
    '{"label": "Reschedule", "pattern": "move my slot"}\n'
    '{"label": "New meeting", "pattern": "set up a meeting"}\n'
)


@pytest.fixture
def ruled(tmp_path: Path, use_kind: Callable[[Kind], None]) -> Path:
    """The kind ``intent`` from a folder of its own, with rules."""
    folder = tmp_path / "kind"
    folder.mkdir()
    (folder / "rules.jsonl").write_text(RULES)
    use_kind(intent(folder=folder))
    return folder


def test_rules_serve_before_there_is_a_label_and_once_per_file(
    make_desk: MakeDesk, ruled: Path, use_kind: Callable[[Kind], None]
) -> None:
    desk = make_desk()
    desk.hear()
    assert challenge(desk) == ["intent-0001"]
    assert challenge(desk) == []
    (ruled / "rules.jsonl").write_text(RULES.splitlines()[0] + "\n")
    use_kind(replace(registry.load("intent"), title="new object, new file read"))
    assert [learner for learner, _ in wanted(desk)] == ["rules"]
    assert [row.labels for row in rows(desk)] == [0]


def test_rules_serve_until_a_model_beats_them(make_desk: MakeDesk, ruled: Path) -> None:
    desk = make_desk()
    desk.hear()
    challenge(desk)
    desk.answer(40)
    desk.hear()
    assert desk.train("one") is None  # these rules are never wrong
    with desk.workshop.reading() as session:
        serving = model_store.champion(session, desk.project_id)
    assert serving is not None
    assert serving.learner == lineup.RULES


def test_out_of_fold_guesses_are_asked_for_only_with_few_held_out_labels(
    make_desk: MakeDesk, use_kind: Callable[[Kind], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    honest = Here.out_of_fold

    def watched(here: Here, job: Job) -> list[Guess | None]:
        asked.append(job.learner)
        return honest(here, job)

    monkeypatch.setattr(Here, "out_of_fold", watched)
    monkeypatch.setattr("backend_ml.gate.ENOUGH", 10)
    use_kind(intent(challengers=("stubborn",)))
    desk = make_desk()
    desk.answer(100)
    desk.hear()
    desk.train("one")
    assert challenge(desk) == [None]
    assert asked == []
    monkeypatch.setattr("backend_ml.gate.ENOUGH", 30)
    desk.answer(20, first=100)
    desk.hear()
    monkeypatch.setattr(lineup, "GROWTH", 1.1)
    assert challenge(desk) == [None]
    assert asked == ["stubborn", "choice_linear"]
