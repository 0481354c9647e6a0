"""Upstream's own examples and unit tests, from a checkout that somebody names; never ours."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backend_ml.learners import label_studio_ml
from backend_ml.learners.label_studio_ml import LabelStudioModel
from projects.kinds.base import HostedModel
from tests.support import kinds

EXAMPLES = Path("label_studio_ml", "examples")
TEXTS, ANSWERS = kinds.corpus("choice", 40)
Make = Callable[[str], LabelStudioModel]
NOT_YET = "not serialize"
"""It calls a method that predictions have in the SDK's repository only."""
RUN_ON_STAND_IN = """
import sys, pytest
from backend_ml.hosting import stand_in
stand_in.install()
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "-c", "/dev/null", *sys.argv[1:]]))
"""


@pytest.fixture
def make(checkout: Path, genuine_python: str) -> Make:
    """A learner that runs an example of the checkout, in the environment of models."""

    def learner(place: str) -> LabelStudioModel:
        path, _, _ = place.rpartition(":")
        if not (checkout / EXAMPLES / path).exists():
            pytest.skip(f"the checkout has no {path}")
        hosted = HostedModel(str(checkout / EXAMPLES / place), genuine_python, 60, 120)
        return label_studio_ml.new(replace(kinds.kind_of("choice"), hosted=hosted))

    return learner


def test_the_text_classifier_learns_from_the_labels_it_asks_for(make: Make) -> None:
    learner = make("sklearn_text_classifier/model.py:SklearnTextClassifier")
    learner.fit(TEXTS[:30], ANSWERS[:30], seed=0)
    guesses = learner.predict(TEXTS[30:]).items
    right = [g is not None and g.answer == a for g, a in zip(guesses, ANSWERS[30:], strict=True)]
    assert sum(right) >= 9  # of 10


def test_the_simplest_backend_repeats_the_newest_label(make: Make) -> None:
    learner = make("the_simplest_backend/model.py:MyModel")
    learner.fit(TEXTS[:30], ANSWERS[:30], seed=0)
    (guess,) = learner.predict(["anything"]).items
    assert guess is not None
    assert guess.answer == ANSWERS[29]


def test_what_only_answers_a_click_abstains_otherwise(make: Make) -> None:
    learner = make("interactive_substring_matching/model.py:InteractiveSubstringMatching")
    learner.fit(TEXTS[:3], ANSWERS[:3], seed=0)
    assert learner.predict(["a text"]).items == (None,)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("test_build_label_map.py", ""),
        ("test_unit_model.py", "preload"),
        ("test_response.py", NOT_YET),
    ],
)
def test_upstreams_unit_tests_hold_on_the_stand_in(
    checkout: Path, name: str, wanted: str, tmp_path: Path
) -> None:
    test = checkout / "tests" / name
    if not test.exists():
        pytest.skip(f"the checkout has no tests/{name}")
    command = [sys.executable, "-c", RUN_ON_STAND_IN, str(test), "-k", wanted]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
