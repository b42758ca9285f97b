"""Run as a process of its own: trains each panel with and without compilation; prints JSON.

torch.compile cannot look into functions that a type checker wraps, as those of other tests are.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch._dynamo import register_backend
from torch._dynamo.utils import counters

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.training.tiny import pair, trainer

from triptych.training import Compile


@register_backend
def broken(graph: Any, inputs: Any) -> Any:
    raise OSError("no compiler found\nhere")


def trained(panel: str, backend: str | None) -> tuple[dict[str, torch.Tensor], int]:
    """Weights after a few steps and an evaluation, and how many graphs were compiled for it."""
    torch._dynamo.reset()
    counters.clear()
    module, data = pair(f"model={panel}", "model.dropout=0.0", "model.backbone.build.depth=1")
    limits = {"limit_train_batches": 3, "limit_val_batches": 1, "max_epochs": 1}
    runner = trainer([] if backend is None else [Compile(backend)], **limits)
    runner.fit(module, datamodule=data)
    return module.network.state_dict(), counters["stats"]["unique_graphs"]


def compared(panel: str, backend: str) -> dict[str, Any]:
    """With the backend and without any."""
    (ours, graphs), (theirs, none) = trained(panel, backend), trained(panel, None)
    assert none == 0
    worst = max(float((theirs[name].float() - ours[name].float()).abs().max()) for name in theirs)
    return {"difference": worst, "graphs": graphs, "same_names": ours.keys() == theirs.keys()}


if __name__ == "__main__":
    found = {panel: compared(panel, "aot_eager") for panel in ("ffn", "sparse", "moe")}
    print(json.dumps(found | {"broken": compared("ffn", "broken")}))
