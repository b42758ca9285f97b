"""The nets of the study from stock modules, as one would write them without this project.

They are the baseline of the benchmark and nothing else uses them. Each returns its answer (B, C)
and the balance loss of its mixtures, without coefficient; 0 where it has none.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

Answer = tuple[Tensor, Tensor]
Block = Callable[[int], nn.Module]


class Chain(nn.Sequential):
    """Layers one after the other."""

    def forward(self, input: Tensor) -> Answer:
        """(B, D) -> (B, C), and no loss."""
        return super().forward(input), input.new_zeros(())


class Mixture(nn.Module):
    """Each sample goes to the K experts that its router likes best; a loop over experts.

    Args:
        router: (B, D) -> scores (B, E).
        experts: E networks.
        top_k: K.
        balance: of shares of routes, of gates and mean probabilities, each (E).
    """

    def __init__(
        self,
        router: nn.Module,
        experts: Sequence[nn.Module],
        top_k: int,
        balance: Callable[[Tensor, Tensor, Tensor], Tensor],
    ) -> None:
        super().__init__()
        self.router, self.experts = router, nn.ModuleList(experts)
        self.top_k, self.balance = top_k, balance

    def forward(self, x: Tensor) -> Answer:
        """(B, D) -> (B, O)."""
        probs = self.router(x).softmax(dim=1)
        best, ids = probs.topk(self.top_k, dim=1)
        gates = best / best.sum(dim=1, keepdim=True)
        parts = []
        for number, expert in enumerate(self.experts):
            rows, place = torch.where(ids == number)
            parts.append((rows, expert(x[rows]) * gates[rows, place].unsqueeze(1)))
        y = x.new_zeros(len(x), parts[0][1].shape[1])
        for rows, part in parts:
            y = y.index_add(0, rows, part)
        zeros = x.new_zeros(len(self.experts))
        routes = zeros.index_add(0, ids.flatten(), torch.ones_like(gates).flatten()) / ids.numel()
        importance = zeros.index_add(0, ids.flatten(), gates.flatten())
        return y, self.balance(routes, importance, probs.mean(dim=0))


class Residual(nn.Module):
    """Stem -> 2 x (norm + block, residual) -> head; the losses of the blocks are averaged."""

    def __init__(self, d_in: int, width: int, classes: int, block: Block) -> None:
        super().__init__()
        self.stem, self.head = nn.Linear(d_in, width), nn.Linear(width, classes)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.blocks = nn.ModuleList(block(width) for _ in range(2))
        self.head_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Answer:
        """(B, D) -> (B, C)."""
        x, losses = self.stem(x), []
        for norm, block in zip(self.norms, self.blocks, strict=True):
            change, loss = block(norm(x))
            x = x + change
            losses.append(loss)
        return self.head(self.head_norm(x)), torch.stack(losses).mean()


def switch(routes: Tensor, importance: Tensor, probs: Tensor) -> Tensor:
    """`E sum_e f_e P_e`."""
    return len(probs) * (routes * probs).sum()


def squared_deviation(routes: Tensor, importance: Tensor, probs: Tensor) -> Tensor:
    """Of the experts' shares in all gates."""
    return (importance / importance.sum() - 1 / len(probs)).square().mean()


def stock_net(name: str, config: dict[str, Any]) -> nn.Module:
    """One of `NETS` at the sizes of a configuration."""
    model, data = config["model"], config["data"]
    return NETS[name](model, data["seq_len"], len(data["families"]))


def _notebook_ffn(model: dict[str, Any], d_in: int, classes: int) -> nn.Module:
    full, rate = model["d_hidden"], model["dropout"]
    return Chain(
        nn.Linear(d_in, full),
        nn.ReLU(),
        nn.Dropout(rate),
        nn.Linear(full, full),
        nn.ReLU(),
        nn.Dropout(rate),
        nn.Linear(full, full // 2),
        nn.ReLU(),
        nn.Linear(full // 2, classes),
    )


def _notebook_moe(model: dict[str, Any], d_in: int, classes: int) -> nn.Module:
    full, half, rate = model["d_hidden"], model["d_hidden"] // 2, model["dropout"]

    def expert(kind: type[nn.Module], deep: bool) -> nn.Module:
        middle = [nn.Linear(full, full), kind()] if deep else []
        first = [nn.Linear(d_in, full), kind(), nn.Dropout(rate), *middle]
        return nn.Sequential(*first, nn.Linear(full, half), kind(), nn.Linear(half, classes))

    designs = ((nn.Tanh, False), (nn.ReLU, True), (nn.ReLU, False), (nn.ELU, False))
    scores = model["router"]["scores"]
    router = nn.Sequential(
        nn.Linear(d_in, scores["hidden"]),
        nn.ReLU(),
        nn.Dropout(scores["dropout"]),
        nn.Linear(scores["hidden"], len(designs)),
    )
    experts = [expert(*design) for design in designs]
    return Mixture(router, experts, model["top_k"], squared_deviation)


def _residual_ffn(model: dict[str, Any], d_in: int, classes: int) -> nn.Module:
    hidden, rate = model["d_hidden"], model["dropout"]

    def block(width: int) -> nn.Module:
        first = nn.Linear(width, hidden)
        return Chain(first, nn.ReLU(), nn.Dropout(rate), nn.Linear(hidden, width))

    return Residual(d_in, model["backbone"]["build"]["d_model"], classes, block)


def _residual_moe(model: dict[str, Any], d_in: int, classes: int) -> nn.Module:
    hidden, rate, experts = model["d_hidden"], model["dropout"], model["num_experts"]

    def expert(width: int) -> nn.Module:
        first = nn.Linear(width, hidden)
        return nn.Sequential(first, nn.ReLU(), nn.Dropout(rate), nn.Linear(hidden, width))

    def block(width: int) -> nn.Module:
        router = nn.Linear(width, experts, bias=False)
        nets = [expert(width) for _ in range(experts)]
        return Mixture(router, nets, model["top_k"], switch)

    return Residual(d_in, model["backbone"]["build"]["d_model"], classes, block)


NETS: dict[str, Callable[[dict[str, Any], int, int], nn.Module]] = {
    "notebook ffn": _notebook_ffn,
    "notebook moe": _notebook_moe,
    "residual ffn": _residual_ffn,
    "residual moe": _residual_moe,
}
