"""Commands that start without the seconds in which a new process imports torch; see `zygote.py`."""

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import final

PROGRAM = Path(__file__).with_name("zygote.py")
IMPORTS_S = 300.0
FORK_S = 60.0
# What is read when an interpreter starts or a module is imported.
EARLY = ("PYTHON", "OMP_", "MKL_", "TORCH_", "TRITON_", "LD_")


@final
class Warm:
    """A command that a zygote has become: a process as others, which is no child of ours.

    Its methods are those of `subprocess.Popen[str]`.
    """

    def __init__(self, args: Sequence[str], said: socket.socket, out: int, err: int) -> None:
        self.args = args
        self.returncode: int | None = None
        self._said = said
        self._streams = [os.fdopen(descriptor, "rb", 0) for descriptor in (out, err)]
        self._read = [bytearray(), bytearray()]
        try:
            self.pid = self._hear("pid", FORK_S)
        except (AssertionError, subprocess.TimeoutExpired):
            for held in (said, *self._streams):
                held.close()
            raise

    def _hear(self, what: str, timeout: float | None) -> int:
        self._said.settimeout(timeout)
        try:
            word, _, number = self._said.recv(64).decode().partition(" ")
        except (TimeoutError, BlockingIOError) as late:
            raise subprocess.TimeoutExpired(self.args, timeout or 0) from late
        assert word == what, f"{self.args}: its watcher said {word!r} instead of {what!r}"
        return int(number)

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self.returncode = self._hear("code", timeout)
            self._said.close()  # its watcher can go
        return self.returncode

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def communicate(self, *, timeout: float | None = None) -> tuple[str, str]:
        deadline = None if timeout is None else time.monotonic() + timeout
        with selectors.DefaultSelector() as open_ones:
            for stream, text in zip(self._streams, self._read, strict=True):
                if not stream.closed:
                    open_ones.register(stream, selectors.EVENT_READ, text)
            while open_ones.get_map():
                ready = open_ones.select(left(deadline))
                if not ready:
                    raise subprocess.TimeoutExpired(self.args, timeout or 0)
                for key, _ in ready:
                    piece = os.read(key.fd, 2**16)
                    key.data.extend(piece)
                    if not piece:
                        open_ones.unregister(key.fileobj)
                        key.fileobj.close()
        self.wait(left(deadline))
        out, err = (text.decode().replace("\r\n", "\n") for text in self._read)
        return out.replace("\r", "\n"), err.replace("\r", "\n")

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())


@final
class Zygote:
    """A process that has imported what commands need. It ends with the process that made it."""

    def __init__(self, environment: Mapping[str, str], mark: str, errors: Path) -> None:
        """Starts it.

        Args:
            environment: of which commands may change all but what starts with `EARLY`.
            mark: the variable that marks a command and all that it starts: 32 characters.
            errors: a file for what goes wrong in it.
        """
        self._early = early(environment)
        self._errors = errors
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, errors.open("wb") as words:
            self._process = subprocess.Popen(
                [sys.executable, str(PROGRAM), str(theirs.fileno()), mark],
                env={**environment, mark: "-" * 32},
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._socket.settimeout(IMPORTS_S)
        if self._socket.recv(8) != b"ready":
            self.close()
            raise RuntimeError(f"no warm starts: {self._told()}")

    def start(self, typed: Sequence[str], place: Path, environment: Mapping[str, str]) -> Warm:
        """`python SCRIPT ARGUMENTS`, in a session of its own."""
        assert early(environment) == self._early, "such variables need a cold start"
        request = {"typed": typed, "place": str(place), "environment": dict(environment)}
        said, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        (out, out_end), (err, err_end) = os.pipe(), os.pipe()
        with theirs:
            ends = [out_end, err_end, theirs.fileno()]
            try:
                socket.send_fds(self._socket, [json.dumps(request).encode()], ends)
            except OSError as gone:
                raise RuntimeError(f"the zygote is gone: {self._told()}") from gone
            finally:
                os.close(out_end)
                os.close(err_end)
        try:
            return Warm(typed, said, out, err)
        except (AssertionError, subprocess.TimeoutExpired) as lost:
            raise RuntimeError(f"{typed} did not start: {self._told()}") from lost

    def close(self) -> None:
        """Ends it, but no command."""
        with contextlib.suppress(OSError):  # it has ended by itself
            self._socket.shutdown(socket.SHUT_RDWR)  # also for what was forked from this process
        self._socket.close()
        self._process.wait(FORK_S)

    def _told(self) -> str:
        return self._errors.read_text()


def early(environment: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in environment.items() if k.startswith(EARLY)}
