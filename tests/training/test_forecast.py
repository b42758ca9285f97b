"""What is said of a training before it, against what the training logs."""

import pytest

from triptych.run.build import build_data, build_module
from triptych.training import Meter

from ..composed import composed
from .tiny import SMALL, Diary, trainer

EPOCHS = 3
OFTEN = ("model=sparse", "model.rule.every=4")
TRAININGS = {
    "ffn": (("model=ffn",), 1),
    "moe": (("model=moe",), 1),
    "controller": (("model=controller",), 1),
    "static": (("model=sparse",), 1),
    "set": ((*OFTEN, "model/rule=set"), 1),
    "rigl": ((*OFTEN, "model/rule=rigl"), 1),
    "rigl, two batches a step": ((*OFTEN, "model/rule=rigl"), 2),
    "pruning": ((*OFTEN, "model/rule=pruning"), 1),
    "granet": ((*OFTEN, "model/rule=granet"), 2),
    "sr_ste": (("model=sparse", "model/rule=sr_ste", "model.sparsity=0.5"), 1),
    "snip, rigl": ((*OFTEN, "model/mask=snip", "model/rule=rigl"), 1),
}


@pytest.mark.parametrize(("model", "together"), TRAININGS.values(), ids=TRAININGS)
def test_the_flops_of_a_training_and_the_cost_of_its_net_are_known_before_it(
    model: tuple[str, ...], together: int
) -> None:
    config = composed(*SMALL, *model)
    data = build_data(config)
    module = build_module(config, data)
    sizes = data.training_batches(world=1)
    steps = [sum(sizes[i : i + together]) for i in range(0, len(sizes), together)] * EPOCHS
    forecast = module.forecast()
    said, cost = forecast.training_flops(steps), forecast.cost()
    module.begin(lambda: (data.splits.train.x, data.splits.train.y))
    diary = Diary()
    settings = {"max_epochs": EPOCHS, "accumulate_grad_batches": together}
    trainer([Meter(), diary], **settings).fit(module, data)
    assert said == pytest.approx(diary.logged[-1]["compute/train_flops"], rel=1e-12)
    left = module.cost()
    assert (cost.flops, cost.params_total) == pytest.approx((left.flops, left.params_total))
