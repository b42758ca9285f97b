"""One of two processes that train a sparse net together, whose clocks disagree."""

from typing import Any

from triptych.sparse import AutoLinear
from triptych.sparse.kernels.auto import DENSE, LAYOUT
from triptych.training import DataParallelStrategy

from .tiny import pair, trainer


def trained(rank: int, world: int) -> dict[str, Any]:
    """What each layer chose, and the weights after two epochs."""

    def preferred(*_: Any) -> str:
        return (LAYOUT, DENSE)[rank]

    AutoLinear.preferred = preferred
    module, data = pair("model=sparse", "model/kernel=auto")
    trainer(devices=world, strategy=DataParallelStrategy(), max_epochs=2).fit(module, data)
    chosen = {name: layer.get_extra_state() for name, layer in module.sparse_layers().items()}
    return {"chosen": chosen, "weights": dict(module.named_parameters())}
