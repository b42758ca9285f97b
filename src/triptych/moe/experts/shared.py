"""An expert that every token passes."""

from torch import nn

from triptych.errors import InvalidSetting, check_dropout


def shared_mlp(d_in: int, d_out: int, *, d_hidden: int, dropout: float) -> nn.Module:
    """D - F - O with ReLU, beside the chosen experts (DeepSeekMoE, arXiv 2401.06066, 3.2).

    Raises:
        InvalidSetting: if d_hidden is below 1.
    """
    if d_hidden < 1:
        raise InvalidSetting(f"d_hidden of the shared expert must be at least 1, got {d_hidden}")
    check_dropout(dropout)
    return nn.Sequential(
        nn.Linear(d_in, d_hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(d_hidden, d_out)
    )
