"""Short trainings in one process, and in two with the net sharded over them."""

from pathlib import Path
from typing import Any

from torch.distributed.tensor import DTensor

from triptych.training import FullyShardedStrategy

from .tiny import pair, trainer

CLIP = 0.05  # of all steps
MODEL = ("model.dropout=0.0", f"model.clip={CLIP}")
MOE = (*MODEL, "model=moe", "model.num_experts=5")  # 5 over 2 processes: parts of unequal size
CASES: dict[str, tuple[str, ...]] = {
    "ffn": (*MODEL, "model=ffn", "model.d_hidden=33"),
    "static": (*MODEL, "model=sparse"),
    "moe": (*MOE, "model/router=bias_topk", "model.balance_coef=10", "model.z_coef=0.1"),
}
TAKEN_UP = ("moe",)
EPOCHS = 2


def learn(
    case: str, file: Path, strategy: Any, epochs: int = EPOCHS, since: Path | None = None
) -> Any:
    """Trains, writes a checkpoint, tests it; what was logged."""
    module, data = pair(*CASES[case])
    runner = trainer(
        max_epochs=epochs,
        strategy=strategy,
        devices=1 if strategy == "auto" else 2,
        precision="64-true",
        gradient_clip_val=CLIP,
        accumulate_grad_batches=2 if case == "moe" else 1,
    )
    runner.fit(module, data, ckpt_path=None if since is None else str(since))
    runner.save_checkpoint(file)
    logged = {key: float(value) for key, value in runner.callback_metrics.items()}
    logged |= runner.test(module, data, ckpt_path=str(file), verbose=False)[0]
    held = sum(part(p).numel() for p in module.network.parameters())
    return {"logged": logged, "held": held, "total": module.cost().params_total}


def part(parameter: Any) -> Any:
    """What this process holds of it."""
    return parameter.to_local() if isinstance(parameter, DTensor) else parameter


class Sharded:
    """What each of two ranks does, beside checkpoints of one process in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, rank: int, world: int) -> dict[str, Any]:
        found = {
            case: learn(case, self.folder / f"{case}-sharded.ckpt", FullyShardedStrategy())
            for case in CASES
        }
        for case in TAKEN_UP:
            half, alone = (self.folder / f"{case}-{name}.ckpt" for name in ("half", "alone-half"))
            learn(case, half, FullyShardedStrategy(), 1)
            sharded = self.folder / f"{case}-sharded-after-alone.ckpt"
            learn(case, sharded, FullyShardedStrategy(), since=alone)
        return found
