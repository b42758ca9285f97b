"""Times whole fits by `train.py`'s own composition against bare PyTorch loops of the same work, and
the source study's own job against ours.

Usage: python scripts/bench_training.py [--quick] [--out FILE.json]

Ours is `Trainer.fit` with everything on: metrics, progress, checkpoints (best and last), CSV and
offline W&B. The bare loop takes whole-tensor batches, computes loss and accuracy in each step and
validates every epoch; it writes nothing. Both have the same recipe: data, batch, fused optimizer,
clipping, schedule, one thread, denormals flushed. The bare loop trains a net of stock modules with
stock dropout (`stock_nets.py`), or our own net with our dropout, which leaves the framework alone.

Times of fits are CPU seconds of this process, which other work on the machine disturbs less than
wall time. Outside of both timings: imports, data, building the net, opening and closing W&B's run
(its own service process is not counted either).

The source's own job is both of its nets for one seed. `python train.py experiment=notebook seed=0`,
with tests, checkpoints, W&B, a table and a report, is timed against `source_study.py`: CPU seconds
of all processes, from start to end.
"""

import math
import os
import resource
import subprocess
import sys
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
from stock_nets import NETS, stock_net
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import ReduceLROnPlateau

from triptych.config import register
from triptych.data import ClassificationData, Splits
from triptych.dropout import dropouts
from triptych.result import FILE, read
from triptych.run.build import build_data, build_job, build_module, construct, open_loggers
from triptych.run.recipes import plain
from triptych.run.train import prepare_cpu, quieten
from triptych.tracking import close_run

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"
GOAL, STUDY_GOAL = 1.1, 0.5
FOLDERS = {"many": ["logger.wandb.folder"], "csv": [], "none": []}


@dataclass(frozen=True)
class Case:
    """One job.

    Attributes:
        name: of the net.
        overrides: what makes `train.py` train it.
        samples: for training; a quarter of it for validation.
        epochs: training epochs.
        rounds: how often both are timed.
        stock: whether the bare loop trains a net of stock modules, or our net.
        goal: the ratio to reach; None where the row only informs.
        logger: `many` logs everything, `none` nothing.
    """

    name: str
    overrides: Sequence[str]
    samples: int
    epochs: int
    rounds: int
    stock: bool
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
        net = stock_net(case.name, config) if case.stock else OurNet(config, data)
        return cpu_seconds(lambda: bare_fit(net, splits, config))


class OurNet(nn.Module):
    """Our net, and the balance loss of its mixtures."""

    def __init__(self, config: dict[str, Any], data: ClassificationData) -> None:
        super().__init__()
        model = config["model"]
        self.network = build_module(config, data).network
        self.balance = (
            plain(construct(model["balance"], "model.balance")) if "balance" in model else None
        )
        for number, dropout in enumerate(dropouts(self.network).values()):
            dropout.reseed(number)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, D) -> (B, C), and the loss."""
        logits, decisions = self.network(x)
        if self.balance is None or not self.training:
            return logits, logits.new_zeros(())
        losses = [self.balance(routing) for routing in decisions.values()]
        return logits, torch.stack(losses).mean()


def bare_fit(net: nn.Module, splits: Splits, config: dict[str, Any]) -> None:
    """Trains and validates for all epochs."""
    model, size = config["model"], config["data"]["batch_size"]
    coefficient = model.get("balance_coef", 0.0)
    optimizer = construct(config["optimizer"], "optimizer")(net.parameters())
    schedule = construct(config["scheduler"], "scheduler")(optimizer)

    def step(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        logits, extra = net(x)
        loss = F.cross_entropy(logits, y)
        total = loss + coefficient * extra if coefficient else loss
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
    """What is compared; those against stock modules have a goal."""
    few_samples, few_epochs, rounds = (1000, 1, 6) if quick else (8000, 10, 9)
    samples, epochs = (1000, 3) if quick else (8000, 100)
    nets = {
        "notebook ffn": ["model=notebook_ffn", "data=multimodal_source"],
        "notebook moe": ["model=notebook_moe", "data=multimodal_source"],
        "residual ffn": ["model=ffn"],
        "residual moe": ["model=moe"],
        "residual sparse": ["model=sparse"],
    }
    against_stock = [
        Case(name, nets[name], samples, epochs, rounds, stock=True, goal=GOAL) for name in NETS
    ]
    against_ours = [
        Case(name, overrides, few_samples, few_epochs, rounds, stock=False)
        for name, overrides in nets.items()
    ]
    return [*against_stock, *against_ours]


def measure(case: Case) -> Row:
    """One row of the table."""
    quotients = ratios(lambda: ours(case), lambda: bare(case), case.rounds)
    net = "stock modules" if case.stock else "our net and dropout"
    return Row(
        str(case), "train.py's fit", f"bare loop, {net}", *median_interval(quotients), case.goal
    )


def measure_study(epochs: int, rounds: int) -> tuple[Row, str]:
    """The source's own job, and what both say about accuracy."""
    accuracies: dict[str, str] = {}

    def study() -> float:
        with TemporaryDirectory() as folder:
            sweep = Path(folder, "sweep")
            places = [f"hydra.sweep.dir={sweep}", f"sweep.report={folder}/report"]
            command = ["train.py", "experiment=notebook", "seed=0", f"trainer.max_epochs={epochs}"]
            taken, _ = process_seconds([*command, *places, f"logger.wandb.folder={folder}"], folder)
            finals = [read(sweep / number / FILE).metrics["final"] for number in ("0", "1")]
            accuracies["ours"] = ", ".join(f"{final['val/acc']:.4f}" for final in finals)
            return taken

    def source() -> float:
        with TemporaryDirectory() as folder:
            taken, said = process_seconds(["scripts/source_study.py", str(epochs)], folder)
            accuracies["the source's"] = ", ".join(line.split()[1] for line in said.splitlines())
            return taken

    interval = median_interval(ratios(study, source, rounds))
    case = f"the source's own job, one seed, epochs: {epochs}"
    names = ("experiment=notebook, whole command", "the source's loops, whole command")
    said = "; ".join(f"{name}: {both}" for name, both in accuracies.items())
    note = f"Validation accuracy of dense and MoE at the end of the source's own job: {said}."
    return Row(case, *names, *interval, STUDY_GOAL), note


def process_seconds(command: Sequence[str], folder: str) -> tuple[float, str]:
    """CPU seconds of a command with all that it starts, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    line = [sys.executable, str(ROOT / command[0]), *command[1:]]
    variables = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        line, cwd=folder, env=variables, check=True, capture_output=True, text=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


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
    rows = [measure(case) for case in cases(options.quick)]
    study, note = measure_study(*(2, 6) if options.quick else (100, 6))
    publish("training", [*rows, study], options.out, [note])


if __name__ == "__main__":
    main()
