"""Each replica's training is its own separate one: 56 steps in double precision, to 1e-8, and the
same masks and choices of experts."""

from pathlib import Path

import pytest

from .side_by_side import Run, alone, equal, together

FFN = ("model=ffn",)
SPARSE = ("model=sparse", "model.d_hidden=16", "model.sparsity=0.7")
RIGL = (*SPARSE, "model/rule=rigl", "model.rule.every=5")
MOE = ("model=moe", "model.num_experts=4")
SLOW, FAST = "model.lr=0.003", "model.lr=0.02"
RUNS: dict[str, list[Run]] = {
    "ffn, two optimizers, four rates": [
        Run((*FFN, "seed=0", SLOW)),
        Run((*FFN, "seed=1", FAST), clip=None),
        Run((*FFN, "seed=2", SLOW, "optimizer.weight_decay=0.1"), clip=0.7),
        Run((*FFN, "seed=3", FAST, "optimizer.weight_decay=0.1")),
    ],
    "ffn, adamw, warmup": [
        Run((*FFN, f"seed={r}", rate, "optimizer=adamw", "scheduler=warmup_cosine"))
        for r, rate in enumerate((SLOW, FAST))
    ],
    "ffn, sgd, plateau": [
        Run(
            (
                *FFN,
                f"seed={r}",
                f"model.lr={rate}",
                "optimizer=sgd",
                "scheduler=plateau",
                "scheduler.patience=0",
            )
        )
        for r, rate in enumerate((0.3, 0.1))
    ],
    "static masks": [
        Run((*SPARSE, "seed=0", SLOW)),
        Run((*SPARSE, "seed=1", FAST, "model.sparsity=0.4")),
    ],
    "rigl": [Run((*RIGL, "seed=0", SLOW)), Run((*RIGL, "seed=1", FAST, "model.sparsity=0.4"))],
    "rigl, two optimizers, new weights begin with nothing": [
        Run((*RIGL, "seed=0", SLOW, "model/fresh=zero")),
        Run((*RIGL, "seed=1", FAST, "model/fresh=zero", "optimizer.weight_decay=0.1")),
    ],
    "set": [Run((*RIGL, "model/rule=set", f"seed={r}", FAST)) for r in range(2)],
    "straight through": [
        Run((*SPARSE, "model/rule=sr_ste", f"seed={r}", FAST, "model.sparsity=0.5"))
        for r in range(2)
    ],
    "csr": [Run((*SPARSE, "model/kernel=csr", f"seed={r}", FAST)) for r in range(2)],
    "moe": [
        Run((*MOE, "seed=0", SLOW, "model.balance_coef=0.0")),
        Run((*MOE, "seed=1", FAST, "model.balance_coef=0.1", "model.z_coef=0.01")),
    ],
    "noise": [
        Run((*MOE, "model/router=noisy_topk", f"seed={r}", rate))
        for r, rate in enumerate((SLOW, FAST))
    ],
    "routers that balance themselves": [
        Run((*MOE, "model/router=bias_topk", f"seed={r}", rate))
        for r, rate in enumerate((SLOW, FAST))
    ],
    "controller": [
        Run(("model=controller", "model.d_hidden=16", f"seed={r}", FAST)) for r in range(2)
    ],
}


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
@pytest.mark.parametrize("runs", RUNS.values(), ids=RUNS)
def test_replicas_train_as_they_do_alone(runs: list[Run], tmp_path: Path) -> None:
    found = together(runs, tmp_path)
    for r, (run, outcome) in enumerate(zip(runs, found, strict=True)):
        expected = alone(run, tmp_path / str(r))
        assert len(expected.rows) > 8
        equal(outcome, expected)
