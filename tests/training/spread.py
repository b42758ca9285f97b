"""Short trainings in one process, and in two with the experts spread over them."""

from pathlib import Path
from typing import Any

from triptych.training import BalancePressure, DataParallelStrategy, ExpertParallelStrategy

from .tiny import pair, trainer

MODEL = ("model=moe", "model.dropout=0.0", "model.num_experts=4", "model.clip=0.05")
CASES: dict[str, tuple[str, ...]] = {
    "adam": MODEL,
    "momentum": (*MODEL, "optimizer=sgd", "model.lr=0.1"),
    "specialists": (*MODEL, "model/experts=specialists"),
    "accumulation": (*MODEL, "model/router=bias_topk"),
}
EPOCHS = 2


def learn(
    case: str, file: Path, strategy: Any, epochs: int, since: Path | None = None, devices: int = 2
) -> Any:
    """Trains, writes a checkpoint, tests it; what was logged."""
    module, data = pair(*CASES[case])
    runner = trainer(
        [BalancePressure()],
        max_epochs=epochs,
        strategy=strategy,
        devices=1 if strategy == "auto" else devices,
        precision="64-true",
        gradient_clip_val=0.05,
        accumulate_grad_batches=2 if case == "accumulation" else 1,
    )
    runner.fit(module, data, ckpt_path=None if since is None else str(since))
    runner.save_checkpoint(file)
    logged = {key: float(value) for key, value in runner.callback_metrics.items()}
    logged |= runner.test(module, data, ckpt_path=str(file), verbose=False)[0]
    held = sum(p.numel() for p in module.network.parameters())
    return {"logged": logged, "held": held, "total": module.cost().params_total}


class Spread:
    """What each of two or four ranks does, beside checkpoints of one process in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, rank: int, world: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if world == 4:
            copies = ExpertParallelStrategy(expert_ranks=2)
            file = self.folder / "specialists-copies.ckpt"
            return learn("specialists", file, copies, EPOCHS, devices=4)
        for case in CASES:
            file = self.folder / f"{case}-spread.ckpt"
            found[case] = learn(case, file, ExpertParallelStrategy(), EPOCHS)
        for case in ("adam", "specialists"):
            half, alone = (self.folder / f"{case}-{name}.ckpt" for name in ("half", "alone-half"))
            learn(case, half, ExpertParallelStrategy(), 1)
            spread = self.folder / f"{case}-spread-after-alone.ckpt"
            learn(case, spread, ExpertParallelStrategy(), EPOCHS, alone)
            copied = self.folder / f"{case}-ddp-after-spread.ckpt"
            learn(case, copied, DataParallelStrategy(), EPOCHS, half)
        return found
