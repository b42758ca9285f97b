"""Trains, validates and tests one classifier, or a sweep of them with `-m`."""

import hydra
from omegaconf import DictConfig

from triptych.garbage import lasting
from triptych.launch import command, isolated_job


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> object:
    """One job. Heavy imports wait until here, so that `--help` and `--cfg job` answer at once."""
    with isolated_job(cfg.sweep.fail_fast):
        with lasting():
            from triptych.run import run_job

        return run_job(cfg)


if __name__ == "__main__":
    raise SystemExit(command(main))
