"""Arms that start from what other arms have trained, and the order that follows.

`{ARM}` in an override of an arm, as in `model.mask.start.checkpoint={rigl}`, stands for the best
checkpoint of the run of that arm in the same cell with the same seed, at the rate chosen for it.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from hydra.core.override_parser.types import Quote, QuotedString

from triptych import result as results
from triptych.errors import InvalidSetting, nearest
from triptych.study import Pair, Study, Trial

NAMED = re.compile(r"(?<!\$)\{([^{}:,]+)\}")  # neither a reference of OmegaConf nor a dictionary
UNFINISHED = "this_run_has_not_finished.ckpt"


def origins(overrides: Iterable[str]) -> list[str]:
    """The arms that overrides name.

    >>> origins(["model=sparse", "a.checkpoint={rigl}", "a.width=${b.width}", "a.c={d:1}"])
    ['rigl']
    """
    return [arm for override in overrides for arm in NAMED.findall(override)]


def filled(overrides: Iterable[str], checkpoint: Callable[[str], str]) -> list[str]:
    """Overrides with the checkpoint of each arm that they name, quoted as Hydra reads it.

    >>> filled(["model=sparse", "a.checkpoint={rigl}"], lambda arm: f"my runs/{arm}=1.ckpt")
    ['model=sparse', "a.checkpoint='my runs/rigl=1.ckpt'"]
    """

    def quoted(match: re.Match[str]) -> str:
        return QuotedString(checkpoint(match[1]), Quote.single).with_quotes()

    return [NAMED.sub(quoted, override) for override in overrides]


def levels(study: Study) -> list[list[Pair]]:
    """Every arm of every cell once, each in a later level than the arms that it starts from.

    Raises:
        InvalidSetting: if an arm names one that there is not, that does not run in the same cell,
            or that starts from it in turn.
    """
    depths = {arm: _depth(study, arm, ()) for arm in study.arms}
    for cell, arm in study.pairs:
        for origin in origins(study.arms[arm]):
            if (cell, origin) not in study.pairs:
                raise InvalidSetting(
                    f"study.arms.{arm} names {{{origin}}}, which does not run in the cell '{cell}':"
                    " add it to a block of study.blocks with that cell"
                )
    found: list[list[Pair]] = [[] for _ in range(1 + max(depths.values(), default=0))]
    for cell, arm in study.pairs:
        found[depths[arm]].append((cell, arm))
    return [level for level in found if level]


def _depth(study: Study, arm: str, above: tuple[str, ...]) -> int:
    if arm in above:
        circle = " <- ".join((*above[above.index(arm) :], arm))
        raise InvalidSetting(f"study.arms: {circle}: an arm cannot start from itself")
    if arm not in study.arms:
        raise InvalidSetting(
            f"study.arms.{above[-1]}: no arm '{arm}' for {{{arm}}}{nearest(arm, study.arms)}"
        )
    deeper = (_depth(study, origin, (*above, arm)) for origin in origins(study.arms[arm]))
    return 1 + max(deeper, default=-1)


def origin_of(
    trial: Trial, arm: str, started: Sequence[Trial], chosen: Mapping[Pair, float]
) -> Trial:
    """The run of another arm that a run starts from: what differs is the arm, and the rate, which
    is the one that was chosen for it."""
    wanted = (trial.stage, trial.cell, arm, chosen[trial.cell, arm], trial.seed)
    return next(t for t in started if (t.stage, t.cell, t.arm, t.rate, t.seed) == wanted)


def checkpoint_of(run: Path) -> str:
    """The best checkpoint of a run. Of one that did not finish, a file that does not exist: what it
    has is half trained, and whoever asks for it fails for the reason that the name says."""
    try:
        result = results.read(run / results.FILE)
    except (OSError, ValueError):
        return str(run.absolute() / UNFINISHED)
    return result.checkpoint if result.status == "finished" else str(run.absolute() / UNFINISHED)
