"""A function on many items, some of which hang, crash or eat their process."""

import os
import time
from functools import partial

import pytest

from neuralmusic.isolated import WAITING, Failure, isolated_map

MEGABYTE = 10**6


def behave(item: int, slowness: float = 0.0) -> int:
    """The square of an item, but for those that stand for bad files."""
    time.sleep(slowness)
    if item == 3:
        time.sleep(600)
    if item == 5:
        os._exit(7)
    if item == 6:
        raise ValueError("six")
    if item == 8:
        os.abort()
    if item == 9:
        return len(bytearray(900 * MEGABYTE))
    return item * item


def large(item: int) -> bytes:
    """More than a pipe holds."""
    return bytes([item]) * 300_000


BAD = {
    3: "took longer than 1 seconds",
    5: "ended the process that read it (code 7)",
    6: "failed (ValueError: six)",
    8: "ended the process that read it (code -6)",
    9: "needed more than 500 MB of memory",
}


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_bad_items_cost_themselves_only(workers):
    found = list(isolated_map(behave, range(30), workers, 1.0, 500 * MEGABYTE))
    expected = [Failure(BAD[item]) if item in BAD else item * item for item in range(30)]
    assert found == expected


@pytest.mark.parametrize("workers", [1, 3])
def test_the_order_is_that_of_the_items(workers):
    assert list(isolated_map(abs, range(-500, 0), workers, 30)) == list(range(500, 0, -1))
    assert list(isolated_map(abs, [], workers, 30)) == []


def test_only_bad_items_end_too():
    assert [answer.reason for answer in isolated_map(behave, [5] * 7, 2, 9)] == [BAD[5]] * 7


def test_answers_larger_than_a_pipe_come_through():
    assert [a[0] for a in isolated_map(large, range(20), 2, 30)] == list(range(20))


def test_an_item_is_not_charged_for_the_time_of_the_one_before_it_or_of_who_asks():
    slow = partial(behave, slowness=0.3)
    found = []
    for answer in isolated_map(slow, [10, 11, 12, 13, 14], 1, 0.9):
        found.append(answer)
        time.sleep(0.7)
    assert found == [100, 121, 144, 169, 196]


def test_no_more_items_are_taken_than_can_be_answered():
    taken = []
    answers = isolated_map(abs, (taken.append(i) or i for i in range(5000)), 2, 30)
    for _ in range(100):
        next(answers)
    assert len(taken) <= 100 + 2 * WAITING
    answers.close()


def test_hundreds_of_small_items_a_second():
    began = time.perf_counter()
    assert sum(isolated_map(abs, range(3000), 2, 30)) == sum(range(3000))
    assert time.perf_counter() - began < 10
