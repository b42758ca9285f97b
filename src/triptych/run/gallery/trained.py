"""Trained nets, asked again: where they draw lines, what their experts do alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from triptych.data import ClassificationData, TwoFeaturesData
from triptych.errors import InvalidSetting
from triptych.models import Classifier
from triptych.report import Run
from triptych.report.gallery import Alone, Part, Region
from triptych.report.gallery.regions import Point
from triptych.run.build import build_data, build_module
from triptych.run.checkpoint import load_checkpoint, load_weights, saved_config
from triptych.run.gallery.parts import parts
from triptych.training import ClassifierModule
from triptych.training.callbacks.single_experts import routed_to
from triptych.training.moe import moe_layers

SHOWN = 200  # samples


def rebuilt(run: Run) -> tuple[ClassifierModule, ClassificationData]:
    """The net that a run tested, and its data.

    Raises:
        InvalidSetting: if its checkpoint is gone.
    """
    path = str(run.folder / "checkpoints" / Path(run.result.checkpoint).name)
    checkpoint = load_checkpoint(path)
    config: Mapping[str, Any] = saved_config(checkpoint)
    data = build_data(config)
    module = build_module(config, data)
    load_weights(module, checkpoint, path)
    return module.eval(), data


def region(run: Run, grid: int) -> Region:
    """What a net with two inputs makes of the square.

    Args:
        run: on `data=two_features`.
        grid: places along each side.
    """
    module, data = rebuilt(run)
    if not isinstance(data, TwoFeaturesData):
        raise InvalidSetting(f"{run.folder}: its data are not data=two_features")
    axis = torch.linspace(-1, 1, grid)
    second, first = torch.meshgrid(axis, axis, indexing="ij")
    points = torch.stack([first.flatten(), second.flatten()], dim=1)
    with torch.no_grad():
        logits = module.network(points, torch.zeros(len(points), dtype=torch.long))[0]
    probability = torch.softmax(logits, dim=1)[:, 1].view(grid, grid)
    train = data.splits.train
    x, y = train.x[:SHOWN], train.y[:SHOWN]
    samples = [[_point(row) for row in x[y == label]] for label in range(len(data.classes))]
    return Region(
        run.result.panel,
        run.test_accuracy,
        _rounded(axis),
        [_rounded(row) for row in probability],
        data.classes,
        samples,
        true_lines(data.task.normals),
    )


def true_lines(normals: Tensor) -> list[tuple[Point, Point]]:
    """The lines that halve the quadrants, cut off at their edges.

    Args:
        normals: (4, 2), of the lower left, upper left, lower right and upper right quadrant.
    """
    found: list[tuple[Point, Point]] = []
    for place, (nx, ny) in enumerate(normals.tolist()):
        right, upper = divmod(place, 2)
        along = (-ny, nx)
        reach = 0.5 / max(abs(along[0]), abs(along[1]))
        middle = (right - 0.5, upper - 0.5)
        ends = [
            (middle[0] + side * reach * along[0], middle[1] + side * reach * along[1])
            for side in (-1, 1)
        ]
        found.append((ends[0], ends[1]))
    return found


def alone(run: Run) -> Alone:
    """Each expert of the first MoE layer of a net does the work of all, task by task."""
    module, data = rebuilt(run)
    layers = moe_layers(module.network)
    layer = next(iter(layers.values()))
    val, test = data.splits.val, data.splits.test
    with torch.no_grad():
        mixture = _by_task(module.network, test, data.families)
        rows = []
        for expert in range(len(layer.uniform_share())):
            with routed_to(layer, expert):
                rows.append([_by_task(module.network, part, data.families) for part in (val, test)])
    mean = {task: sum(row[1][task] for row in rows) / len(rows) for task in data.families}
    best = {task: max(rows, key=lambda row: row[0][task])[1][task] for task in data.families}
    return Alone(run.result.seed, mixture, mean, best)


def module_parts(run: Run) -> Part:
    """The modules of the net of a run."""
    module, data = rebuilt(run)
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
