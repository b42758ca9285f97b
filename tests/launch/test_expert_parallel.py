import os

from torch import distributed as dist

from triptych.launch.ddp import DDP_VARIABLES

from .in_process import Prompt


def test_one_device_holds_all_experts_and_leaves_no_group_behind(prompt: Prompt) -> None:
    before = {name: os.environ.get(name) for name in DDP_VARIABLES}
    typed = ("model=moe", "trainer=expert_parallel", "debug=fast", "logger=csv")
    answer = prompt.type("train.py", *typed)
    assert (answer.code, answer.out.count("test accuracy")) == (0, 1), answer.err
    assert not dist.is_initialized()
    assert {name: os.environ.get(name) for name in DDP_VARIABLES} == before
