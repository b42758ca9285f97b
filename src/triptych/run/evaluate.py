"""Tests a checkpoint again: the file alone rebuilds data and model."""

import json
import sys
from pathlib import Path

from lightning import Trainer
from omegaconf import DictConfig

from triptych import result as results
from triptych.errors import InvalidSetting
from triptych.run.build import build_data, build_module, naming
from triptych.run.checkpoint import given_checkpoint, load_weights, saved_config
from triptych.run.checks import check_accelerator
from triptych.run.train import prepare_cpu, quieten


def evaluate(cfg: DictConfig) -> dict[str, float]:
    """Test metrics of `cfg.ckpt_path` on one device, printed beside those that the run logged."""
    check_accelerator("accelerator", cfg.accelerator, "accelerator=cpu")
    checkpoint = given_checkpoint(cfg.ckpt_path, "eval.py")
    config = saved_config(checkpoint)
    quieten()
    data = build_data(config)
    module = build_module(config, data)
    load_weights(module, checkpoint, cfg.ckpt_path)
    prepare_cpu(module, data, processes=1)
    with naming("accelerator"):
        trainer = Trainer(
            accelerator=cfg.accelerator,
            devices=1,
            precision=config["trainer"].get("precision"),  # None in files of older versions
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
    metrics = dict(trainer.test(module, datamodule=data, verbose=False)[0])
    _print_beside(metrics, logged_metrics(Path(cfg.ckpt_path)))
    if cfg.out is not None:
        _write(str(cfg.out), json.dumps(metrics, indent=1) + "\n")
    return metrics


def _write(out: str, text: str) -> None:
    try:
        results.write_whole(Path(out), text)
    except OSError as error:
        raise InvalidSetting(f"out={out} cannot be written: {error.strerror}") from error


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
