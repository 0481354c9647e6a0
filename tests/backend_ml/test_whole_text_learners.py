"""Learners of several choices, of taxonomies and of numbers, and the machine under them."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest

from backend_ml import dual, linear, machine_files
from backend_ml.calibration import Several, fit_several
from backend_ml.learners import choices_linear, number_ridge, taxonomy_linear
from backend_ml.learners.base import Guess, Learner, ModelUnreadable
from backend_ml.learners.number_ridge import Scale
from backend_ml.learners.taxonomy_linear import Tree
from projects.forms.base import Control
from projects.kinds.base import Kind
from projects.vocabulary import Answer, Mark, as_answer
from tests.support import kinds

TREE = Tree(("A", "A > x", "A > y", "B > z"))


def guess_of(learner: Learner, text: str) -> Guess:
    found = learner.predict([text]).items[0]
    assert found is not None
    return found


# Several choices.


def test_each_label_is_decided_by_itself_and_none_is_an_answer() -> None:
    kind = kinds.kind_of("choices")
    learner = choices_linear.new(kind)
    learner.fit(*kinds.corpus("choices", 150), seed=0)
    texts, answers = kinds.corpus("choices", 60, seed=7)
    guesses = learner.predict(texts)
    right = [g is not None and g.answer == a for g, a in zip(guesses.items, answers, strict=True)]
    assert np.mean(right) > 0.9
    assert guess_of(learner, "hello there").answer == ()
    assert guesses.marginals is not None
    assert guesses.marginals.shape == (60, 3)


def test_confidence_in_a_set_is_a_product_by_hand() -> None:
    # .8 and .3 with unchanged lines: decided as yes and no, so .8 x .7 = .56.
    assert Several().confidence(np.array([[0.8, 0.3]])) == pytest.approx([0.56])


def test_marginals_of_what_a_fold_did_not_know_are_zero() -> None:
    assert Several().marginals(np.array([[-np.inf, 0.0]])).tolist() == [[0.0, 0.5]]


def test_several_are_made_honest() -> None:
    """Distances that promise too much: half of what lies at 2 is right."""
    rng = np.random.default_rng(0)
    scores = np.full((400, 2), 2.0)
    found = fit_several(scores, rng.random((400, 2)) < 0.6)
    assert found.marginals(np.array([[2.0]])) == pytest.approx(0.6, abs=0.05)
    # Both are decided as yes; .6 x .6 = .36 of the texts are entirely right.
    assert found.confidence(found.marginals(scores[:1])) == pytest.approx([0.36], abs=0.07)


# Taxonomies.


def test_forks_of_a_tree() -> None:
    # "A" was an answer and has nodes below it, so the way may end there.
    names = {place: node for node, place in TREE.columns.items()}
    forks = sorted(sorted(names[column] for column in fork) for fork in TREE.forks)
    assert forks == [["A", "B"], ["A > .", "A > x", "A > y"], ["B > z"]]


def test_the_way_down_is_a_product_by_hand() -> None:
    # All distances 0, slope 1, offset 0: every fork is split evenly.
    # A: 1/2 x 1/3, the same for A > x and A > y; B > z: 1/2 x 1.
    found = TREE.proba(np.zeros((1, len(TREE.columns))), (1.0, 0.0))
    assert found == pytest.approx(np.array([[1 / 6, 1 / 6, 1 / 6, 1 / 2]]))


def test_an_answer_marks_every_node_on_its_way() -> None:
    targets = TREE.targets([(Mark("c", "A"),), (Mark("c", "A > x"), Mark("c", "B > z"))])
    on = [{node for node, place in TREE.columns.items() if row[place]} for row in targets]
    assert on == [{"A", "A > ."}, {"A", "A > x", "B", "B > z"}]


def place_texts(count: int, *, seed: int, inner: bool) -> tuple[list[str], list[Answer]]:
    """Fruit by kind; with ``inner`` some is just fruit."""
    rng = Random(seed)
    words = {"Fruit > Apple": "a red apple", "Fruit > Pear": "a green pear", "Tool": "a hammer"}
    if inner:
        words["Fruit"] = "some fruit or other"
    chosen = [rng.choice(sorted(words)) for _ in range(count)]
    texts = [f"{words[path]} number {rng.randrange(100)}" for path in chosen]
    answers: list[Answer] = [(Mark(kinds.CONTROL, path),) for path in chosen]
    return texts, answers


@pytest.mark.parametrize("inner", [False, True])
def test_an_inner_node_is_an_answer_only_if_it_was_one(*, inner: bool) -> None:
    learner = taxonomy_linear.new(kinds.kind_of("taxonomy"))
    learner.fit(*place_texts(80, seed=1, inner=inner), seed=0)
    assert ("Fruit" in learner.classes_) == inner
    texts, answers = place_texts(40, seed=2, inner=inner)
    right = [guess_of(learner, t).answer == a for t, a in zip(texts, answers, strict=True)]
    assert np.mean(right) > 0.9
    said = guess_of(learner, "some fruit or other").answer[0].label
    assert said == "Fruit" if inner else said != "Fruit"


def test_several_nodes_where_people_choose_several(tmp_path: Path) -> None:
    kind = kinds.kind_of("taxonomy")
    rng = Random(0)
    texts, answers = [], []
    for _ in range(120):
        paths = rng.sample(sorted(kinds.SENTENCES), rng.choice([1, 2]))
        texts.append(" and ".join(kinds.SENTENCES[p].format(who="Bo", when="now") for p in paths))
        answers.append(as_answer([Mark(kinds.CONTROL, path) for path in paths]))
    learner = taxonomy_linear.new(kind)
    learner.fit(texts[:90], answers[:90], seed=0)
    guesses = learner.predict(texts[90:])
    pairs = zip(guesses.items, answers[90:], strict=True)
    assert np.mean([g is not None and g.answer == a for g, a in pairs]) > 0.8
    assert guesses.proba is None
    assert guesses.marginals is not None
    assert len(guess_of(learner, "zzz").answer) >= 1
    learner.save(tmp_path)
    assert taxonomy_linear.load(tmp_path, kind).predict(texts).items == learner.predict(texts).items


# Numbers.


def number_kind(least: float, most: float) -> Kind:
    control = f'<Number name="{kinds.CONTROL}" toName="text" min="{least}" max="{most}"/>'
    config = f'<View><Text name="text" value="$text"/>{control}</View>'
    return kinds.kind_of("number").with_config(config)


def amounts(count: int, *, seed: int, step: float = 1.0) -> tuple[list[str], list[Answer]]:
    """The more parts a parcel has, the more it weighs; ``step`` is the unit."""
    rng = np.random.default_rng(seed)
    parts = ["brick", "stove", "chair", "lamp", "book"]
    weights = [9.0, 6.0, 4.0, 2.0, 1.0]
    texts: list[str] = []
    answers: list[Answer] = []
    for _ in range(count):
        chosen = np.flatnonzero(rng.random(5) < 0.5)
        texts.append("parcel with " + " and ".join(parts[i] for i in chosen))
        total = step * sum(weights[i] for i in chosen)
        answers.append((Mark(kinds.CONTROL, f"{total:.10g}"),))
    return texts, answers


def test_step_and_range_by_hand() -> None:
    scale = Scale((1.0, 1.5, 3.0), least=0.0, most=4.2)
    assert scale.step == 0.5  # differences of .5 and 2
    assert scale.rounded(np.array([1.3, 2.2, 9.0, -3.0])).tolist() == [1.5, 2.0, 4.0, 0.0]
    assert scale.near == 0.25  # half a step is more than a tenth of the range of 2


def test_many_numbers_are_near_and_honest() -> None:
    learner = number_ridge.new(number_kind(0, 22))
    learner.fit(*amounts(300, seed=1), seed=0)
    assert len(learner.classes_) > number_ridge.MOST_STEPS
    texts, answers = amounts(200, seed=2)
    guesses = learner.predict(texts)
    assert guesses.proba is None
    near = []
    for guess, answer in zip(guesses.items, answers, strict=True):
        assert guess is not None
        number = float(guess.answer[0].label)
        assert number.is_integer()
        assert 0 <= number <= 22
        near.append(abs(number - float(answer[0].label)) <= 2.2)  # a tenth of the range
    sure = np.mean([guess.confidence for guess in guesses.items if guess])
    assert np.mean(near) > 0.85
    assert sure == pytest.approx(np.mean(near), abs=0.1)


def test_few_numbers_are_steps_of_a_scale() -> None:
    learner = number_ridge.new(kinds.kind_of("number"))
    learner.fit(*kinds.corpus("number", 120), seed=0)
    assert learner.classes_ == ("1", "2", "3", "4", "5")
    found = learner.predict(["Bo says simply perfect", "Bo says this is terrible"])
    assert [g.answer[0].label for g in found.items if g] == ["5", "1"]
    assert found.proba is not None


def test_a_number_that_is_not_allowed_any_more_is_not_answered(tmp_path: Path) -> None:
    learner = number_ridge.new(kinds.kind_of("number"))
    learner.fit(*kinds.corpus("number", 120), seed=0)
    learner.save(tmp_path)
    shorter = kinds.kind_of("number").with_config(
        kinds.CONFIGS["number"].replace('maxRating="5"', 'maxRating="3"')
    )
    found = number_ridge.load(tmp_path, shorter).predict(["Bo says simply perfect"])
    assert found.items[0] is not None
    assert float(found.items[0].answer[0].label) <= 3
    assert found.proba is not None
    assert found.proba[0, 3:].tolist() == [0.0, 0.0]


def test_a_slip_of_the_keyboard_teaches_nothing() -> None:
    texts, answers = amounts(100, seed=1)
    learner = number_ridge.new(kinds.kind_of("number"))
    learner.fit([*texts, "parcel"], [*answers, (Mark(kinds.CONTROL, "1e+300"),)], seed=0)
    assert max(float(label) for label in learner.classes_) <= 22


# The machine.


def test_learning_more_ends_where_starting_again_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """With everything replayed and enough passes it is the same problem."""
    monkeypatch.setattr(linear, "TOLERANCE", 1e-6)
    texts, answers = kinds.corpus("choices", 120)
    targets = choices_linear.targets_of(answers, sorted(kinds.TOPICS))
    inputs = linear.inputs_of(texts, labels=3)
    whole = linear.train(inputs, inputs.matrix(texts), targets, seed=0).decide(texts)
    part = linear.train(inputs, inputs.matrix(texts[:90]), targets[:90], seed=0)
    order, replayed = [*range(90, 120), *range(90)], np.arange(120) >= 30
    apart = [np.abs(part.decide(texts) - whole).max()]
    for passes in (3, 300):
        monkeypatch.setattr(linear, "PASSES", passes)
        given = [texts[i] for i in order]
        more = linear.learn_more(part, given, targets[order], replayed=replayed, seed=1)
        apart.append(np.abs(more.decide(texts) - whole).max())
    assert apart[0] > 2 * apart[1]
    assert apart[2] < 0.01


def test_an_ascent_from_nothing_ends_where_the_fit_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many labels are learned at once; what is held out for calibration comes in at the end."""
    monkeypatch.setattr(linear, "TOLERANCE", 1e-6)
    monkeypatch.setattr(linear, "MOST_TO_FOLD", 60)
    monkeypatch.setattr(linear, "MANY_LABELS", 2)
    texts, answers = kinds.corpus("choices", 120)
    targets = choices_linear.targets_of(answers, sorted(kinds.TOPICS))
    inputs = linear.inputs_of(texts, labels=3)
    rows = inputs.matrix(texts)
    whole = linear.train(inputs, rows, targets, seed=0).decide(texts)
    apart, before = [], []
    for passes in (1, 300):
        monkeypatch.setattr(linear, "PASSES_FROM_NOTHING", passes)
        monkeypatch.setattr(dual, "PASSES_AT_THE_END", passes)
        machine, scores, held = linear.learn(inputs, rows, targets, seed=0)
        apart.append(np.abs(machine.decide(texts) - whole).max())
        rest = np.setdiff1d(np.arange(120), held)
        unseen = linear.train(inputs, rows[rest], targets[rest], seed=0).distances(rows[held])
        before.append(np.abs(scores - unseen).max())
    assert apart[1] < 0.01 < apart[0]
    assert before[1] < 0.01
    assert len(held) == 24


