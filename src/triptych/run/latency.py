"""How long the trained nets of a study take to answer, measured on this machine."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from triptych.cost import Step, side_by_side
from triptych.errors import InvalidSetting
from triptych.models import Classifier
from triptych.report.study.latencies import BATCHES, Latencies, Latency, write_latencies
from triptych.report.study.outcomes import Outcome, read_outcomes
from triptych.run.dispatch import dispatch
from triptych.run.facts import now, processor
from triptych.run.rebuilt import rebuilt
from triptych.run.train import quieten
from triptych.sparse.start.start import one_thread
from triptych.study import Pair, Trial


def measure_latencies(folder: Path, rounds: int) -> Latencies:
    """Times every arm of every cell of a study, all in turn, and writes it into the study's folder.

    Of each it is the net of the lowest seed that was compared, from its best checkpoint, in
    evaluation mode on samples of the test split, with one thread.

    Args:
        folder: of the study.
        rounds: that the median and the quartiles are of.

    Raises:
        InvalidSetting: if it holds no study, nothing of it has finished, or a checkpoint is gone.
    """
    outcomes = read_outcomes(folder)
    every = (run for pair in outcomes.study.pairs for run in outcomes.compared(*pair)[::-1])
    firsts = {(run.trial.cell, run.trial.arm): run for run in every if run.is_finished}
    if not firsts:
        raise InvalidSetting(f"{folder}: none of the runs that are compared has finished yet")
    quieten()
    torch.set_flush_denormal(True)  # as in a training
    steps: dict[tuple[Pair, int], Step] = {}
    with one_thread():
        for pair, run in firsts.items():
            steps |= {(pair, batch): step for batch, step in _answers(folder, run).items()}
        seconds = side_by_side(steps, rounds)
    nets = tuple(
        _latency(firsts[pair].trial, batch, taken) for (pair, batch), taken in seconds.items()
    )
    found = Latencies(processor(), str(torch.__version__), 1, rounds, now(), dispatch(), nets)
    write_latencies(folder, found)
    return found


def _answers(folder: Path, run: Outcome) -> dict[int, Step]:
    """A forward pass of the net of a run on each number of samples."""
    assert run.result is not None, "it has finished"
    module, data = rebuilt(folder / str(run.trial.job), run.result)
    test = data.splits.test
    rows = {batch: torch.arange(batch) % len(test.y) for batch in BATCHES}
    return {
        batch: _forward(module.network, test.x[places], test.family[places])
        for batch, places in rows.items()
    }


def _forward(network: Classifier, x: Tensor, family: Tensor) -> Step:
    def forward() -> object:
        with torch.inference_mode():
            return network(x, family)

    return forward


def _latency(trial: Trial, batch: int, seconds: list[float]) -> Latency:
    low, median, high = np.quantile(seconds, (0.25, 0.5, 0.75)).tolist()
    return Latency(trial.cell, trial.arm, trial.job, batch, median, low, high)
