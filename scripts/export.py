"""Writes a net for other programs: python scripts/export.py ckpt_path=FILE.ckpt format=csr"""

import hydra
from omegaconf import DictConfig

from triptych.launch import command, stoppable


@hydra.main(version_base="1.3", config_path="../conf", config_name="export")
def main(cfg: DictConfig) -> None:
    """Rebuilds the net from the checkpoint alone, writes one safetensors file and verifies it."""
    with stoppable():
        from triptych.run import export

        export(cfg)


if __name__ == "__main__":
    raise SystemExit(command(main))
