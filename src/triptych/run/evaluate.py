"""Tests a checkpoint again: the file alone rebuilds data and model."""

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import torch
from lightning import Trainer
from omegaconf import DictConfig

from triptych import result as results
from triptych.errors import InvalidSetting
from triptych.run.build import build_data, build_module
from triptych.run.checks import checkpoint_file
from triptych.run.train import prepare_cpu, quieten
from triptych.training.callbacks.config_in_checkpoint import KEY


def load_checkpoint(path: str) -> dict[str, Any]:
    """A checkpoint of a run, read without executing anything in it.

    Raises:
        InvalidSetting: if the file is missing or no checkpoint of a Triptych run.
    """
    file = checkpoint_file(path)
    try:
        checkpoint = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        reason = (str(error).splitlines() or ["it ends too soon"])[0]
        raise InvalidSetting(f"ckpt_path={path}: not a readable checkpoint ({reason})") from error
    if not isinstance(checkpoint, dict) or KEY not in checkpoint:
        raise InvalidSetting(f"ckpt_path={path}: no configuration inside, not made by train.py")
    return checkpoint


def evaluate(cfg: DictConfig) -> dict[str, float]:
    """Test metrics of `cfg.ckpt_path` on one device, printed beside those that the run logged."""
    if cfg.ckpt_path is None:
        raise InvalidSetting(
            "ckpt_path is missing: python eval.py ckpt_path=RUN/checkpoints/best.ckpt"
        )
    checkpoint = load_checkpoint(cfg.ckpt_path)
    config = checkpoint[KEY]["config"]
    quieten()
    data = build_data(config)
    module = build_module(config, data)
    module.load_state_dict(checkpoint["state_dict"])
    prepare_cpu(module, data, processes=1)
    trainer = Trainer(
        accelerator=cfg.accelerator,
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    metrics = dict(trainer.test(module, datamodule=data, verbose=False)[0])
    _print_beside(metrics, logged_metrics(Path(cfg.ckpt_path)))
    if cfg.out is not None:
        results.write_whole(Path(cfg.out), json.dumps(metrics, indent=1) + "\n")
    return metrics


def logged_metrics(checkpoint: Path) -> dict[str, float]:
    """What the run logged when it tested this very checkpoint; empty if it did not."""
    file = checkpoint.resolve().parent.parent / results.FILE
    if not file.is_file():
        return {}
    result = results.read(file)
    same = Path(result.checkpoint).name == checkpoint.name
    return result.metrics.get("test", {}) if same else {}


def _print_beside(metrics: dict[str, float], logged: dict[str, float]) -> None:
    width = max(map(len, metrics))
    for key, value in sorted(metrics.items()):
        beside = f"   logged {logged[key]:.6f}" if key in logged else ""
        print(f"{key:<{width}}  {value:.6f}{beside}")
    if not logged:
        print("(the run logged no test of this checkpoint to compare with)", file=sys.stderr)
