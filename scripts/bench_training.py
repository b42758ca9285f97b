"""Times whole fits by `train.py`'s own composition against bare PyTorch loops of the same work.

Usage: python scripts/bench_training.py [--quick] [--out FILE.json]

Ours is `Trainer.fit` with everything on: metrics, progress, checkpoints (best and last), CSV and
offline W&B. The bare loop takes whole-tensor batches, computes loss and accuracy in each step and
validates every epoch; it writes nothing. Both have the same recipe: data, batch, optimizer,
clipping, schedule, one thread, denormals flushed.

Times are CPU seconds of this process, which other work on the machine disturbs less than wall
time. Outside of both timings: imports, data, building the net, opening and closing W&B's run (its
own service process is not counted either).
"""

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from bench_format import Row, arguments, median_interval, publish, ratios
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf, open_dict
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import ReduceLROnPlateau

from triptych.config import register
from triptych.data import Splits
from triptych.moe import Routing
from triptych.run.build import build_data, build_job, build_module, construct, open_loggers
from triptych.run.train import prepare_cpu, quieten
from triptych.tracking import close_run

CONF = Path(__file__).parents[1] / "conf"
FOLDERS = {"many": ["logger.wandb.folder"], "none": []}


@dataclass(frozen=True)
class Case:
    """One job.

    Attributes:
        name: of the net.
        overrides: what makes `train.py` train it.
        samples: for training; a quarter of it for validation.
        epochs: training epochs.
        rounds: how often both are timed.
        own_net: whether the bare loop trains our net too, which leaves the framework alone, or
            one of stock modules.
        goal: the ratio to reach; None where the row only informs.
        logger: `many` logs everything, `none` nothing.
    """

    name: str
    overrides: Sequence[str]
    samples: int
    epochs: int
    rounds: int
    own_net: bool
    goal: float | None = None
    logger: str = "many"

    def __str__(self) -> str:
        return f"{self.name}, {self.samples:,} samples, epochs: {self.epochs}"


@contextmanager
def composed(case: Case) -> Iterator[dict[str, Any]]:
    """The configuration of the run, plain, with a folder that lives as long."""
    with TemporaryDirectory() as folder, initialize_config_dir(str(CONF), version_base="1.3"):
        fixed = [
            "hydra.mode=RUN",
            f"hydra.runtime.output_dir={folder}",
            *(f"{key}={folder}" for key in FOLDERS[case.logger]),
            f"data.n_train={case.samples}",
            f"data.n_val={case.samples // 4}",
            f"trainer.max_epochs={case.epochs}",
        ]
        typed = [f"logger={case.logger}", "trainer=cpu", *fixed, *case.overrides]
        cfg = compose("train", typed, return_hydra_config=True)
        HydraConfig.instance().set_config(cfg)
        with open_dict(cfg):
            del cfg.hydra
        config: Any = OmegaConf.to_container(cfg, resolve=True)
        yield config


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time of this process, all its threads, for one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def ours(case: Case) -> float:
    """Seconds of `Trainer.fit` as `train.py` calls it. Its progress lines go nowhere."""
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere), composed(case) as config:
        job = build_job(config, config["callbacks"]["best"]["dirpath"], str(case))
        open_loggers(job.trainer.loggers, config)
        prepare_cpu(job.module, job.data, processes=1)
        _ = job.data.splits  # made now, and kept
        taken = cpu_seconds(lambda: job.trainer.fit(job.module, datamodule=job.data))
        close_run(exit_code=0)
    return taken


def bare(case: Case) -> float:
    """Seconds of the same job in a loop of its own."""
    with composed(case) as config:
        data = build_data(config)
        splits = data.splits
        torch.manual_seed(config["seed"])
        net = build_module(config, data).network if case.own_net else PlainNet(config)
        return cpu_seconds(lambda: bare_fit(net, splits, config))


