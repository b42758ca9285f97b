"""The mixture-of-experts classifier: cross entropy plus the load-balancing loss."""

import math
from collections.abc import Callable, Mapping
from typing import Any, final

import torch
from torch import Tensor, nn

from triptych.errors import InvalidSetting
from triptych.metrics import LoadTally, RoutingChurn, RoutingMetrics, drop_rate, max_load
from triptych.moe import Average, MoE, Routing, SelfBalancing, z_loss
from triptych.training.expert_parallel import ExpertParallelStrategy
from triptych.training.module import Batch, ClassifierModule
from triptych.training.partial_epoch import PartialEpoch
from triptych.types import Cost


@final
class MoEModule(ClassifierModule):
    """Trains a network with MoE layers and watches their routing.

    Args:
        balance: the load-balancing loss of one layer's routing, without coefficient.
        balance_coef: its weight. The losses of several layers are averaged, so the coefficient
            means the same at any depth.
        z_coef: the weight of the router's z-loss, averaged in the same way.
        statistics: whose tokens both losses look at: `micro_batch` or `global_batch`.
        shared: what every `ClassifierModule` takes.
    """

    def __init__(
        self,
        *,
        balance: Callable[[Routing, Average], Tensor],
        balance_coef: float,
        z_coef: float,
        statistics: Average,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        for name, value in (("balance_coef", balance_coef), ("z_coef", z_coef)):
            if not 0 <= value < math.inf:
                raise InvalidSetting(f"{name} must not be negative or infinite, got {value}")
        self.balance, self.balance_coef, self.z_coef = balance, balance_coef, z_coef
        self.statistics = statistics
        self.routing = nn.ModuleDict(
            {split: self._metrics_by_layer() for split in ("val_routing", "test_routing")}
        )
        self._summary: dict[str, dict[str, Any]] = {}
        self._routing_losses: dict[str, list[Tensor]] = {"balance": [], "z": []}
        layers = decisions_of(self.network)
        self._tallies = {layer: LoadTally(experts) for layer, experts in layers.items()}
        self._churn = {layer: RoutingChurn() for layer in layers}
        self._self_balancing = self_balancing_routers(self.network)
        self._loads: dict[str, Tensor] = {}

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Cross entropy + `balance_coef` * mean balance loss + `z_coef` * mean z-loss."""
        loss, decisions = self.cross_entropy(batch)
        return loss + self.panel_loss(decisions)

    def panel_loss(self, decisions: dict[str, Routing]) -> Tensor:
        """Both losses, weighted; notes them and the load."""
        for layer, routing in decisions.items():
            self._tallies[layer].note(routing)
        for layer in self._self_balancing:
            load = decisions[layer].load()
            self._loads[layer] = self._loads[layer] + load if layer in self._loads else load
        balance = self._by_layer(self.balance, decisions)
        self._routing_losses["balance"].append(balance.detach())
        loss = self.balance_coef * balance.mean()
        if self.z_coef == 0:
            return loss
        z = self._by_layer(z_loss, decisions)
        self._routing_losses["z"].append(z.detach())
        return loss + self.z_coef * z.mean()

    def rehearse(self, x: Tensor) -> None:
        """The panel's own losses too."""
        _, decisions = self.network(x, x.new_zeros(len(x), dtype=torch.long))
        self.mean_balance(decisions)

    def mean_balance(self, decisions: dict[str, Routing]) -> Tensor:
        """The balance loss without coefficient, averaged over layers."""
        return self._by_layer(self.balance, decisions).mean()

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Lets routers that balance themselves look at what all ranks did since the last step."""
        for layer, router in self._self_balancing.items():
            router.rebalance(self.trainer.strategy.reduce(self._loads[layer], reduce_op="sum"))
        self._loads.clear()

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """By the norm of the whole net, also where this process holds a part of it."""
        strategy, by_norm = self.trainer.strategy, gradient_clip_algorithm in (None, "norm")
        if isinstance(strategy, ExpertParallelStrategy) and gradient_clip_val and by_norm:
            strategy.clip_by_norm(gradient_clip_val)
        else:
            super().configure_gradient_clipping(
                optimizer, gradient_clip_val, gradient_clip_algorithm
            )

    def on_train_epoch_end(self) -> None:
        """Logs the epoch's means, and by layer what its router did; losses unscaled."""
        sizes = torch.tensor(self.notes.sizes, dtype=torch.double, device=self.device)
        super().on_train_epoch_end()
        self.log_now("train", self._mean_losses(sizes) | self._training_load())

    def partial_epoch(self) -> PartialEpoch:
        """Also the losses of each layer, its load, and the choices of the last evaluation."""
        part = super().partial_epoch()
        part.means.update({k: torch.stack(v) for k, v in self._routing_losses.items() if v})
        part.sums.update({f"load/{k}": tally.sums() for k, tally in self._tallies.items()})
        chosen = {f"chosen/{k}": churn.last for k, churn in self._churn.items()}
        part.own.update({k: v for k, v in chosen.items() if v is not None})
        return part

    def go_on(self, part: PartialEpoch) -> None:
        """Takes that of a checkpoint for its own."""
        super().go_on(part)
        device = self.trainer.strategy.root_device
        for name, losses in self._routing_losses.items():
            losses[:] = part.means[name].to(device).unbind() if name in part.means else []
        for layer in self._tallies:
            self._tallies[layer].go_on(part.sums[f"load/{layer}"].to(device))
            chosen = part.own.get(f"chosen/{layer}")
            self._churn[layer].last = None if chosen is None else chosen.to(device)

    def observe(self, split: str, decisions: dict[str, Routing], family: Tensor) -> None:
        """Adds up where each layer sent its tokens."""
        for layer, routing in decisions.items():
            self._metrics(split, layer).update(routing, family)
            if split == "val":  # the test split is seen once: nothing to compare with
                self._churn[layer].note(routing)

    def panel_scalars(self, split: str) -> dict[str, float]:
        """Load and specialisation of each layer, and the parameters that a sample really met."""
        self._summary = {}
        for layer in decisions_of(self.network):
            metric = self._metrics(split, layer)
            self._summary[layer] = metric.compute()
            metric.reset()
        scalars = {
            f"moe/{layer}/{key}": value
            for layer, summary in self._summary.items()
            for key, value in summary["scalars"].items()
        }
        scalars["params_active"] = self.cost().params_active
        return scalars | self._loads_now() | self._stability() if split == "val" else scalars

    def panel_tables(self) -> dict[str, Any]:
        """Routing tables of each layer."""
        return {"routing": [{"layer": k} | v["table"] for k, v in self._summary.items()]}

    def epoch_tables(self) -> dict[str, Any]:
        """The same, of the validation."""
        return self.panel_tables()

    def cost(self) -> Cost:
        """Counted from the experts that the last evaluation really ran."""
        return self.total_cost({layer: s["share"] for layer, s in self._summary.items()})

    def _by_layer(
        self, loss: Callable[[Routing, Average], Tensor], decisions: Mapping[str, Routing]
    ) -> Tensor:
        return torch.stack([loss(routing, self.statistics) for routing in decisions.values()])

    def _mean_losses(self, sizes: Tensor) -> dict[str, float]:
        """Means over samples; those over ranks are taken when they are logged."""
        found: dict[str, float] = {}
        for name, losses in self._routing_losses.items():
            if losses:
                layers = sizes @ torch.stack(losses).double() / sizes.sum()
                found[f"moe/{name}_loss"] = float(layers.mean())
                named = zip(self._tallies, layers.tolist(), strict=True)
                found |= {f"moe/{layer}/{name}_loss": value for layer, value in named}
                losses.clear()
        return found

    def _training_load(self) -> dict[str, float]:
        sums = self._over_ranks([tally.take() for tally in self._tallies.values()])
        found: dict[str, float] = {}
        for layer, (load, executed) in zip(self._tallies, sums, strict=True):
            found[f"moe/{layer}/max_load"] = max_load(load)
            found[f"moe/{layer}/drop_rate"] = drop_rate(load, executed)
        return found

    def _loads_now(self) -> dict[str, float]:
        """The share of all routes that each expert got."""
        loads = {layer: summary["table"]["load"] for layer, summary in self._summary.items()}
        return {
            f"moe/{layer}/load/{expert}": load / max(sum(by_expert), 1)
            for layer, by_expert in loads.items()
            for expert, load in enumerate(by_expert)
        }

    def _stability(self) -> dict[str, float]:
        """Absent where there is no evaluation before: at first, and after a resume."""
        counts = self._over_ranks([churn.turn() for churn in self._churn.values()])
        found: dict[str, float] = {}
        for layer, (experts, favourite, compared) in zip(self._churn, counts, strict=True):
            if compared > 0:
                found[f"moe/{layer}/churn"] = float(experts / compared)
                found[f"moe/{layer}/churn_top1"] = float(favourite / compared)
        return found

    def _over_ranks(self, counts: list[Tensor]) -> list[Tensor]:
        """Sums over ranks, all in one collective."""
        flat = torch.cat([count.flatten() for count in counts])
        total = self.trainer.strategy.reduce(flat, reduce_op="sum")
        parts = total.split([count.numel() for count in counts])
        return [part.view_as(count) for part, count in zip(parts, counts, strict=True)]

    def _metrics(self, split: str, layer: str) -> RoutingMetrics:
        by_layer = self.routing[f"{split}_routing"]
        assert isinstance(by_layer, nn.ModuleDict)
        metric = by_layer[layer]
        assert isinstance(metric, RoutingMetrics)
        return metric

    def _metrics_by_layer(self) -> nn.ModuleDict:
        layers = decisions_of(self.network).items()
        families = len(self.families)
        return nn.ModuleDict({n: RoutingMetrics(e, families) for n, e in layers})


def moe_layers(network: nn.Module) -> dict[str, MoE]:
    """By the names that the network's forward uses."""
    return {
        name.removeprefix("blocks."): layer
        for name, layer in network.named_modules()
        if isinstance(layer, MoE)
    }


def decisions_of(network: nn.Module) -> dict[str, int]:
    """Layers that decide, with their E."""
    return {name: len(layer.uniform_share()) for name, layer in moe_layers(network).items()}


def self_balancing_routers(network: nn.Module) -> dict[str, SelfBalancing]:
    """Routers that want to be told the load after each step, by the name of their layer."""
    routers = {name: layer.router for name, layer in moe_layers(network).items()}
    return {name: router for name, router in routers.items() if isinstance(router, SelfBalancing)}
