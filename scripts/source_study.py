"""The source study's own job, restated: its data, its loader and its loops, for one seed.

Usage: python scripts/source_study.py [EPOCHS]

It is the baseline of `bench_training.py` and nothing else uses it. What it computes, and in which
order, is the source's: one sample is made after the other, a `DataLoader` collates them one by one,
every expert works on every sample, and loss and hits are read after every batch. It prints the
validation accuracy of the dense net and of the mixture in the end; the source's figures are left
out.
"""

import itertools
import sys
from typing import Any

import numpy as np
import torch
from numpy.random import RandomState
from source_signals import source_signals
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader, Dataset, Subset

SEED, SAMPLES, SEQ_LEN, NOISE, BATCH = 42, 10_000, 32, 0.08, 128
CLASSES, TOP_K, BALANCE = 4, 2, 0.01
Loader = DataLoader[Any]


class Signals(Dataset[tuple[Any, Any]]):
    """All samples, one at a time."""

    def __init__(self, random: RandomState) -> None:
        self.x, self.y = source_signals(SAMPLES, SEQ_LEN, NOISE, random)

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.x[index], self.y[index]


def loaders(random: RandomState) -> tuple[Loader, Loader]:
    """Four fifths for training, the rest for validation."""
    signals, order = Signals(random), np.arange(SAMPLES)
    random.shuffle(order)
    cut = int(0.8 * SAMPLES)
    train, val = (Subset(signals, part.tolist()) for part in (order[:cut], order[cut:]))
    return DataLoader(train, BATCH, shuffle=True), DataLoader(val, BATCH)


def chain(widths: list[int], kind: type[nn.Module], dropouts: list[float]) -> nn.Sequential:
    """Linear layers with an activation between them, and dropout after the first of these."""
    layers: list[nn.Module] = []
    for number, (d_in, d_out) in enumerate(itertools.pairwise(widths)):
        layers.append(nn.Linear(d_in, d_out))
        if number < len(widths) - 2:
            layers.append(kind())
            if number < len(dropouts):
                layers.append(nn.Dropout(dropouts[number]))
    return nn.Sequential(*layers)


class Dense(nn.Module):
    """The dense net; its balance loss is 0."""

    def __init__(self) -> None:
        super().__init__()
        self.net = chain([SEQ_LEN, 160, 160, 80, CLASSES], nn.ReLU, [0.15, 0.15])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | float]:
        """(B, D) -> (B, C)."""
        return self.net(x), 0.0


class AllExperts(nn.Module):
    """The mixture, in which all four experts work on all samples and the gates leave two."""

    def __init__(self) -> None:
        super().__init__()
        self.router = chain([SEQ_LEN, 40, 4], nn.ReLU, [0.05])
        shallow, deep = [SEQ_LEN, 80, 40, CLASSES], [SEQ_LEN, 80, 80, 40, CLASSES]
        designs = ((shallow, nn.Tanh), (deep, nn.ReLU), (shallow, nn.ReLU), (shallow, nn.ELU))
        self.experts = nn.ModuleList(chain(widths, kind, [0.1]) for widths, kind in designs)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)
        for layer in self.router:
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=0.1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | float]:
        """(B, D) -> (B, C); in training also the source's balance loss, with its coefficient."""
        probs = F.softmax(self.router(x), dim=1)
        best, ids = torch.topk(probs, TOP_K, dim=1)
        gates = torch.zeros_like(probs).scatter_(1, ids, best)
        gates = gates / (gates.sum(dim=1, keepdim=True) + 1e-8)
        answers = torch.stack([expert(x) for expert in self.experts], dim=2)
        y = (answers * gates.unsqueeze(1)).sum(dim=2)
        if not self.training:
            return y, 0.0
        target = len(x) * TOP_K / len(self.experts)
        return y, BALANCE * ((gates.sum(dim=0) - target) ** 2).mean()


def train(net: nn.Module, optimizer: torch.optim.Optimizer, loader: Loader, clip: float) -> None:
    """One epoch."""
    net.train()
    total, right = 0.0, 0
    for x, y in loader:
        optimizer.zero_grad()
        logits, extra = net(x)
        loss = F.cross_entropy(logits, y) + extra
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), clip)
        optimizer.step()
        total += loss.item() * len(x)
        right += logits.max(1)[1].eq(y).sum().item()


def evaluate(net: nn.Module, loader: Loader) -> tuple[float, float]:
    """Mean loss and accuracy."""
    net.eval()
    total, right, seen = 0.0, 0, 0
    with torch.no_grad():
        for x, y in loader:
            logits, _ = net(x)
            total += F.cross_entropy(logits, y).item() * len(x)
            right += logits.max(1)[1].eq(y).sum().item()
            seen += len(y)
    return total / seen, right / seen


def main(epochs: int) -> None:
    """The whole job."""
    torch.manual_seed(SEED)
    training, validation = loaders(RandomState(SEED))
    nets = {"dense": (Dense(), 2e-3, 2.0), "moe": (AllExperts(), 1.5e-3, 1.0)}
    jobs = []
    for net, lr, clip in nets.values():
        optimizer = torch.optim.Adam(net.parameters(), lr=lr, weight_decay=1e-5)
        schedule = ReduceLROnPlateau(optimizer, factor=0.7, patience=10)
        jobs.append((net, optimizer, schedule, clip))
    for _ in range(epochs):
        for net, optimizer, schedule, clip in jobs:
            train(net, optimizer, training, clip)
            schedule.step(evaluate(net, validation)[0])
    for name, job in zip(nets, jobs, strict=True):
        print(name, f"{evaluate(job[0], validation)[1]:.4f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
