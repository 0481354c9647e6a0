"""A model of somebody's own on the whole way from labels to what annotators are shown."""

import sys
from collections.abc import Callable

import pytest

from backend_ml import model_store, publishing
from backend_ml.hosting.host import HostedModelFailed
from tests.backend_ml.conftest import Desk
from tests.support.kinds import HOSTED


def test_it_is_trained_measured_promoted_and_published(make_desk: Callable[..., Desk]) -> None:
    place = f"label_studio_ml:{HOSTED / 'counting.py'}:Counting"
    desk = make_desk(tasks=60, learners={2: place}, host_python=sys.executable)
    assert desk.project_id == 2
    desk.answer(50)
    desk.hear()
    assert desk.train("t1") == "intent-0001"
    with desk.workshop.reading() as session:
        version = model_store.champion(session, 2)
    assert version is not None
    assert version.learner == "label_studio_ml"
    assert version.held_out is not None
    assert version.held_out >= 0.8
    assert publishing.publish(desk.workshop, 2) == 10  # all that have no answer
    assert {name for _, name in desk.stored()} == {"intent-0001"}


def test_one_that_cannot_learn_leaves_the_project_as_it_was(
    make_desk: Callable[..., Desk],
) -> None:
    place = f"label_studio_ml:{HOSTED / 'odd.py'}:NeverLearns"
    desk = make_desk(tasks=40, learners={2: place}, host_python=sys.executable)
    desk.answer(30)
    desk.hear()
    with pytest.raises(HostedModelFailed, match="fit: KeyError"):
        desk.train("t1")  # the worker records it, and tries again
    with desk.workshop.reading() as session:
        assert model_store.champion(session, 2) is None
