"""Training with the experts spread over the ranks, beside data parallelism."""

from collections.abc import Mapping
from typing import Any, final

import torch
from lightning.pytorch.plugins.precision import MixedPrecision
from lightning.pytorch.strategies import DDPStrategy
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.moe import (
    Sharding,
    check_expert_ranks,
    check_shardable,
    clip_grad_norm,
    expert_groups,
    own_optimizer_state,
    own_state,
    shard_experts,
    whole_optimizer_state,
    whole_state,
)
from triptych.training.data_parallel import in_buckets, keep_buffers


@final
class ExpertParallelStrategy(DDPStrategy):
    """DDP whose ranks each hold a part of the experts; the mathematics is that of plain DDP.

    Checkpoints hold the whole net and its optimizer, so they fit any number of devices and any
    strategy.

    Args:
        expert_ranks: ranks that share one copy of the experts; None for all. With 4 devices and
            2, there are two copies.
        settings: of `DDPStrategy`.

    Raises:
        InvalidSetting: if expert_ranks is no number of ranks.
    """

    def __init__(self, expert_ranks: int | None = None, **settings: Any) -> None:
        super().__init__(**in_buckets(settings))
        if expert_ranks is not None and (type(expert_ranks) is not int or expert_ranks < 1):
            raise InvalidSetting(
                f"trainer.strategy.expert_ranks={expert_ranks} must be a whole number of at least"
                " 1, or null for all devices"
            )
        self.expert_ranks = expert_ranks
        self._sharding: Sharding | None = None

    def check(self, net: nn.Module) -> None:
        """Refuses what cannot be spread, before any other process is started.

        Raises:
            InvalidSetting: naming the remedy.
        """
        ranks = self.world_size if self.expert_ranks is None else self.expert_ranks
        check_expert_ranks(ranks, self.world_size)
        check_shardable(net, ranks)
        plugin = self.precision_plugin
        if isinstance(plugin, MixedPrecision) and plugin.scaler is not None:
            raise IncompatibleSettings(
                "trainer.precision=16-mixed leaves out a step where a gradient overflows, which"
                " ranks with different experts cannot agree on: take bf16-mixed"
            )

    def model_to_device(self) -> None:
        """Lets go of the other ranks' experts, once."""
        super().model_to_device()
        net = self._net()
        if self._sharding is None:
            self._sharding = shard_experts(net, expert_groups(self.expert_ranks))
            # DDP has no public name for this; Lightning looks at it too, before a test.
            DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(
                net, sorted(self._sharding.sharded)
            )

    def configure_ddp(self) -> None:
        """Makes all buffers those of rank 0, once."""
        super().configure_ddp()
        keep_buffers(self.model)

    def clip_by_norm(self, max_norm: float) -> None:
        """Scales all gradients down to `max_norm`, the norm being that of the whole net."""
        assert self._sharding is not None
        clip_grad_norm(dict(self._net().named_parameters()), max_norm, self._sharding)

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """The whole net's, on rank 0."""
        state = super().lightning_module_state_dict()
        return state if self._sharding is None else whole_state(state, self._sharding)

    def load_model_state_dict(self, checkpoint: Mapping[str, Any], strict: bool = True) -> None:
        """From the whole net's."""
        if self._sharding is not None:
            own = own_state(checkpoint["state_dict"], self._sharding)
            checkpoint = {**checkpoint, "state_dict": own}
        super().load_model_state_dict(checkpoint, strict)

    def optimizer_state(self, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        """The whole net's, on rank 0."""
        assert self._sharding is not None
        return whole_optimizer_state(optimizer, self._net(), self._sharding)

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        """From the whole net's."""
        assert self._sharding is not None
        states = zip(checkpoint["optimizer_states"], self.optimizers, strict=True)
        own = [own_optimizer_state(s, o, self._net(), self._sharding) for s, o in states]
        super().load_optimizer_state_dict({**checkpoint, "optimizer_states": own})

    def _net(self) -> nn.Module:
        assert self.lightning_module is not None
        return self.lightning_module
