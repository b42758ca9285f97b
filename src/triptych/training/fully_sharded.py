"""Training with parameters, gradients and optimizer state spread over the ranks (FSDP2)."""

from collections.abc import Mapping
from typing import Any, final

import torch
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.distributed.tensor.experimental import implicit_replication
from torch.nn.parallel import DistributedDataParallel
from torch.utils._pytree import tree_map_only

from triptych.models import Classifier
from triptych.training.module import ClassifierModule


@final
class FullyShardedStrategy(DDPStrategy):
    """Each rank keeps a part of each parameter, of its gradient and of what the optimizer knows
    of it; a block's whole parameters are there while it computes. The mathematics is that of DDP.

    Checkpoints hold the whole net and its optimizer, so they fit any number of devices and any
    strategy.

    Args:
        settings: of `DDPStrategy`.
    """

    def model_to_device(self) -> None:
        """Lets go of the other ranks' parts, once."""
        super().model_to_device()
        module = self._module()
        if not is_sharded(module):
            shard(module.network, init_device_mesh(self.root_device.type, (self.world_size,)))
            sharded = [n for n, p in module.named_parameters() if isinstance(p, DTensor)]
            # Lightning looks at it before a test; it has no public name.
            DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(module, sharded)

    def configure_ddp(self) -> None:
        """Nothing is wrapped: sharded blocks reduce their gradients themselves."""

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """The whole net's; on rank 0, empty tensors elsewhere."""
        return self._whole(super().lightning_module_state_dict())

    def optimizer_state(self, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        """The whole net's; on rank 0, empty tensors elsewhere."""
        return self._whole(super().optimizer_state(optimizer))

    def load_model_state_dict(self, checkpoint: Mapping[str, Any], strict: bool = True) -> None:
        """From the whole net's."""
        with implicit_replication():  # whole tensors are copied into parts
            super().load_model_state_dict(checkpoint, strict)

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        """From the whole net's."""
        states = zip(checkpoint["optimizer_states"], self.optimizers, strict=True)
        own = [own_optimizer_state(state, optimizer) for state, optimizer in states]
        super().load_optimizer_state_dict({**checkpoint, "optimizer_states": own})

    def _whole(self, state: dict[str, Any]) -> dict[str, Any]:
        def gathered(part: DTensor) -> Tensor:
            whole = part.full_tensor()
            return whole.cpu() if self.is_global_zero else whole.new_empty(0)

        return tree_map_only(DTensor, gathered, state)

    def _module(self) -> ClassifierModule:
        assert isinstance(self.lightning_module, ClassifierModule)
        return self.lightning_module


def shard(network: Classifier, mesh: DeviceMesh) -> None:
    """Leaves this rank its part of each parameter: of each block on its own, and of the rest.

    Args:
        mesh: all ranks, in one dimension.
    """
    for block in network.blocks.values():
        fully_shard(block, mesh=mesh)
    fully_shard(network, mesh=mesh)


def is_sharded(net: nn.Module) -> bool:
    """Whether this process holds parts of its parameters."""
    return any(isinstance(part, FSDPModule) for part in net.modules())


def own_optimizer_state(
    whole: Mapping[str, Any], optimizer: torch.optim.Optimizer
) -> dict[str, Any]:
    """What this rank's optimizer loads: of each tensor the part that its parameter is of."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]

    def part(value: Any, of: Tensor) -> Any:
        if not (isinstance(value, Tensor) and isinstance(of, DTensor) and value.shape == of.shape):
            return value  # such as the number of steps
        value = value.to(of.device)
        return distribute_tensor(value, of.device_mesh, of.placements, src_data_rank=None)

    state = {
        number: {key: part(value, parameters[number]) for key, value in entry.items()}
        for number, entry in whole["state"].items()
    }
    return {**whole, "state": state}