def test_a_large_fit_goes_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded, and what the first parts taught is not lost."""
    monkeypatch.setattr(linear, "MOST_TO_FOLD", 60)
    monkeypatch.setattr(linear, "MANY_LABELS", 2)
    texts, answers = kinds.corpus("choices", 160)
    targets = choices_linear.targets_of(answers, sorted(kinds.TOPICS))
    inputs = linear.inputs_of(texts, labels=3)
    rows = inputs.matrix(texts)
    monkeypatch.setattr(dual, "MOST_HELD", 3 * 40)
    machine, scores, held = linear.learn(inputs, rows, targets, seed=0)
    assert scores.shape == (len(held), 3)
    right = (machine.decide(texts) > 0) == targets
    assert right.mean() > 0.97


def test_a_label_of_held_out_texts_alone_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known of it where it is measured, and it is known in the end."""
    monkeypatch.setattr(linear, "MOST_TO_FOLD", 20)
    monkeypatch.setattr(linear, "MANY_LABELS", 2)
    texts = [f"apple {i}" for i in range(30)] + [f"pear {i}" for i in range(30)] + ["zebra stripes"]
    held = np.random.default_rng(0).permutation(61)[:12]
    texts[held[0]], texts[60] = texts[60], texts[held[0]]
    targets = np.array([[w in text for w in ("apple", "pear", "zebra")] for text in texts])
    inputs = linear.inputs_of(texts, labels=3)
    machine, scores, found = linear.learn(inputs, inputs.matrix(texts), targets, seed=0)
    assert found.tolist() == held.tolist()
    assert np.isneginf(scores[:, 2]).all()
    assert np.isfinite(scores[:, :2]).all()
    assert machine.decide(["zebra stripes"]).argmax() == 2


