"""Writes the net of a checkpoint for other programs, in a form as small as its sparsity allows."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from triptych.errors import InvalidSetting
from triptych.run.build import build_data, build_module
from triptych.run.checkpoint import given_checkpoint, load_weights, saved_config
from triptych.run.train import quieten
from triptych.seeds import derive
from triptych.sparse import (
    Agreement,
    Export,
    check_format,
    export_of,
    require_safetensors,
    verify_export,
    write_export,
)

SAMPLES = 256  # random inputs by which a file is verified


def export(cfg: DictConfig) -> Path:
    """The file that was written, after it was read back and held against the net.

    Raises:
        InvalidSetting: for what cannot be exported so, and for a file that is not the net.
    """
    _check(cfg.format, cfg.block)
    checkpoint = given_checkpoint(cfg.ckpt_path, "scripts/export.py")
    require_safetensors()
    source = Path(cfg.ckpt_path)
    out = source.with_suffix(f".{cfg.format}.safetensors") if cfg.out is None else Path(cfg.out)
    if out.exists() and out.samefile(source):
        raise InvalidSetting(f"out={cfg.out} is the checkpoint itself: name another file")
    quieten()
    net, d_in = _network(checkpoint, cfg.ckpt_path)
    made = export_of(net, cfg.format, cfg.block)
    inputs = torch.Generator().manual_seed(derive(0, "export"))
    x = torch.randn(SAMPLES, d_in, generator=inputs, dtype=torch.double)
    found: list[Agreement] = []
    try:
        write_export(made, out, lambda f: found.append(verify_export(net, f, _logits(x))))
    except OSError as error:
        raise InvalidSetting(f"out={out} cannot be written: {error.strerror}") from error
    _print(made, export_of(net, "dense"), out, found[0])
    return out


def _check(form: Any, block: Any) -> None:
    if form is None:
        raise InvalidSetting("format is missing: format=dense, or one for sparse nets (--help)")
    check_format(str(form))
    if block is not None and form != "block":
        raise InvalidSetting(
            f"block={block} is of format=block, not of format={form}: leave it out"
        )
    if block is not None and (not isinstance(block, int) or block < 1):
        raise InvalidSetting(f"block={block} must be a whole number of at least 1")


def _network(checkpoint: Mapping[str, Any], path: str) -> tuple[nn.Module, int]:
    """The net in the precision of its weights, and the width of its inputs."""
    config = saved_config(checkpoint)
    data = build_data(config)
    module = build_module(config, data)
    tensors = (v for v in checkpoint["state_dict"].values() if isinstance(v, Tensor))
    floats = {tensor.dtype for tensor in tensors if tensor.is_floating_point()}
    if len(floats) == 1:
        module.to(floats.pop())  # or a net of double precision would lose half of its digits
    load_weights(module, checkpoint, path)
    return module.network.eval(), data.in_dim


def _logits(x: Tensor) -> Callable[[nn.Module], Tensor]:
    def of(net: nn.Module) -> Tensor:
        return net(x.to(next(net.parameters()).dtype))[0]

    return of


def _print(made: Export, dense: Export, out: Path, agreement: Agreement) -> None:
    rows: list[tuple[str, ...]] = [("layer", "shape", "density", "bytes dense", "bytes written")]
    rows += [_row(name, made, dense) for name in made.layers]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *cells in rows:
        right = (f"{cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True))
        print("  ".join([f"{name:<{widths[0]}}", *right]))
    if made.form == "narrow":
        hidden = [layer["before"][0] - layer["shape"][0] for layer in made.layers.values()]
        print(f"{sum(hidden)} hidden units removed")
    written, whole = out.stat().st_size, _bytes(dense.tensors)
    print(f"outputs on {SAMPLES} random inputs differ by at most {agreement.difference:.3g}")
    print(f"{out}: {written} bytes, {written / whole:.1%} of the {whole} of all weights dense")


def _row(name: str, made: Export, dense: Export) -> tuple[str, ...]:
    layer = made.layers[name]
    shape = " x ".join(map(str, layer["shape"]))
    if layer.get("before", layer["shape"]) != layer["shape"]:
        shape = f"{' x '.join(map(str, layer['before']))} -> {shape}"
    density = layer["nonzeros"] / max(math.prod(layer["shape"]), 1)
    before, now = (str(_bytes(export.of(name))) for export in (dense, made))
    return name, shape, f"{density:.4f}", before, now


def _bytes(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors.values())
