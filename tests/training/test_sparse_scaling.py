"""16-bit training of sparse layers on the CPU, with the scaler that it has on a GPU."""

from typing import Any

import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.plugins.precision import MixedPrecision
from torch import Tensor

from triptych.errors import IncompatibleSettings
from triptych.training import SparseModule

from .sparse_cases import layers, settings, strays
from .tiny import pair, trainer

RIGL = settings("masked-rigl")


class Overflow(Callback):
    """Gradients of some steps are infinite, as they are when a scale is too large."""

    def __init__(self, at: set[int]) -> None:
        self.at, self.attempts = at, 0
        self.steps: list[int] = []
        self.changed: list[bool] = []

    def on_before_zero_grad(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        self.masks = [layer.mask.clone() for layer in layers(pl_module).values()]

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.attempts in self.at:
            for layer in layers(pl_module).values():
                layer.bias.grad.fill_(torch.inf)
                if layer.probe is not None:
                    layer.probe.grad.fill_(torch.nan)
        self.attempts += 1

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, SparseModule)
        weight = next(iter(layers(pl_module).values())).weights
        state = trainer.optimizers[0].state.get(weight, {})
        self.steps.append(int(state.get("step", 0)))
        now = [layer.mask for layer in layers(pl_module).values()]
        same = [torch.equal(a, b) for a, b in zip(now, self.masks, strict=True)]
        self.changed.append(not all(same))


@pytest.mark.parametrize("rule", ["set", "rigl"])
def test_a_step_that_a_scaler_leaves_out_neither_counts_nor_moves_a_mask(rule: str) -> None:
    """16-bit training on the CPU, with the scaler that it has on a GPU."""
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**8)
    overflow = Overflow({0, 3, 4, 9})
    module, data = pair(*settings(f"masked-{rule}"), "optimizer.fused=null")
    plugin = MixedPrecision("16-mixed", device="cpu", scaler=scaler)
    runner = trainer([overflow], max_epochs=2, plugins=[plugin], gradient_clip_val=0.5)
    runner.fit(module, data)
    #       attempt  0  1  2  3  4  5  6  7  8  9  10 11 12 13
    wanted_steps = [0, 1, 2, 2, 2, 3, 4, 5, 6, 6, 7, 8, 9, 10]
    assert overflow.steps == wanted_steps
    assert [n for n, changed in enumerate(overflow.changed) if changed] == [5, 8, 12]
    assert scaler.get_scale() == 2.0**4
    for layer in layers(module).values():
        state = runner.optimizers[0].state[layer.weights]
        for part in (layer.weights, state["exp_avg"], state["exp_avg_sq"]):
            assert part.isfinite().all()
            assert strays(layer, part) == 0


def test_the_gradient_of_all_places_comes_without_the_scale_of_the_loss() -> None:
    """New weights begin with its square: a scale of 256 would make that 65,536 times too large."""
    seen = []
    for scale in (1.0, 256.0):
        module, data = pair(
            *RIGL, "optimizer.fused=null", "model.rule.every=2", "model.dropout=0.0"
        )
        assert isinstance(module, SparseModule)
        gradients: list[Tensor] = []
        fresh = module.fresh
        module.fresh = lambda name, g, f=fresh, to=gradients: to.append(g) or f(name, g)
        scaler = torch.amp.GradScaler("cpu", init_scale=scale)
        plugin = MixedPrecision("16-mixed", device="cpu", scaler=scaler)
        trainer(plugins=[plugin]).fit(module, data)
        assert scaler.get_scale() == scale
        seen.append(gradients[0])
    torch.testing.assert_close(seen[1], seen[0], rtol=0.05, atol=1e-4)
    assert seen[0].abs().max() > 1e-2


def test_a_fused_optimizer_with_a_scaler_is_refused() -> None:
    module, data = pair(*RIGL)
    scaler = torch.amp.GradScaler("cpu")
    runner = trainer(plugins=[MixedPrecision("16-mixed", device="cpu", scaler=scaler)])
    with pytest.raises(IncompatibleSettings, match=r"set optimizer\.fused=null"):
        runner.fit(module, data)
