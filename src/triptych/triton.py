"""Whether the kernels written in Triton can run."""

from importlib.util import find_spec

import torch


def why_no_triton() -> str | None:
    """What is missing, in words; None if nothing is."""
    if find_spec("triton") is None:
        return "the package triton is not installed (torch brings it on CUDA)"
    if not (torch.cuda.is_available() or interpreted()):
        return "needs a CUDA device, and torch sees none here"
    return None


def interpreted() -> bool:
    """Whether Triton interprets kernels, on the CPU and slowly: for tests, TRITON_INTERPRET=1."""
    from triton import knobs  # pyright: ignore[reportMissingImports]

    return knobs.runtime.interpret
