"""What checkpoints hold, held against each other."""

from typing import Any

import torch


def same(first: Any, second: Any) -> None:
    """Equal containers with bit-equal tensors."""
    one, two = flat(first), flat(second)
    assert one.keys() == two.keys()
    for path, value in one.items():
        equal = (
            torch.equal(value, two[path]) if isinstance(value, torch.Tensor) else value == two[path]
        )
        assert equal, path


def flat(node: Any, path: str = "") -> dict[str, Any]:
    """The leaves of nested containers, by their path."""
    if isinstance(node, dict):
        items = node.items()
    elif isinstance(node, list | tuple):
        items = enumerate(node)
    else:
        return {path: node}
    return {k: v for key, part in items for k, v in flat(part, f"{path}/{key}").items()}
