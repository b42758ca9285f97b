"""What is written down about a sparse net and its training; nothing here acts on either."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, final

import torch
from torch import Tensor, nn

from triptych.cost import Flops, TrainingFlops, declared_cost
from triptych.errors import IncompatibleSettings, LayerCollapsed
from triptych.metrics import (
    MaskHistory,
    connections,
    density_of_all_parameters,
    followers,
    labelled_layers,
    layer_densities,
)
from triptych.sparse import sparse_layers


@final
class SparseWatch:
    """Density, connections, the history of masks, and what training steps cost.

    Args:
        net: with sparse layers.
        sparsity: that was asked for.
        moving: whether masks change in training; if not, no history is kept.
    """

    def __init__(self, net: nn.Module, sparsity: float, *, moving: bool) -> None:
        self.net, self.target, self.moving = net, round(1 - sparsity, 12), moving
        self._history, self._flops = MaskHistory(), TrainingFlops()
        self._seconds: list[float] = []

    def refuse_empty(self) -> None:
        """A layer without any weight passes nothing on.

        Raises:
            IncompatibleSettings: naming the layer.
        """
        for name in self._empty():
            raise IncompatibleSettings(
                f"model.sparsity leaves no weight in layer {name}: lower model.sparsity, or widen"
                " the net"
            )

    def refuse_collapse(self, step: int) -> None:
        """The same in training.

        Raises:
            LayerCollapsed: naming layer and step.
        """
        for name in self._empty():
            raise LayerCollapsed(
                f"layer {name} has no weight left after step {step}: lower"
                " model.sparsity, or prune layer by layer with model/rule=pruning"
            )

    def step(self, samples: int) -> None:
        """Notes a training step, with the probes that it runs with."""
        probed = any(layer.probe is not None for layer in sparse_layers(self.net).values())
        self._flops.note(samples, probed=probed)

    @contextmanager
    def update(self) -> Iterator[None]:
        """Around a change of masks: times it and compares the masks before and after."""
        self._settle()
        before = self._masks()
        begin = _finished()
        yield
        self._seconds.append(_finished() - begin)
        self._history.update(before, self._masks())

    def flops(self) -> Flops:
        """Of all training samples of this process since the last `start_epoch`."""
        self._settle()
        return self._flops.total

    def start_epoch(self) -> None:
        """Counts FLOPs from 0."""
        self._flops.reset()

    def epoch_scalars(self) -> dict[str, float]:
        """With moving masks: the share of weights that the epoch's updates removed, the share of
        places that were ever in a mask, and milliseconds per update."""
        if not self.moving:
            return {}
        self._history.note(self._masks())
        scalars = {"train/sparse/explored": self._history.explored_in_all()}
        for label, share in self._history.explored().items():
            scalars[f"train/sparse/explored/{label}"] = share
        churn = self._history.take_churn()
        if churn is not None:
            scalars["train/sparse/churn"] = churn
        if self._seconds:
            scalars["time/mask_update_ms"] = 1000 * sum(self._seconds) / len(self._seconds)
        self._seconds.clear()
        return scalars

    def scalars(self) -> dict[str, float]:
        """Densities: of each layer, of all places, of all parameters, and the one asked for."""
        rows = self.table()
        alone = {f"density/{row['layer']}": float(row["density"]) for row in rows}
        nonzeros, size = (sum(row[key] for row in rows) for key in ("nonzeros", "size"))
        return alone | {
            "density": nonzeros / size,
            "density_target": self.target,
            "density_all_parameters": density_of_all_parameters(self.net),
            "dead_units": float(sum(row["dead_units"] or 0 for row in rows)),
        }

    def table(self) -> list[dict[str, Any]]:
        """One row for each sparse layer; `explored` where masks move."""
        after, explored = followers(self.net), self._history.explored()
        rows: list[dict[str, Any]] = []
        layers = labelled_layers(self.net)
        for row in layer_densities(self.net):
            label = str(row["layer"])
            layer = layers[label]
            counts = connections(layer, after.get(layer))
            tried = {"explored": explored[label]} if label in explored else {}
            about = {"target": self.target, "kernel": layer.executes}
            rows.append({**row, **about, **counts, **tried})
        return rows

    def state_dict(self) -> dict[str, Any]:
        """The history of masks."""
        return self._history.state_dict() if self.moving else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a checkpoint; from one without history, with the masks as they are."""
        if state:
            self._history.load_state_dict(state)

    def costs(self) -> tuple[Tensor, Tensor]:
        """Of the epoch so far: FLOPs, needed and executed (2), and the seconds of each update."""
        flops = self.flops()
        pair = torch.tensor([flops.needed, flops.executed], dtype=torch.double)
        return pair, torch.tensor(self._seconds, dtype=torch.double)

    def go_on(self, flops: Tensor, seconds: Tensor | None) -> None:
        """Starts with those of a checkpoint."""
        self._flops.reset(Flops(*flops.tolist()))
        self._seconds = [] if seconds is None else seconds.tolist()

    def _settle(self) -> None:
        self._flops.settle(declared_cost(self.net), self.net)

    def _empty(self) -> list[str]:
        return [str(row["layer"]) for row in layer_densities(self.net) if row["nonzeros"] == 0]

    def _masks(self) -> dict[str, Tensor]:
        return {label: layer.mask.clone() for label, layer in labelled_layers(self.net).items()}


def _finished() -> float:
    """Seconds, when the device is done with all work so far."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()
