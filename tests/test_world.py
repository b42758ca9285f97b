import pytest

from triptych.world import World, rank, world

from .launched import BATCH, TASK, TORCHRUN

ALONE = TASK | {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1", "SLURM_STEP_NUM_NODES": "1"}


def test_torchrun_and_srun_say_who_a_process_is() -> None:
    assert world(TORCHRUN) == World("torchrun", rank=3, size=4, nodes=2, restarts=1)
    assert world(TASK) == World("srun", rank=3, size=4, nodes=2, restarts=2)


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"RANK": "1", "WORLD_SIZE": "2"},
        {"LOCAL_RANK": "1", "WORLD_SIZE": "2"},
        BATCH,
        TASK | {"SLURM_JOB_NAME": "bash"},
    ],
    ids=["nothing", "left over", "a rank of our own", "script of a batch job", "somebody types"],
)
def test_nothing_else_makes_a_process_one_of_several(variables: dict[str, str]) -> None:
    assert world(variables) is None


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, 0),
        ({"RANK": "1"}, 0),
        ({"LOCAL_RANK": "1"}, 1),
        (BATCH, 0),
        (TASK, 3),
        (TORCHRUN, 3),
        (ALONE, 0),
        (ALONE | {"LOCAL_RANK": "1"}, 1),
    ],
    ids=str,
)
def test_a_rank_is_that_of_the_launcher_or_that_which_rank_0_gave(
    variables: dict[str, str], expected: int
) -> None:
    assert rank(variables) == expected
