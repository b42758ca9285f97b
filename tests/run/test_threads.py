import pytest

from triptych.run.threads import SMALL_BATCHED_STEP, SMALL_STEP, threads_for


@pytest.fixture(autouse=True)
def no_word_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


def test_a_small_step_gets_one_thread_whatever_the_machine() -> None:
    assert threads_for(SMALL_STEP - 1, processes=1, cores=64) == 1


def test_the_processes_of_a_large_step_share_the_cores() -> None:
    assert [threads_for(SMALL_STEP, p, cores=8) for p in (1, 2, 3, 8)] == [8, 4, 2, 1]


def test_more_processes_than_cores_still_have_a_thread_each() -> None:
    assert threads_for(SMALL_STEP, processes=16, cores=8) == 1


def test_without_a_number_the_cores_of_this_machine_count() -> None:
    assert threads_for(SMALL_STEP, processes=1) >= 1


def test_the_variable_of_openmp_says_how_many_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert threads_for(5e9, processes=1, cores=8) == 2
    assert threads_for(5e9, processes=8, cores=8) == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "4,2")  # by level: not a number for us
    assert threads_for(5e9, processes=1, cores=8) == 8


def test_replicas_get_more_threads_than_a_run_of_their_own() -> None:
    assert threads_for(5e8, processes=1, cores=4, small=SMALL_BATCHED_STEP) == 4
    assert threads_for(5e8, processes=1, cores=4) == 1
