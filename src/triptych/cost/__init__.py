"""Adds up what layers declare: parameters, active parameters, FLOPs of a sample and of training;
finds the width that meets a budget. And what training costs on many devices, by formulas: memory,
and the bytes that are sent. And what calls take, measured."""

from triptych.cost.budget import ActiveFlops, Budget, Samples, TotalParameters, WholeTraining
from triptych.cost.declared import declared_cost
from triptych.cost.forecast import Forecast
from triptych.cost.held import (
    Held,
    blocks_block,
    csr_block,
    dense_block,
    masked_block,
    moe_block,
    narrow_block,
)
from triptych.cost.scaling import (
    AUTOCAST,
    MIXED,
    SINGLE,
    PerDevice,
    Precision,
    all_gather,
    all_reduce,
    counts,
    ddp,
    dense_activations,
    even_rows,
    exchange,
    expert_parallel,
    fsdp,
    moe_activations,
    one_device,
)
from triptych.cost.search import crossing, nearest
from triptych.cost.timing import Step, side_by_side
from triptych.cost.training import (
    Flops,
    TrainingFlops,
    probed_step_flops,
    sparse_step_flops,
    step_flops,
)

__all__ = [
    "AUTOCAST",
    "MIXED",
    "SINGLE",
    "ActiveFlops",
    "Budget",
    "Flops",
    "Forecast",
    "Held",
    "PerDevice",
    "Precision",
    "Samples",
    "Step",
    "TotalParameters",
    "TrainingFlops",
    "WholeTraining",
    "all_gather",
    "all_reduce",
    "blocks_block",
    "counts",
    "crossing",
    "csr_block",
    "ddp",
    "declared_cost",
    "dense_activations",
    "dense_block",
    "even_rows",
    "exchange",
    "expert_parallel",
    "fsdp",
    "masked_block",
    "moe_activations",
    "moe_block",
    "narrow_block",
    "nearest",
    "one_device",
    "probed_step_flops",
    "side_by_side",
    "sparse_step_flops",
    "step_flops",
]
