"""From a net with sparse layers to the tensors of an export, and from weights to a dense net."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn

from triptych.errors import IncompatibleSettings, InvalidSetting, nearest
from triptych.sparse.export.layouts import layouts
from triptych.sparse.export.narrow import narrow_chains
from triptych.sparse.kernels.kernel import SparseLinear

FORMATS = tuple(layouts())


@final
@dataclass(frozen=True)
class Export:
    """What an export file holds.

    Attributes:
        form: the name of the format.
        layers: of each sparse layer by name: `shape`, `nonzeros`, and for narrow `before`.
        tensors: by their names in the file.
    """

    form: str
    layers: Mapping[str, Mapping[str, Any]]
    tensors: Mapping[str, Tensor]

    def of(self, layer: str) -> dict[str, Tensor]:
        """The tensors of one layer, by their names inside it."""
        inside = f"{layer}."
        return {k.removeprefix(inside): v for k, v in self.tensors.items() if k.startswith(inside)}


def check_format(form: str) -> None:
    """Refuses a format that does not exist.

    Raises:
        InvalidSetting: with all that do, and the nearest.
    """
    if form not in FORMATS:
        raise InvalidSetting(
            f"format={form} must be one of {', '.join(FORMATS)}{nearest(form, FORMATS)}"
        )


def export_of(net: nn.Module, form: str, block: int | None = None) -> Export:
    """Copies of all tensors of a net, those of its sparse layers in the given format.

    Args:
        block: for form=block, the width of the blocks; None for the widest that fits each layer.

    Raises:
        InvalidSetting: if there is no such format.
        IncompatibleSettings: if the net has no layers for it, or a mask that it cannot hold.
    """
    check_format(form)
    sparse = _places(net)
    if not sparse and form != "dense":
        raise IncompatibleSettings(
            f"format={form}: the net has no sparse layers: take format=dense"
        )
    state = net.state_dict()
    for name in sparse:
        state = {key: value for key, value in state.items() if not key.startswith(f"{name}.")}
    if form == "narrow":
        layers, tensors = _narrow(sparse, net)
    else:
        layers, tensors = _laid_out(sparse, form, block)
    # Copies: a view would be written with all of the storage that it looks at.
    whole = {k: v.detach().cpu().contiguous().clone() for k, v in (state | tensors).items()}
    return Export(form, layers, whole)


def _places(net: nn.Module) -> dict[str, SparseLinear]:
    """Sparse layers by name, without those that another is made of; a layer that stands in several
    places under each."""
    found: dict[str, SparseLinear] = {}
    for name, module in net.named_modules(remove_duplicate=False):
        inside = name.startswith(tuple(f"{outer}." for outer in found))
        if isinstance(module, SparseLinear) and not inside:
            found[name] = module
    return found


def _laid_out(
    sparse: Mapping[str, SparseLinear], form: str, block: int | None
) -> tuple[dict[str, dict[str, Any]], dict[str, Tensor]]:
    encode = layouts(block)[form].encode
    layers: dict[str, dict[str, Any]] = {}
    tensors: dict[str, Tensor] = {}
    for name, layer in sparse.items():
        layers[name] = {"shape": list(layer.shape), "nonzeros": layer.nonzeros}
        try:
            parts = encode(layer.mask, layer.matrix())
        except IncompatibleSettings as error:
            raise IncompatibleSettings(f"format={form}: {name}: {error}") from error
        tensors |= {f"{name}.{k}": v for k, v in (parts | {"bias": layer.bias}).items()}
    return layers, tensors


def _narrow(
    sparse: Mapping[str, SparseLinear], net: nn.Module
) -> tuple[dict[str, dict[str, Any]], dict[str, Tensor]]:
    found = narrow_chains(net)
    alone = [name for name in sparse if name not in found]
    if alone:
        raise IncompatibleSettings(
            f"format=narrow: {alone[0]} is in no chain of linear layers and ReLUs: take another"
            " format"
        )
    old = dict(net.named_modules(remove_duplicate=False))
    layers = {
        name: {
            "shape": list(layer.weight.shape),
            "nonzeros": int(torch.count_nonzero(layer.weight)),
            "before": list(_shape(old[name])),
        }
        for name, layer in found.items()
    }
    weights = {f"{name}.weight": layer.weight for name, layer in found.items()}
    return layers, weights | {f"{name}.bias": layer.bias for name, layer in found.items()}


def _shape(layer: nn.Module) -> tuple[int, int]:
    if isinstance(layer, SparseLinear):
        return layer.shape
    assert isinstance(layer, nn.Linear)
    return layer.out_features, layer.in_features


def dense_network(net: nn.Module, state: Mapping[str, Tensor]) -> nn.Module:
    """A copy of a net, on the CPU, with `nn.Linear` for each sparse layer, holding the weights of
    `state`, as `load_export` gives it; of their widths, so it holds those of a narrow net too.

    Raises:
        InvalidSetting: if they are not weights of such a net.
    """
    dense = copy.deepcopy(net).cpu()
    for name, layer in list(dense.named_modules(remove_duplicate=False)):
        weight = state.get(f"{name}.weight")
        if weight is not None and _is_replaced(layer, weight):
            d_out, d_in = weight.shape
            new = nn.Linear(d_in, d_out, device="meta", dtype=weight.dtype)
            dense.set_submodule(name, new.to_empty(device="cpu").train(layer.training))
    try:
        dense.load_state_dict(state)
    except RuntimeError as error:
        raise InvalidSetting(f"the weights do not fit the net: {_first(error)}") from error
    return dense


def _is_replaced(layer: nn.Module, weight: Tensor) -> bool:
    wider = type(layer) is nn.Linear and layer.weight.shape != weight.shape
    return isinstance(layer, SparseLinear) or wider


def _first(error: RuntimeError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[min(1, len(lines) - 1)]
