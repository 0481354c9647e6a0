"""What the programs are started with."""

from __future__ import annotations

import pytest

from projects.kit.errors import BadInput
from scripts.programs import TRAINER_EMAIL, TRAINERS, trainers


@pytest.mark.parametrize("environment", [{}, {TRAINERS: ""}, {TRAINERS: "[]"}])
def test_there_is_always_a_trainer(environment: dict[str, str]) -> None:
    assert trainers(environment) == [TRAINER_EMAIL]


def test_trainers_of_the_environment_join_the_one_we_make() -> None:
    assert trainers({TRAINERS: '["ada@example.com"]'}) == ["ada@example.com", TRAINER_EMAIL]


@pytest.mark.parametrize("given", ["ada@example.com", '"ada@example.com"', "[1]", "{}"])
def test_anything_but_a_list_is_refused(given: str) -> None:
    with pytest.raises(BadInput, match=TRAINERS):
        trainers({TRAINERS: given})
