"""Training with the whole net on each rank."""

from typing import Any, final

from lightning.pytorch.strategies import DDPStrategy
from torch.nn.parallel import DistributedDataParallel


@final
class DataParallelStrategy(DDPStrategy):
    """DDP that sends buffers once, before the first step, and whose gradients lie in its buckets.

    Args:
        settings: of `DDPStrategy`.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**in_buckets(settings))

    def configure_ddp(self) -> None:
        """Makes all buffers those of rank 0, once."""
        super().configure_ddp()
        keep_buffers(self.model)


def in_buckets(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of `DDPStrategy` by which gradients are not copied into buckets; typed ones win."""
    return {"gradient_as_bucket_view": True, **settings}


def keep_buffers(model: object) -> None:
    """Lets a wrapped net have its own buffers from now on. Masks, indices and what routers know
    start equal, as wrapping has sent them; and all ranks change them alike."""
    assert isinstance(model, DistributedDataParallel)
    # Not an argument: that of old versions of torch leaves out the start, that of new ones is
    # unknown to the old.
    model.broadcast_buffers = False
