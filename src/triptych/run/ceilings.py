"""Writes down at the end of a sweep what is known about the best possible accuracy on its data."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from triptych.run.build import build_data

if TYPE_CHECKING:
    from triptych.report.ceilings import KnownCeiling


@final
class Ceilings(Callback):
    """A Hydra callback: once all jobs of a sweep are done, the report says what can be known."""

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Before the sweep's page is made."""
        measure_ceilings(Path(config.hydra.sweep.dir))


def measure_ceilings(folder: Path) -> "list[KnownCeiling]":
    """The ceiling of each data set that runs below `folder` have used, with the lowest of their
    seeds; written into `folder`. Seconds for each, as likelihoods are integrated."""
    # Brings pandas, which a training does not need.
    from triptych.report import read_records
    from triptych.report.ceilings import KnownCeiling, ceiling_of, settings_of_data, write_ceilings

    found: list[KnownCeiling] = []
    runs, _ = read_records([folder])
    done = [result for _, result in runs if result.status == "finished"]
    for result in sorted(done, key=lambda result: result.seed):
        if ceiling_of(found, result.config) is None:
            known = build_data(result.config).ceiling()
            if known is not None:
                settings = settings_of_data(result.config)
                ceiling = KnownCeiling(settings, result.seed, known.accuracy, known.standard_error)
                found.append(ceiling)
    write_ceilings(folder, found)
    return found
