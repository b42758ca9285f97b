"""The network compiled in place, by torch.compile."""

import sys
from typing import final

import lightning as L
import torch
from lightning.pytorch.strategies import Strategy

from triptych.data import ClassificationData
from triptych.errors import IncompatibleSettings, InvalidSetting, nearest, one_line
from triptych.training.expert_parallel import ExpertParallelStrategy
from triptych.training.fully_sharded import FullyShardedStrategy
from triptych.training.module import ClassifierModule

ROWS = 16
HINTS = " Set TORCHDYNAMO_VERBOSE"  # of torch, at the end of its messages


@final
class Compile(L.Callback):
    """Compiles the network before the first step; names in checkpoints stay as they are.

    Where that fails, as without a C++ compiler, one line on stderr says why, and the training goes
    on as if it had not been asked for.

    Args:
        backend: of `torch.compile`, such as `inductor`.

    Raises:
        InvalidSetting: if there is no such backend.
    """

    def __init__(self, backend: str) -> None:
        known = torch.compiler.list_backends(exclude_tags=())
        if backend not in known:
            raise InvalidSetting(
                f"trainer.compile={backend} must be true, false or a backend of torch.compile, such"
                f" as inductor or aot_eager{nearest(str(backend), known)}"
            )
        self.backend = backend

    def check(self, strategy: Strategy) -> None:
        """Refuses what has not been tried.

        Raises:
            IncompatibleSettings: naming the remedy.
        """
        if isinstance(strategy, ExpertParallelStrategy | FullyShardedStrategy):
            raise IncompatibleSettings(
                f"trainer.compile={self.backend} has not been tried where processes hold parts of"
                " the net: set trainer.compile=false, or take trainer=ddp"
            )

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Compiles, and tries it with random rows; before any clock runs."""
        assert isinstance(pl_module, ClassifierModule)
        data = trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
        assert isinstance(data, ClassificationData)
        network, device = pl_module.network, pl_module.device
        devices = [device] if device.type == "cuda" else []
        network.compile(backend=self.backend)
        try:
            with trainer.precision_plugin.forward_context(), torch.random.fork_rng(devices):
                x = torch.randn(ROWS, data.in_dim, device=device)
                logits, _ = network(x, x.new_zeros(ROWS, dtype=torch.long))
                weights = [p for p in network.parameters() if p.requires_grad]
                torch.autograd.grad(logits.sum(), weights, allow_unused=True)
        except Exception as error:  # a compiler may fail in any way
            network.compile(disable=True)
            if trainer.is_global_zero:
                line = f"trainer.compile={self.backend} failed, so nothing is compiled"
                print(f"{line}: {one_line(error).split(HINTS)[0]}", file=sys.stderr)
