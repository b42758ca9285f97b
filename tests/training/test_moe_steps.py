"""Steps of the mixture: accumulated gradients, checkpointed activations, mixed precision."""

import copy
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from triptych.moe import MoE, switch_loss, z_loss
from triptych.training import MoEModule

from .tiny import BATCHES, Batches, fit, pair, trainer
from .watched import routers, watched


def objective(module: MoEModule, x: Tensor, y: Tensor) -> Tensor:
    logits, decisions = module.network(x)
    extra = [5.0 * switch_loss(r) + 0.5 * z_loss(r) for r in decisions.values()]
    return F.cross_entropy(logits, y) + sum(extra) / len(extra)


@pytest.mark.parametrize("accumulated", [1, 3])
def test_accumulated_steps_descend_the_mean_of_task_and_balance_together(accumulated: int) -> None:
    """Pitfall 13: a balance loss that is not divided like the task's weighs too much."""
    like, data = pair()
    module = watched(like)
    by_hand = copy.deepcopy(module).double()
    batches = Batches()
    trainer([batches], accumulate_grad_batches=accumulated, precision="64-true").fit(module, data)
    optimizer = torch.optim.SGD(by_hand.parameters(), lr=0.5)
    for start in range(0, BATCHES, accumulated):
        optimizer.zero_grad()
        for x, y in batches.seen[start : start + accumulated]:
            (objective(by_hand, x, y) / accumulated).backward()
        optimizer.step()
    for name, weight in by_hand.network.named_parameters():
        torch.testing.assert_close(module.network.get_parameter(name), weight, msg=name)


@pytest.mark.parametrize(("accumulated", "steps"), [(1, 7), (3, 3), (7, 1), (9, 1)])
def test_routers_are_told_once_per_optimizer_step_of_all_its_batches(
    accumulated: int, steps: int
) -> None:
    like, data = pair()
    module = watched(like)
    trainer(max_epochs=2, accumulate_grad_batches=accumulated).fit(module, data)
    assert len(routers(module)) == 2
    for router in routers(module):
        assert len(router.decided) == 2 * BATCHES
        assert len(router.told) == 2 * steps
        epochs = (router.decided[:BATCHES], router.decided[BATCHES:])
        parts = [e[i : i + accumulated] for e in epochs for i in range(0, BATCHES, accumulated)]
        for told, part in zip(router.told, parts, strict=True):
            assert torch.equal(told, torch.stack(part).sum(dim=0))


def test_routers_are_not_told_of_evaluations() -> None:
    like, data = pair()
    module = watched(like)
    runner = trainer()
    runner.validate(module, data, verbose=False)
    runner.test(module, data, verbose=False)
    assert [router.told for router in routers(module)] == [[], []]
    assert module._loads == {}


def test_no_load_is_left_for_the_next_epoch() -> None:
    """So that a checkpoint at its end has nothing to hold."""
    like, data = pair()
    module = watched(like)
    trainer(accumulate_grad_batches=3).fit(module, data)
    assert module._loads == {}


def test_checkpointed_activations_change_neither_counts_nor_losses_nor_gradients() -> None:
    """Pitfall 14: a forward pass that is run again in backward must not be counted again."""
    like, data = pair()
    batch = tuple(part[:16] for part in data.splits.train)
    plain = watched(like, dropout=0.3)
    saving = copy.deepcopy(plain)
    for layer in saving.modules():
        if isinstance(layer, MoE):
            layer.forward = partial(checkpoint, layer.forward, use_reentrant=False)
    for module in (plain, saving):
        torch.manual_seed(1)
        module.training_step(batch, 0).backward()
    for one, two in zip(routers(plain), routers(saving), strict=True):
        assert (len(one.decided), len(two.decided)) == (1, 2)  # it was run again
    assert plain._loads.keys() == saving._loads.keys() == plain._tallies.keys()
    for layer, load in plain._loads.items():
        assert torch.equal(saving._loads[layer], load)
        assert torch.equal(saving._tallies[layer].take(), plain._tallies[layer].take())
    for name, losses in plain._routing_losses.items():
        torch.testing.assert_close(saving._routing_losses[name], losses)
    for name, weight in plain.network.named_parameters():
        assert weight.grad is not None
        torch.testing.assert_close(saving.network.get_parameter(name).grad, weight.grad, msg=name)


@pytest.mark.parametrize("router", ["topk", "topk_mlp"])
def test_mixed_precision_leaves_the_router_and_its_losses_in_single(router: str) -> None:
    module, data = pair(
        "model=moe", f"model/router={router}", "model.dropout=0.0", "model.z_coef=0.1"
    )
    assert isinstance(module, MoEModule)
    batch = tuple(part[:16] for part in data.splits.train)
    exact = module.eval().training_step(batch, 0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits, decisions = module.network(batch[0])
        mixed = module.training_step(batch, 0)
    assert logits.dtype == torch.bfloat16
    for routing in decisions.values():
        assert {part.dtype for part in (routing.logits, routing.probs, routing.gates)} == {
            torch.float32
        }
    losses = [loss for kind in module._routing_losses.values() for loss in kind]
    assert {loss.dtype for loss in losses} == {torch.float32}
    torch.testing.assert_close(mixed, exact, rtol=2e-2, atol=2e-2)
    mixed.backward()
    gradients = [p.grad for p in module.network.parameters() if p.grad is not None]
    assert all(bool(g.isfinite().all()) for g in gradients)


def test_a_run_in_mixed_precision_learns_about_the_same() -> None:
    found = []
    for precision in ("32-true", "bf16-mixed"):
        settings = ("model=moe", "model.dropout=0.0", "model.z_coef=0.1")
        _, _, runner = fit(*settings, max_epochs=2, precision=precision)
        found.append({k: float(v) for k, v in runner.callback_metrics.items() if "loss" in k})
    assert found[1] == pytest.approx(found[0], rel=0.05)
    assert "train/moe/block_1/z_loss" in found[0]
