"""What an optimizer step does to sparse layers, for every rule and every kernel."""

import copy
import pickle

import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from triptych.sparse import MaskedLinear
from triptych.training import SparseModule

from .sparse_cases import PAIRS, REFUSED, RUNNING, SPARSITY, layers, settings, strays
from .tiny import Diary, fit, pair, trainer

MASKED = [name for name in RUNNING if name.startswith("masked")]
RIGL = settings("masked-rigl")


def test_each_pair_runs_or_is_refused_in_one_line_with_a_remedy() -> None:
    assert set(MASKED) >= {"masked-rigl", "masked-static"}
    assert len(RUNNING) + len(REFUSED) == len(PAIRS)
    for words in REFUSED.values():
        assert "\n" not in words
        assert ": take " in words


@pytest.mark.parametrize("name", RUNNING)
def test_mixed_precision_accumulation_clipping_and_decay_leave_no_stray_weight(name: str) -> None:
    diary = Diary()
    module, _, runner = fit(
        *settings(name), "optimizer.fused=null", max_epochs=4, precision="bf16-mixed",
        accumulate_grad_batches=2, gradient_clip_val=0.5, callbacks=[diary],
    )  # fmt: skip
    nonzeros = size = 0
    for layer in layers(module).values():
        weights = layer.weights
        assert weights.dtype == torch.float32
        assert int(layer.mask.sum()) == layer.nonzeros
        nonzeros, size = nonzeros + layer.nonzeros, size + layer.mask.numel()
        if not layer.latent:
            state = runner.optimizers[0].state[weights]
            moments = [v for v in state.values() if v.shape == weights.shape]
            assert len(moments) == 2
            assert [strays(layer, part) for part in (weights, *moments)] == [0, 0, 0]
    assert nonzeros / size == pytest.approx(1 - SPARSITY, abs=1e-3)
    assert diary.logged[-1]["train/loss"] < diary.logged[0]["train/loss"]


class Norms(Callback):
    """The gradients that clipping is to see, and whether a probe was active."""

    def __init__(self) -> None:
        self.clipped: list[tuple[bool, float]] = []

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        self.before = [p.grad.clone() for p in pl_module.parameters() if p.grad is not None]

    def on_before_zero_grad(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """At the start of the next step the gradients are still those that the last one took."""
        grads = [p.grad for p in pl_module.parameters() if p.grad is not None]
        if grads:
            probed = [layer for layer in layers(pl_module).values() if layer.probe is not None]
            norm = torch.cat([g.flatten() for g in self.before]).norm()
            for was, now in zip(self.before, grads, strict=True):
                torch.testing.assert_close(now, was * min(1.0, 0.05 / float(norm)))
            self.clipped.append((bool(probed), float(norm)))


@pytest.mark.parametrize("kernel", ["masked", "csr"])
def test_clipping_takes_the_gradient_of_existing_weights_alone(kernel: str) -> None:
    """A norm of all places would make steps before mask changes shorter than others."""
    norms = Norms()
    every = "model.rule.every=2"
    fit(*settings(f"{kernel}-rigl"), every, max_epochs=2, gradient_clip_val=0.05, callbacks=[norms])
    assert len(norms.clipped) > 5
    assert {probed for probed, _ in norms.clipped} == {True, False}
    assert min(norm for _, norm in norms.clipped) > 0.05


class Probes(Callback):
    """The gradients of all places that updates look at, layer by layer."""

    def __init__(self) -> None:
        self.taken: list[Tensor] = []

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        for layer in layers(pl_module).values():
            if layer.probe is not None:
                assert layer.probe.grad is not None
                self.taken.append(layer.probe.grad.clone())


@pytest.mark.parametrize("kernel", ["masked", "csr"])
def test_micro_batches_give_the_gradient_of_their_joint_batch(kernel: str) -> None:
    whole = (
        *settings(f"{kernel}-rigl"),
        "model.dropout=0.0",
        "data.n_train=96",
        "model.rule.every=2",
    )
    found = []
    for batch, parts in ((32, 1), (8, 4)):
        probes = Probes()
        module, _, _ = fit(
            *whole, f"data.batch_size={batch}", accumulate_grad_batches=parts, max_epochs=3,
            precision="64-true", callbacks=[probes],
        )  # fmt: skip
        found.append((probes.taken, [layer.mask for layer in layers(module).values()]))
    assert len(found[0][0]) == len(found[1][0]) == 3 * 4  # updates after steps 2, 4, 6 of 9
    for one, other in zip(found[0][0], found[1][0], strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-8)
    for one, other in zip(found[0][1], found[1][1], strict=True):
        assert torch.equal(one, other)


class Copies(Callback):
    """Copies the module where a probe is active, and goes on with a batch."""

    def __init__(self) -> None:
        self.compared = 0

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        assert isinstance(pl_module, SparseModule)
        if self.compared == 2:
            return
        probed = [layer.probe is not None for layer in layers(pl_module).values()]
        x = torch.randn(5, 32, generator=torch.Generator().manual_seed(0))
        wanted = pl_module.network.eval()(x)[0]
        for again in (copy.deepcopy(pl_module), pickle.loads(pickle.dumps(pl_module))):
            assert torch.equal(again.network.eval()(x)[0], wanted)
            for (name, one), two in zip(
                layers(pl_module).items(), layers(again).values(), strict=True
            ):
                assert two is not one, name
                assert torch.equal(one.mask, two.mask), name
                assert (one.probe is None) == (two.probe is None)
            again.network(x)[0].sum().backward()
        pl_module.network.train()
        self.compared += all(probed) or not any(probed)


@pytest.mark.parametrize("name", RUNNING)
def test_a_module_can_be_copied_and_pickled_while_it_trains(name: str) -> None:
    copies = Copies()
    every = ["model.rule.every=1"] if "model.rule.every=3" in settings(name) else []
    fit(*settings(name), *every, callbacks=[copies])
    assert copies.compared == 2


def test_a_layer_that_stands_at_two_places_is_moved_once_and_counted_once() -> None:
    module, data = pair(*RIGL)
    assert isinstance(module, SparseModule)
    alone = module.cost()
    (first, second) = (block for block in module.network.blocks.values())
    tied, extra = first.net.chain[0], second.net.chain[0]
    assert isinstance(tied, MaskedLinear)
    second.net.chain[0] = tied
    trainer(max_epochs=2).fit(module, data)
    assert len(layers(module)) == 3
    for layer in layers(module).values():
        assert layer.density == pytest.approx(1 - SPARSITY, abs=1e-3)
    cost = module.cost()
    assert alone.params_total - cost.params_total == extra.cost().params_total
