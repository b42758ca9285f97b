"""Trained nets, asked again: where they draw lines, what their experts do alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from triptych.data import ClassificationData, TwoFeaturesData
from triptych.errors import InvalidSetting
from triptych.models import Classifier
from triptych.report import Run
from triptych.report.gallery import Alone, Part, Region
from triptych.report.gallery.regions import Point
from triptych.run.gallery.parts import parts
from triptych.run.rebuilt import rebuilt
from triptych.training.callbacks.single_experts import routed_to
from triptych.training.moe import moe_layers

SHOWN = 200  # samples

ByTask = Mapping[str, float]


def region(run: Run, grid: int) -> Region:
    """What a net with two inputs makes of the square.

    Args:
        run: on `data=two_features`.
        grid: places along each side.
    """
    module, data = rebuilt(run.folder, run.result)
    points = plane(grid)
    with torch.no_grad():
        logits = module.network(points, torch.zeros(len(points), dtype=torch.long))[0]
    title = f"{run.result.panel}: {100 * run.test_accuracy:.2f} % right"
    return _region(title, torch.softmax(logits, dim=1)[:, 1], data)


def truth(run: Run, grid: int) -> Region:
    """The true class of each place of the square.

    Args:
        run: on `data=two_features`.
        grid: places along each side.

    Raises:
        InvalidSetting: if its data are others.
    """
    _, data = rebuilt(run.folder, run.result)
    if not isinstance(data, TwoFeaturesData):
        raise InvalidSetting(f"{run.folder}: its data are not those of data=two_features")
    return _region("the truth", data.task.above(plane(grid)).float(), data)


def plane(grid: int) -> Tensor:
    """Places of the square, (grid^2, 2), row by row from below."""
    axis = torch.linspace(-1, 1, grid)
    second, first = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([first.flatten(), second.flatten()], dim=1)


def _region(title: str, probability: Tensor, data: ClassificationData) -> Region:
    grid = round(len(probability) ** 0.5)
    train = data.splits.train
    x, y = train.x[:SHOWN], train.y[:SHOWN]
    samples = [[_point(row) for row in x[y == label]] for label in range(len(data.classes))]
    rows = [_rounded(row) for row in probability.view(grid, grid)]
    return Region(title, _rounded(torch.linspace(-1, 1, grid)), rows, data.classes, samples)


def alone(run: Run) -> Alone:
    """Each expert of the first MoE layer of a net does the work of all, task by task."""
    module, data = rebuilt(run.folder, run.result)
    layers = moe_layers(module.network)
    layer = next(iter(layers.values()))
    val, test = data.splits.val, data.splits.test
    with torch.no_grad():
        mixture = _by_task(module.network, test, data.families)
        tried, tested = [], []
        for expert in range(len(layer.uniform_share())):
            with routed_to(layer, expert):
                tried.append(_by_task(module.network, val, data.families))
                tested.append(_by_task(module.network, test, data.families))
    mean = {task: sum(one[task] for one in tested) / len(tested) for task in data.families}
    return Alone(run.result.seed, mixture, mean, chosen(tried, tested))


def chosen(tried: Sequence[ByTask], tested: Sequence[ByTask]) -> ByTask:
    """What the expert that is best at a task where it was tried reaches where it is tested.

    Args:
        tried: accuracies of each expert on one split, by task.
        tested: the same on another.

    >>> chosen([{"a": 0.6}, {"a": 0.5}], [{"a": 0.4}, {"a": 0.9}])
    {'a': 0.4}
    """
    pairs = list(zip(tried, tested, strict=True))
    return {task: max(pairs, key=lambda pair: pair[0][task])[1][task] for task in tried[0]}


def module_parts(run: Run) -> Part:
    """The modules of the net of a run."""
    module, data = rebuilt(run.folder, run.result)
    return parts(module.network, data.in_dim)


def _by_task(network: Classifier, samples: Any, tasks: list[str]) -> dict[str, float]:
    right = network(samples.x, samples.family)[0].argmax(dim=1) == samples.y
    return {
        task: float(right[samples.family == place].double().mean())
        for place, task in enumerate(tasks)
    }


def _point(row: Tensor) -> Point:
    x, y = row.tolist()
    return round(x, 3), round(y, 3)


def _rounded(values: Tensor) -> list[float]:
    return [round(value, 3) for value in values.tolist()]