def test_features_times_labels_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "MOST_CELLS", 300)
    texts, answers = kinds.corpus("choices", 60)
    learner = choices_linear.new(kinds.kind_of("choices"))
    learner.fit(texts, answers, seed=0)
    machine = learner._machine
    assert machine is not None
    assert machine.coefficients.shape == (100, 3)
    assert machine.coefficients.dtype == np.float32


def test_a_machine_that_was_exchanged_is_refused(tmp_path: Path) -> None:
    kind = kinds.kind_of("choices")
    for name, count in (("one", 40), ("two", 50)):
        learner = choices_linear.new(kind)
        learner.fit(*kinds.corpus("choices", count), seed=0)
        (tmp_path / name).mkdir()
        learner.save(tmp_path / name)
    (tmp_path / "one" / machine_files.MACHINE_FILE).replace(
        tmp_path / "two" / machine_files.MACHINE_FILE
    )
    with pytest.raises(ModelUnreadable, match=r"machine\.npz is not the file that was saved"):
        choices_linear.load(tmp_path / "two", kind)


def test_old_formats_say_so(tmp_path: Path) -> None:
    (tmp_path / machine_files.NOTES_FILE).write_text('{"format": 1, "fitted": true}')
    with pytest.raises(ModelUnreadable, match="its format is 1, not 3"):
        choices_linear.load(tmp_path, kinds.kind_of("choices"))


def test_a_label_that_everybody_gives_is_always_answered() -> None:
    texts, answers = kinds.corpus("choices", 40)
    always = Mark(kinds.CONTROL, "always")
    learner = choices_linear.new(kinds.kind_of("choices"))
    learner.fit(texts, [as_answer([*answer, always]) for answer in answers], seed=0)
    assert always in guess_of(learner, "zzz").answer


def test_controls_without_bounds_do() -> None:
    learner = number_ridge.NumberRidge(Control(name=kinds.CONTROL, tag="Number", to_name="text"))
    learner.fit(*amounts(100, seed=3), seed=0)
    assert guess_of(learner, "parcel with brick and stove").answer[0].control == kinds.CONTROL
