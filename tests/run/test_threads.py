from triptych.run.threads import SMALL_STEP, threads_for


def test_a_small_step_gets_one_thread_whatever_the_machine() -> None:
    assert threads_for(SMALL_STEP - 1, processes=1, cores=64) == 1


def test_the_processes_of_a_large_step_share_the_cores() -> None:
    assert [threads_for(SMALL_STEP, p, cores=8) for p in (1, 2, 3, 8)] == [8, 4, 2, 1]


def test_more_processes_than_cores_still_have_a_thread_each() -> None:
    assert threads_for(SMALL_STEP, processes=16, cores=8) == 1


def test_without_a_number_the_cores_of_this_machine_count() -> None:
    assert threads_for(SMALL_STEP, processes=1) >= 1
