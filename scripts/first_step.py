"""A callback for `bench_startup.py`: notes when the first step is done, and ends the run."""

import time
from pathlib import Path
from typing import Any, final

from lightning import Callback


@final
class FirstStep(Callback):
    """Writes two numbers into `file`: the seconds since the epoch, and the CPU seconds that the
    process has taken. Then the run ends, as with Ctrl-C."""

    def __init__(self, file: str) -> None:
        self._file = Path(file)

    def on_train_batch_end(self, *args: Any, **kwargs: Any) -> None:
        """After the optimizer's step."""
        self._file.write_text(f"{time.time()} {time.process_time()}")
        raise KeyboardInterrupt
