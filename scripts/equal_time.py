"""The dense net of equal time: python scripts/equal_time.py model=sparse model.sparsity=0.95"""

import hydra
from bench_format import median_interval
from omegaconf import DictConfig

from triptych.launch import command, stoppable


@hydra.main(version_base="1.3", config_path="../conf", config_name="equal_time")
def main(cfg: DictConfig) -> None:
    """Measures on this machine how wide a dense net may be to take no longer."""
    with stoppable():
        from triptych.run import equal_time

        found = equal_time(cfg)
        ratio, low, high = median_interval(found.ratios)
        print(f"model={cfg.model.name}: {found.milliseconds:.3g} ms a step")
        print(
            f"model=ffn model.d_hidden={found.d_hidden}: {ratio:.2f} ({low:.2f} to {high:.2f}) of"
            f" that, {len(found.ratios)} rounds"
        )


if __name__ == "__main__":
    raise SystemExit(command(main))
