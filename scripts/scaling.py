"""Memory per device and bytes sent per step of a stack of feed-forward blocks, by the formulas of
docs/scaling.md: python scripts/scaling.py --devices 64 --bandwidth 50"""

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from triptych.cost import Held, PerDevice, Precision

PRECISIONS = ("zero", "bf16-mixed", "32-true")
HEAD = (
    "panel, strategy",
    *("states", "masks", "copies", "activations", "GB held"),
    *("gradients", "weights", "rows", "GB sent"),
    *("s compute", "s sending"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table; 2 with one line on stderr for what a user can get wrong."""
    options = _parser().parse_args(arguments)
    mistake = _mistake(options)
    if mistake is not None:
        print(f"error: {mistake}", file=sys.stderr)
        return 2
    lines = [HEAD, *_rows(options)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for first, *rest in lines:
        cells = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
        print("  ".join([first.ljust(widths[0]), *cells]))
    return 0


def _rows(options: argparse.Namespace) -> Iterator[tuple[str, ...]]:
    # Only here: `--help` should not wait for torch.
    from triptych import cost

    d, f, devices = options.d_model, options.d_ff, options.devices
    by_name = {"zero": cost.MIXED, "bf16-mixed": cost.AUTOCAST, "32-true": cost.SINGLE}
    precision = by_name[options.precision]
    kept = cost.dense_activations(options.tokens, d, f, precision)
    kept_moe = cost.moe_activations(options.tokens, d, f, options.top_k, precision)
    panels = {
        "ffn": (cost.dense_block(d, f), kept),
        "sparse masked": (cost.masked_block(d, f), kept),
        "sparse csr": (cost.csr_block(d, f, options.density), kept),
        "sparse block": (cost.blocks_block(d, f, options.density, options.block), kept),
        "moe": (cost.moe_block(d, f, options.experts, options.top_k), kept_moe),
    }
    for name, (block, activations) in panels.items():
        net = block.times(options.layers)
        spread = {"one device": cost.one_device(net, precision)}
        if devices > 1:
            ways = cost.ddp, cost.fsdp
            spread = {way.__name__: way(net, precision, devices) for way in ways}
            if name == "moe":
                spread["experts"] = _experts(options, net, precision)
        for strategy, device in spread.items():
            yield (
                f"{name}, {strategy}",
                *_memory(device, activations * options.layers),
                *_sent(device),
                _seconds(3 * net.flops * options.tokens / options.tflops / 1e12),
                _seconds(device.sent / options.bandwidth / 1e9),
            )


def _experts(options: argparse.Namespace, net: "Held", precision: "Precision") -> "PerDevice":
    from triptych import cost

    ranks = _expert_ranks(options)
    rows = cost.even_rows(options.tokens, options.top_k, ranks)
    sent = cost.exchange(rows, rows, options.d_model, precision)
    sent += cost.counts(options.experts, ranks)
    return cost.expert_parallel(net, precision, options.devices, ranks, options.layers * sent)


def _memory(device: "PerDevice", activations: float) -> list[str]:
    states = device.weights + device.gradients + device.optimizer
    parts = states, device.fixed, device.working, activations, device.memory + activations
    return [_gigabytes(part) for part in parts]


def _sent(device: "PerDevice") -> list[str]:
    parts = device.sent_gradients, device.sent_weights, device.sent_rows
    return [_gigabytes(part) for part in (*parts, device.sent)]


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:,.1f}" if size else "-"


def _seconds(seconds: float) -> str:
    return f"{seconds:,.3f}"


def _expert_ranks(options: argparse.Namespace) -> int:
    return options.expert_ranks or math.gcd(options.devices, options.experts)


def _mistake(options: argparse.Namespace) -> str | None:
    for name, value in vars(options).items():
        if isinstance(value, int | float) and not value > 0:
            return f"--{name.replace('_', '-')} {value} must be above 0"
    if options.density > 1:
        return f"--density {options.density} must be at most 1: a share of the weights"
    if options.top_k > options.experts:
        return f"--top-k {options.top_k} must be at most --experts {options.experts}"
    ranks = _expert_ranks(options)
    if options.devices % ranks or options.experts % ranks:
        return (
            f"--expert-ranks {ranks} must divide --devices {options.devices}"
            f" and --experts {options.experts}"
        )
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)

    def number(name: str, default: float | None, text: str) -> None:
        kind = float if isinstance(default, float) else int
        parser.add_argument(name, type=kind, default=default, help=f"{text} (default: %(default)s)")

    number("--d-model", 4096, "width of tokens")
    number("--d-ff", 16384, "hidden units of a block, and of each expert")
    number("--layers", 32, "blocks")
    number("--experts", 64, "of each MoE layer")
    number("--top-k", 2, "experts per token")
    number("--density", 0.1, "share of the weights that a sparse layer has")
    number("--block", 64, "width of a block, for the kernel of that name")
    number("--tokens", 8192, "per device and step")
    number("--devices", 8, "in all")
    number("--expert-ranks", None, "devices that share one copy of the experts; as many as can")
    number("--bandwidth", 450.0, "GB/s that a device can send")
    number("--tflops", 400.0, "TFLOP/s that a device reaches")
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="zero",
        help="as ZeRO counts (2 + 2 + 12 bytes), or of our trainer (4 + 4 + 8)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
