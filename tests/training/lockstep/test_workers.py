import threading

import pytest
import torch

from triptych.training.lockstep.workers import Workers


def test_one_thread_is_that_of_the_caller():
    assert Workers(1).each(lambda _: threading.get_ident(), [0]) == [threading.get_ident()]


def test_things_are_done_at_once_each_in_one_thread_of_pytorch():
    meeting = threading.Barrier(3, timeout=20)  # passed only by three at once
    workers = Workers(3)
    found = workers.each(lambda _: (meeting.wait(), torch.get_num_threads())[1], range(3))
    workers.end()
    assert found == [1, 1, 1]


def test_afterwards_all_happens_in_the_thread_of_the_caller():
    workers = Workers(2)
    workers.end()
    assert workers.each(lambda _: threading.get_ident(), [0]) == [threading.get_ident()]


def test_an_error_reaches_the_caller():
    workers = Workers(2)

    def fail(_: int) -> None:
        raise ValueError("of one part")

    with pytest.raises(ValueError, match="of one part"):
        workers.each(fail, [1, 2])
    workers.end()
