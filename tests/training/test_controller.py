import torch

from triptych.metrics import ChoiceMetrics
from triptych.models import Controlled
from triptych.types import Cost

from .tiny import Diary, fit, pair, trainer


def test_units_at_work_are_one_in_n_and_those_never_chosen_are_counted() -> None:
    diary = Diary()
    module, data, runner = fit("model=controller", max_epochs=2, callbacks=[diary])
    for epoch in diary.logged:
        for block in ("block_0", "block_1"):
            assert epoch[f"val/controller/{block}/working"] == 1 / 16
            assert 0 <= epoch[f"val/controller/{block}/dead_units"] <= 300  # 20 blocks have one
            assert 0 < epoch[f"val/controller/{block}/entropy"] <= 1
    (logged,) = runner.test(module, data, verbose=False)
    rows = module.tables()["controller"]
    assert [row["layer"] for row in rows] == ["block_0", "block_1"]
    for row in rows:
        for key in ("working", "dead_units", "entropy"):
            assert logged[f"test/controller/{row['layer']}/{key}"] == row[key]
    sums = [metric for metric in module.modules() if isinstance(metric, ChoiceMetrics)]
    assert [int(metric.samples) for metric in sums] == [0] * 4  # the next evaluation begins anew


def test_units_never_chosen_are_those_that_no_sample_of_the_split_needs() -> None:
    module, data, runner = fit("model=controller")
    (logged,) = runner.test(module, data, verbose=False)
    layer = module.network.get_submodule("blocks.block_0")
    assert isinstance(layer, Controlled)
    woken: set[int] = set()
    layer.register_forward_hook(lambda _, __, out: woken.update(out[1].experts.flatten().tolist()))
    module.eval()
    for x, _, _ in data.test_dataloader():
        module.network(x)
    assert logged["test/controller/block_0/dead_units"] == 320 - len(woken)


def test_a_controller_learns_and_the_noise_of_an_epoch_is_that_of_its_seed() -> None:
    finals = []
    for _ in range(2):
        diary = Diary()
        module, data = pair("model=controller", "model.dropout=0.0")
        torch.rand(7)  # what was drawn before training does not matter
        trainer([diary], max_epochs=8).fit(module, data)
        losses = [epoch["train/loss"] for epoch in diary.logged]
        assert losses[-1] < losses[0] / 2
        scores = module.network.get_submodule("blocks.block_0.ffn.controller.low")
        finals.append(scores.get_parameter("weight").detach())
    assert torch.equal(*finals)
    torch.manual_seed(0)
    fresh, _ = pair("model=controller")
    first = fresh.network.get_submodule("blocks.block_0.ffn.controller.low")
    assert not torch.equal(first.get_parameter("weight"), finals[0])


def test_the_cost_is_the_declared_one() -> None:
    module, _, _ = fit("model=controller", "model.backbone.build.depth=1")
    # stem 32 x 32, scores and units as in the tests of costs, head 32 x 4
    assert module.cost().flops == 2 * 32 * 32 + 5632 + 2560 + 2 * 32 * 4
    assert isinstance(module.cost(), Cost)
