import os
import signal
import time

import pytest

from triptych.launch.stopping import Terminated, terminable


def test_sigterm_ends_what_it_meets_as_ctrl_c_does_and_the_old_handler_returns() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated), terminable():  # noqa: PT012 (the signal may come a moment later)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    assert issubclass(Terminated, KeyboardInterrupt)
    assert signal.getsignal(signal.SIGTERM) is before
