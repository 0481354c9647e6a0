from dataclasses import replace

import numpy as np
import pytest

from backend_ml import selecting
from backend_ml.pool import Pool
from backend_ml.selecting import ACTIVE, RANDOM, Assignment, Board, Draw, Sizes, View
from backend_ml.strategies import margin

SIZES = Sizes(batch=10, random_share=0.2, low_water=4)


def draw(board: Board, *, seed: int = 0, sizes: Sizes = SIZES) -> Draw:
    # The higher the id, the surer the model.
    pool = Pool(np.array([i / 1000 for i in board.open_ids], dtype=np.float64))
    return selecting.draw(board, whole(pool), margin, sizes, rng=np.random.default_rng(seed))


def whole(pool: Pool) -> View:
    return View(pool, np.arange(len(pool)))


def after(board: Board, drawn: Draw, answered: set[int]) -> Board:
    """The board once a draw is published and some tasks are answered."""
    assigned = dict(board.assigned)
    for task_id in drawn.random:
        assigned.setdefault(task_id, Assignment(RANDOM, drawn.epoch))
    for task_id in drawn.active:
        assigned[task_id] = Assignment(ACTIVE, drawn.epoch)
    left = tuple(i for i in board.open_ids if i not in answered)
    return Board(left, assigned, frozenset(set(drawn.task_ids) & set(left)))


def fresh(board: Board) -> Board:
    """The same board for a new version: nothing is published under it."""
    return Board(board.open_ids, board.assigned, frozenset())


START = Board(tuple(range(100)), {}, frozenset())


def test_the_first_draw_has_both_parts() -> None:
    drawn = draw(START)
    assert (drawn.epoch, len(drawn.random), len(drawn.active)) == (1, 2, 8)
    assert not set(drawn.random) & set(drawn.active)
    wanted = [i for i in START.open_ids if i not in drawn.random][:8]
    assert list(drawn.active) == wanted


def test_the_random_part_does_not_depend_on_the_model() -> None:
    pool = Pool(np.random.default_rng(1).random(100))
    other = selecting.draw(START, whole(pool), margin, SIZES, rng=np.random.default_rng(0))
    assert other.random == draw(START).random


def test_the_random_part_is_uniform() -> None:
    drawn = [i for seed in range(600) for i in draw(START, seed=seed).random]
    counts = np.bincount(drawn, minlength=100)
    # 1,200 draws over 100 tasks: 12 each, standard deviation about 3.4.
    assert counts.max() < 12 + 5 * 3.5
    assert abs(np.mean(drawn) - 49.5) < 4


def test_a_new_version_keeps_random_tasks_and_chooses_the_rest_anew() -> None:
    first = draw(START)
    board = fresh(after(START, first, set(first.active[:3])))
    second = draw(board)
    assert second.epoch == 1
    assert second.random == first.random
    assert len(second.active) == 5


def test_an_epoch_ends_when_the_queue_is_low() -> None:
    first = draw(START)
    board = fresh(after(START, first, set(first.active[:7])))
    second = draw(board)  # 1 active and 2 random left: fewer than 4
    assert second.epoch == 2
    assert set(first.random) < set(second.random)
    assert (len(second.random), len(second.active)) == (4, 8)


def test_old_random_tasks_hold_up_the_next_epoch() -> None:
    first = draw(START)
    board = fresh(after(START, first, set(first.active[:7])))
    second = draw(board)
    board = fresh(after(board, second, set(second.active)))
    third = draw(board)  # 4 random left, 2 of them of the first epoch
    assert third.epoch == 2
    assert third.active == ()
    board = fresh(after(board, third, set(first.random)))
    assert draw(board).epoch == 3


def test_few_stuck_tasks_do_not_hold_up_for_ever() -> None:
    assigned = {0: Assignment(RANDOM, 1), 1: Assignment(RANDOM, 1)}
    assigned |= {i: Assignment(ACTIVE, 2) for i in range(50, 58)}
    board = Board(tuple(range(50)), assigned, frozenset())
    assert selecting.begins_epoch(board, SIZES)


def test_nothing_is_wanted_when_all_is_published() -> None:
    board = after(START, draw(START), set())
    assert not selecting.wants_draw(board, SIZES)
    everything = Board((1, 2), {1: Assignment(ACTIVE, 1)}, frozenset({1, 2}))
    assert not selecting.wants_draw(everything, SIZES)


def test_small_pools_are_published_whole() -> None:
    drawn = draw(Board((4, 9), {}, frozenset()))
    assert sorted(drawn.task_ids) == [4, 9]
    assert draw(Board((), {}, frozenset())).task_ids == ()


def test_pool_and_positions_must_pair() -> None:
    view = View(Pool(np.zeros(1)), np.arange(100))
    with pytest.raises(ValueError, match="a pool of 1 for 100"):
        selecting.draw(START, view, margin, SIZES, rng=np.random.default_rng(0))


def test_only_what_was_looked_at_is_chosen_but_anything_may_be_drawn() -> None:
    view = View(Pool(np.full(10, 0.5)), np.arange(40, 50))
    drawn = [
        selecting.draw(START, view, margin, SIZES, rng=np.random.default_rng(seed))
        for seed in range(30)
    ]
    assert {i for one in drawn for i in one.active} == set(range(40, 50))
    assert len({i for one in drawn for i in one.random} - set(range(40, 50))) > 20


def test_the_front_of_the_last_batch_stays_and_counts() -> None:
    first = draw(START)
    front = first.active[:3]
    board = fresh(after(START, first, set()))
    board = replace(board, front=front)
    second = draw(board)
    assert set(front) <= set(second.active)
    assert len(second.active) == len(first.active) == 8


def test_the_front_stays_even_when_the_quota_is_used_up() -> None:
    first = draw(START)
    board = fresh(after(START, first, set(first.active)))
    board = replace(board, front=(90, 91), assigned=dict(board.assigned))
    assigned = dict(board.assigned) | {i: Assignment(RANDOM, 0) for i in range(80, 84)}
    held_up = replace(board, assigned=assigned)  # four random tasks of an older epoch
    assert draw(held_up).active == (90, 91)


def test_the_random_part_does_not_look_at_the_front() -> None:
    board = replace(START, front=(0, 1, 2, 3))
    assert draw(board).random == draw(START).random
    drawn = [i for seed in range(600) for i in draw(board, seed=seed).random]
    counts = np.bincount(drawn, minlength=100)
    # 1,200 draws over 100 tasks: 48 for four of them, standard deviation about 7.
    assert abs(int(counts[:4].sum()) - 48) < 4 * 7


def test_begun_tasks_are_besides() -> None:
    drawn = draw(replace(START, begun=(200, 201)))
    assert drawn.begun == (200, 201)
    assert drawn.task_ids == (*drawn.random, *drawn.active, 200, 201)
    assert (len(drawn.random), len(drawn.active)) == (2, 8)


def test_what_is_on_screens_does_not_hold_up_an_epoch() -> None:
    assigned = {i: Assignment(RANDOM, 1) for i in range(5)}
    assigned |= {i: Assignment(ACTIVE, 2) for i in range(50, 58)}
    board = Board(tuple(range(50)), assigned, frozenset())
    sizes = replace(SIZES, low_water=9)
    assert not selecting.begins_epoch(board, replace(sizes, people=2))
    # Five random tasks are left, and three people have two each before them.
    assert selecting.begins_epoch(board, replace(sizes, people=3))
