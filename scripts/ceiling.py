"""The accuracy that no classifier can exceed: python scripts/ceiling.py data=multimodal_source"""

import hydra
from omegaconf import DictConfig

from triptych.launch import command, stoppable


@hydra.main(version_base="1.3", config_path="../conf", config_name="ceiling")
def main(cfg: DictConfig) -> None:
    """Prints what the Bayes classifier reaches, where the data know it. May take a minute."""
    with stoppable():
        from triptych.run import ceiling

        known = ceiling(cfg)
        if known is None:
            print("for these data nobody knows the accuracy that no classifier can exceed")
            return
        how = (
            f"+- {known.standard_error:.3%}, {known.samples} samples" if known.samples else "exact"
        )
        print(f"no classifier can exceed an accuracy of {known.accuracy:.3%} ({how})")


if __name__ == "__main__":
    raise SystemExit(command(main))
