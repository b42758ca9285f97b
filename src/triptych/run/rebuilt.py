"""The net of a run, from its checkpoint alone."""

from pathlib import Path

from triptych.data import ClassificationData
from triptych.result import Result
from triptych.run.build import build_data, build_module
from triptych.run.checkpoint import load_checkpoint, load_weights, saved_config
from triptych.training import ClassifierModule


def rebuilt(folder: Path, result: Result) -> tuple[ClassifierModule, ClassificationData]:
    """The net that a run tested, in evaluation mode, and its data.

    Args:
        folder: of the run, wherever it is now.
        result: its record.

    Raises:
        InvalidSetting: if its checkpoint is gone.
    """
    path = str(folder / "checkpoints" / Path(result.checkpoint).name)
    checkpoint = load_checkpoint(path)
    config = saved_config(checkpoint)
    data = build_data(config)
    module = build_module(config, data)
    load_weights(module, checkpoint, path)
    return module.eval(), data
