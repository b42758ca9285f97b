import os
import signal
import time

import pytest

from triptych.launch.stopping import Preempted, Terminated, terminable


@pytest.mark.parametrize(
    ("number", "end"),
    [
        (signal.SIGTERM, Terminated),
        (signal.SIGUSR1, Preempted),
        (signal.SIGUSR2, Preempted),
    ],
)
def test_signals_end_what_they_meet_as_ctrl_c_does_and_the_old_handler_returns(
    number: signal.Signals, end: type[KeyboardInterrupt]
) -> None:
    before = signal.getsignal(number)
    with pytest.raises(end, match=number.name), terminable():  # noqa: PT012 (it may come a moment later)
        os.kill(os.getpid(), number)
        time.sleep(5)
    assert issubclass(end, KeyboardInterrupt)
    assert signal.getsignal(number) is before
