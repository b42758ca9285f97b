"""The averages of a module's weights that Lightning's callbacks keep."""

from lightning import Trainer
from lightning.pytorch.callbacks import StochasticWeightAveraging, WeightAveraging
from torch import nn

from triptych.errors import IncompatibleSettings


def averages(trainer: Trainer) -> list[nn.Module]:
    """The averaged copies of the module, once its training is set up.

    Raises:
        IncompatibleSettings: if one of them would average buffers.
    """
    # Lightning has no public way to them.
    found: list[nn.Module | None] = []
    for callback in trainer.callbacks:  # pyright: ignore[reportAttributeAccessIssue]
        if isinstance(callback, StochasticWeightAveraging):
            found.append(callback._average_model)
        elif isinstance(callback, WeightAveraging) and callback._average_model is not None:
            if callback._average_model.use_buffers:
                raise IncompatibleSettings(
                    f"callbacks: {type(callback).__name__} with use_buffers=true averages where"
                    " weights are as if places were quantities: set use_buffers=false"
                )
            found.append(callback._average_model.module)
    return [average for average in found if average is not None]