class PlainNet(nn.Sequential):
    """The source study's dense net from stock modules."""

    def __init__(self, config: dict[str, Any]) -> None:
        full, rate = config["model"]["d_hidden"], config["model"]["dropout"]
        super().__init__(
            nn.Linear(config["data"]["seq_len"], full),
            nn.ReLU(),
            nn.Dropout(rate),
            nn.Linear(full, full),
            nn.ReLU(),
            nn.Dropout(rate),
            nn.Linear(full, full // 2),
            nn.ReLU(),
            nn.Linear(full // 2, len(config["data"]["families"])),
        )

    def forward(self, input: Tensor) -> tuple[Tensor, dict[str, Routing]]:
        """(B, D) -> (B, C), and no routing."""
        return super().forward(input), {}


def bare_fit(net: nn.Module, splits: Splits, config: dict[str, Any]) -> None:
    """Trains and validates for all epochs."""
    model, size = config["model"], config["data"]["batch_size"]
    balance = construct(model["balance"], "model.balance") if "balance" in model else None
    optimizer = construct(config["optimizer"], "optimizer")(net.parameters())
    schedule = construct(config["scheduler"], "scheduler")(optimizer)

    def step(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        logits, decisions = net(x)
        loss = total = F.cross_entropy(logits, y)
        if balance is not None:
            extra = torch.stack([balance(routing) for routing in decisions.values()]).mean()
            total = loss + model["balance_coef"] * extra
        optimizer.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(net.parameters(), model["clip"])
        optimizer.step()
        return loss.detach(), (logits.detach().argmax(dim=1) == y).sum()

    for _ in range(config["trainer"]["max_epochs"]):
        net.train()
        order = torch.randperm(len(splits.train.y))
        batches = zip(*(part[order].split(size) for part in splits.train[:2]), strict=True)
        losses, right = zip(*(step(x, y) for x, y in batches), strict=True)
        train = torch.stack(losses).mean().item(), torch.stack(right).sum().item() / len(order)
        val = evaluate(net, *splits.val[:2])
        assert all(map(math.isfinite, (*train, *val)))
        if isinstance(schedule, ReduceLROnPlateau):
            schedule.step(val[0])
        else:
            schedule.step()


def evaluate(net: nn.Module, x: Tensor, y: Tensor) -> tuple[float, float]:
    """Loss and accuracy of a split."""
    net.eval()
    with torch.no_grad():
        logits, _ = net(x)
        right = (logits.argmax(dim=1) == y).float().mean()
        return F.cross_entropy(logits, y).item(), right.item()


def cases(quick: bool) -> list[Case]:
    """What is compared; only the first has a goal."""
    epochs, rounds = (5, 6) if quick else (100, 9)
    few_samples, few_epochs = (1000, 1) if quick else (8000, 10)
    nets = {
        "notebook moe": ["model=notebook_moe", "data=multimodal_source"],
        "residual ffn": ["model=ffn"],
        "residual sparse": ["model=sparse"],
        "residual moe": ["model=moe"],
    }
    source = ["model=notebook_ffn", "data=multimodal_source"]
    first = Case("notebook ffn", source, 8000, epochs, rounds, own_net=False, goal=1.6)
    others = [
        Case(name, overrides, few_samples, few_epochs, rounds, own_net=True)
        for name, overrides in nets.items()
    ]
    return [first, *others]


def measure(case: Case) -> Row:
    """One row of the table."""
    quotients = ratios(lambda: ours(case), lambda: bare(case), case.rounds)
    net = "our net" if case.own_net else "stock modules"
    return Row(
        str(case), "train.py's fit", f"bare loop, {net}", *median_interval(quotients), case.goal
    )


def prepare() -> None:
    """One thread, no account, and the settings that `train.py` makes."""
    os.environ["WANDB_MODE"] = "offline"
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    register()
    quieten()


def main() -> None:
    """Measures, prints and, if asked, writes."""
    options = arguments(__doc__)
    prepare()
    publish("training", [measure(case) for case in cases(options.quick)], options.out)


if __name__ == "__main__":
    main()
