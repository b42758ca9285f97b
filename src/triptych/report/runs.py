"""Run folders, loaded: the finished runs of each setting, their curves, and all the others."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from triptych.report.ceilings import KnownCeiling, ceiling_of, read_ceilings
from triptych.report.records import Unreadable, require_records
from triptych.report.settings import Key, setting_keys, setting_labels, task_labels
from triptych.result import Result

PANELS = ("ffn", "sparse", "moe")
CURVES = "metrics.csv"


@dataclass(frozen=True, eq=False)
class Run:
    """One run folder: its record, its curve (one row per epoch) and the setting it belongs to.

    Attributes:
        key: panel and overrides without the seed; runs with the same key differ by seed only.
        setting: the label of the key, as in `moe, top_k=2`.
    """

    folder: Path
    result: Result
    curve: pd.DataFrame
    key: Key
    setting: str

    @property
    def test_accuracy(self) -> float:
        """Share of right answers on the test set; NaN where it was not measured."""
        return self.result.metrics.get("test", {}).get("test/acc", float("nan"))

    @property
    def is_cut_short(self) -> bool:
        """Whether it was given up: it had less training than runs that were not."""
        return self.result.ended_early.get("rule") == "threshold"


@dataclass(frozen=True, eq=False)
class Runs:
    """All runs of a report. Only `finished` ones enter tables, statistics and figures.

    Attributes:
        others: failed, skipped, interrupted and still running ones.
        notes: what was left out while loading, in words.
        unreadable: files that should be records of runs and are not.
        ceilings: of accuracy, where something is known of the data.
    """

    finished: tuple[Run, ...]
    others: tuple[Run, ...] = ()
    notes: tuple[str, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    ceilings: tuple[KnownCeiling, ...] = ()

    @property
    def settings(self) -> tuple[str, ...]:
        """Labels of the settings with a finished run: dense, sparse, MoE, then as they came."""
        return tuple(dict.fromkeys(run.setting for run in self.finished))

    def of(self, setting: str) -> tuple[Run, ...]:
        """The finished runs of one setting, by seed."""
        return tuple(run for run in self.finished if run.setting == setting)

    def only(self, settings: Iterable[str]) -> "Runs":
        """The same runs without the finished ones of any other setting."""
        kept = set(settings)
        return replace(self, finished=tuple(run for run in self.finished if run.setting in kept))

    def panel(self, name: str) -> "Runs":
        """The finished runs of one panel."""
        return replace(self, finished=tuple(r for r in self.finished if r.result.panel == name))

    def accuracy(self, setting: str) -> dict[int, float]:
        """Test accuracy of one setting by seed, where it was measured."""
        scores = {run.result.seed: run.test_accuracy for run in self.of(setting)}
        return {seed: score for seed, score in scores.items() if score == score}

    def ceiling(self, setting: str) -> KnownCeiling | None:
        """What no classifier can exceed on the data of a setting; None where nobody knows it."""
        return ceiling_of(self.ceilings, self.of(setting)[0].result.config)

    def ranked(self) -> list[str]:
        """The settings, best mean test accuracy first; without any accuracy last."""
        scores = {setting: self.accuracy(setting) for setting in self.settings}
        means = {s: sum(v.values()) / len(v) if v else -1.0 for s, v in scores.items()}
        return sorted(self.settings, key=lambda setting: -means[setting])

    def tasks(self) -> dict[str, list[str]]:
        """The settings by the data that they were trained and tested on, told in words."""
        found: dict[str, list[str]] = {}
        results = [self.of(setting)[0].result for setting in self.settings]
        for setting, task in zip(self.settings, task_labels(results), strict=True):
            found.setdefault(task, []).append(setting)
        return found


def load_runs(roots: Sequence[Path]) -> Runs:
    """Reads all run folders below the given ones.

    Of several runs with the same setting and seed the one that finished last counts; the notes
    say so. A `result.json` that cannot be read is set aside.

    Raises:
        InvalidSetting: if a folder is missing, or no run that can be read lies below any.
    """
    found, unreadable = require_records(roots)
    keys = setting_keys([result for _, result in found])
    labels = setting_labels(keys)
    runs = [
        Run(folder, result, _read_curve(folder), key, labels[key])
        for (folder, result), key in zip(found, keys, strict=True)
    ]
    finished, notes = _latest([run for run in runs if run.result.status == "finished"])
    others = tuple(run for run in runs if run.result.status != "finished")
    ceilings = [one for root in roots if root.is_dir() for one in read_ceilings(root)]
    return Runs(
        finished=tuple(sorted(finished, key=_order)),
        others=others,
        notes=tuple(notes),
        unreadable=tuple(unreadable),
        ceilings=tuple(ceilings),
    )


def runs_frame(runs: Runs) -> pd.DataFrame:
    """One row per run, finished or not: identity, knobs, metrics, cost and time.

    Accuracies are shares, times seconds, memory MiB, FLOPs and parameters per sample.
    """
    return pd.DataFrame([_row(run) for run in (*runs.finished, *runs.others)])


def curves_frame(runs: Runs) -> pd.DataFrame:
    """One row per finished run and epoch: name, setting, seed, then what `metrics.csv` has."""
    parts = [
        run.curve.assign(name=run.result.name, setting=run.setting, seed=run.result.seed)
        for run in runs.finished
        if not run.curve.empty
    ]
    if not parts:
        return pd.DataFrame(columns=["name", "setting", "seed", "epoch"])
    table = pd.concat(parts, ignore_index=True)
    first = ["name", "setting", "seed", "epoch"]
    return table.reindex(columns=[*first, *table.columns.difference(first, sort=False)])


def _read_curve(folder: Path) -> pd.DataFrame:
    """The curve with one row per epoch: a blank cell takes the value logged last in that epoch."""
    file = folder / CURVES
    if not file.is_file() or not file.read_text(encoding="utf-8").strip():
        return pd.DataFrame()
    table = pd.read_csv(file).copy()  # in one piece: pandas warns of hundreds of loose columns
    if "epoch" not in table.columns:
        return pd.DataFrame()
    return table.groupby("epoch", as_index=False).last()


def _latest(runs: list[Run]) -> tuple[list[Run], list[str]]:
    groups: dict[tuple[Key, int], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.key, run.result.seed), []).append(run)
    kept, notes = [], []
    for group in groups.values():
        *older, newest = sorted(group, key=_ended)
        kept.append(newest)
        if older:
            same = {run.result.config_hash for run in group} == {newest.result.config_hash}
            what = "the same configuration" if same else "different configurations"
            notes.append(
                f"{newest.setting}, seed {newest.result.seed}: {len(group)} finished runs with "
                f"{what}; only the latest one is used."
            )
    return kept, notes


def _ended(run: Run) -> datetime:
    try:
        moment = datetime.fromisoformat(run.result.ended)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _order(run: Run) -> tuple[int, list[tuple[str, float, str]], int]:
    panel, pairs = run.key
    place = PANELS.index(panel) if panel in PANELS else len(PANELS)
    return place, [(name, _number(value), value) for name, value in pairs], run.result.seed


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return float("inf")


def _row(run: Run) -> dict[str, object]:
    result = run.result
    return {
        "name": result.name,
        "setting": run.setting,
        "panel": result.panel,
        "seed": result.seed,
        "status": result.status,
        "ended_early": result.ended_early.get("reason", ""),
        "config_hash": result.config_hash,
        **dict(run.key[1]),
        **{f"match_{name}": value for name, value in result.match.items()},
        **{f"best {name}": value for name, value in result.metrics.get("best", {}).items()},
        **{f"final {name}": value for name, value in result.metrics.get("final", {}).items()},
        **result.metrics.get("test", {}),
        **result.cost,
        **{f"seconds_{name}": value for name, value in result.seconds.items()},
        "samples_per_s": result.samples_per_s,
        "peak_memory_mib": result.peak_memory_mib,
        "epochs": result.epochs,
        "folder": run.folder.name,
    }
