"""Tests a checkpoint again: python eval.py ckpt_path=RUN/checkpoints/best.ckpt"""

import hydra
from omegaconf import DictConfig

from triptych.garbage import lasting
from triptych.launch import command, stoppable


@hydra.main(version_base="1.3", config_path="conf", config_name="eval")
def main(cfg: DictConfig) -> None:
    """Rebuilds data and model from the checkpoint alone."""
    with stoppable():
        with lasting():
            from triptych.run import evaluate

        evaluate(cfg)


if __name__ == "__main__":
    raise SystemExit(command(main))
