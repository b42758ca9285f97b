"""What cannot be trained with a fully sharded net, refused before any other process is started."""

from collections.abc import Sequence

import lightning as L
from lightning.pytorch.callbacks import StochasticWeightAveraging, WeightAveraging
from lightning.pytorch.plugins.precision import MixedPrecision

from triptych.errors import IncompatibleSettings
from triptych.sparse import MaskedLinear, Static
from triptych.training.callbacks.balance_pressure import BalancePressure
from triptych.training.module import ClassifierModule
from triptych.training.sparse import SparseModule


def check_fully_sharded(
    module: ClassifierModule, callbacks: Sequence[L.Callback], precision: object
) -> None:
    """Refuses what looks at whole weights between steps, when each process has a part of them.

    Args:
        precision: Lightning's plugin.

    Raises:
        IncompatibleSettings: naming the remedy.
    """
    if isinstance(module, SparseModule):
        _check_sparse(module)
    for name, parameter in module.network.named_parameters():
        if parameter.ndim == 0:
            raise IncompatibleSettings(
                f"model: {name} is a single number, which trainer=fsdp cannot divide: take"
                " trainer=ddp, or a model without"
            )
    for callback in callbacks:
        if isinstance(callback, WeightAveraging | StochasticWeightAveraging | BalancePressure):
            raise IncompatibleSettings(
                f"callbacks: {type(callback).__name__} looks at whole weights, of which"
                " trainer=fsdp leaves each process a part: leave it out, or take trainer=ddp"
            )
    if isinstance(precision, MixedPrecision) and precision.scaler is not None:
        raise IncompatibleSettings(
            "trainer.precision=16-mixed scales gradients, which has not been tried with"
            " trainer=fsdp: take bf16-mixed"
        )


def _check_sparse(module: SparseModule) -> None:
    if not isinstance(module.rule, Static):
        raise IncompatibleSettings(
            f"model/rule: {type(module.rule).__name__} changes masks by whole weights, of which"
            " trainer=fsdp leaves each process a part: take model/rule=static, or trainer=ddp"
        )
    for layer in module.sparse_layers().values():
        if not isinstance(layer, MaskedLinear):
            raise IncompatibleSettings(
                f"model/kernel: {type(layer).__name__} lays weights out by their places, of which"
                " trainer=fsdp leaves each process a part: take model/kernel=masked, or trainer=ddp"
            )
