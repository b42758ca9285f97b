"""A logger that waits: trackers that know one open run at a time get those of replicas in turn."""

from collections.abc import Callable, Mapping
from typing import Any, final

from lightning.pytorch.loggers.logger import Logger
from torch import Tensor

from triptych.evaluations import Evaluation
from triptych.tracking.tables import TakesTables


@final
class Deferred(TakesTables):
    """Keeps what it is given until `hand_over`.

    Args:
        logger: that gets it then.
    """

    def __init__(self, logger: Logger) -> None:
        super().__init__()
        self.logger = logger
        self._waiting: list[Callable[[], None]] = []

    @property
    def name(self) -> str | None:
        """That of the logger."""
        return self.logger.name

    @property
    def version(self) -> int | str | None:
        """That of the logger."""
        return self.logger.version

    def log_hyperparams(self, params: Any = None, *args: Any, **kwargs: Any) -> None:
        """Settings wait too."""
        self._waiting.append(lambda: self.logger.log_hyperparams(params, *args, **kwargs))

    def log_metrics(self, metrics: Mapping[str, float | Tensor], step: int | None = None) -> None:
        """Keeps numbers."""
        kept: Any = dict(metrics)
        self._waiting.append(lambda: self.logger.log_metrics(kept, step))

    def log_tables(self, evaluation: Evaluation) -> None:
        """Keeps tables, if the logger takes any."""
        logger = self.logger
        if isinstance(logger, TakesTables):
            self._waiting.append(lambda: logger.log_tables(evaluation))

    def hand_over(self) -> None:
        """Gives all to the logger, in its order."""
        for give in self._waiting:
            give()
        self._waiting.clear()
