"""Imports once what commands import for seconds, then becomes each command by a fork.

Usage: zygote.py SOCKET MARK. Over SOCKET (its file descriptor) come requests of `warm.py`: where a
command runs, with what, and where its words go. MARK names the variable that marks a command.

A child runs the script as `__main__` and falls off the end of this file, so that it ends as any
interpreter does. One thing is not as in a new one: all children hash strings alike.
"""

import contextlib
import ctypes
import gc
import importlib
import importlib.machinery
import json
import os
import signal
import socket
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

DEAR = ("triptych.run", "triptych.report", "plotly.io", "wandb")
LARGEST = 2**17  # bytes of a request


def child_of_requests(requests: socket.socket, mark: str) -> types.ModuleType:
    """Forks for each request; returns in the child. Ends the process when nobody is left to ask."""
    signal.signal(signal.SIGCHLD, reap)
    while True:
        message, received, *_ = socket.recv_fds(requests, LARGEST, 3, socket.MSG_CMSG_CLOEXEC)
        if not message:
            os._exit(0)
        if os.fork():
            for descriptor in received:
                os.close(descriptor)
            continue
        requests.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        out, err, number = received
        said = socket.socket(fileno=number)
        if pid := os.fork():
            os.close(out)
            os.close(err)
            watch(pid, said)
        return become(json.loads(message), mark, out, err, said)


def reap(*_: object) -> None:
    """Takes leave of watchers, and so counts the seconds of their commands as ours."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def watch(pid: int, said: socket.socket) -> None:
    """Says how a command ended. It stays a zombie, and its number its own, until that was read."""
    end = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    code = end.si_status if end.si_code == os.CLD_EXITED else -end.si_status
    try:
        said.send(f"code {code}".encode())
        said.recv(1)
    finally:  # or nobody asks any more
        os.waitpid(pid, 0)
        os._exit(0)


def become(
    request: dict[str, Any], mark: str, out: int, err: int, said: socket.socket
) -> types.ModuleType:
    """Makes this process that of a command; gives its module `__main__`, still to be run."""
    os.setsid()
    # A zygote that was started in the background ignores Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    show(mark, request["environment"][mark])
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["place"])
    sys.modules["numpy"].random.seed()  # else all commands would draw the same
    # Made by the import of wandb and removed by the first command that ends.
    sys.modules["wandb.sdk.data_types._private"].MEDIA_TMP.name = tempfile.mkdtemp()
    script, *arguments = request["typed"]
    sys.argv = [script, *arguments]
    sys.orig_argv = [sys.executable, script, *arguments]
    sys.path.insert(0, str(Path(script).resolve().parent))
    main = types.ModuleType("__main__")
    loader = importlib.machinery.SourceFileLoader("__main__", script)
    vars(main).update(__file__=script, __cached__=None, __loader__=loader, __annotations__={})
    vars(main)["__builtins__"] = sys.modules["builtins"]
    sys.modules["__main__"] = main
    for old, new in ((out, 1), (err, 2)):
        os.dup2(old, new)
        os.close(old)
    said.send(f"pid {os.getpid()}".encode())
    said.close()
    return main


def show(mark: str, value: str) -> None:
    """Writes into the environment that this process started with: /proc shows that one."""
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_void_p
    ctypes.memmove(getenv(mark.encode()), value.encode(), len(os.environ[mark]))


def prepare() -> None:
    """Imports, and nothing else: what they hold must be as fresh as in a new process."""
    del sys.path[0]  # the folder of this file
    for name in DEAR:
        importlib.import_module(name)
    assert len(os.listdir("/proc/self/task")) == 1, "an import starts a thread: forks would lack it"
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    prepare()
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        requests.send(b"ready")
        script = child_of_requests(requests, sys.argv[2])
    exec(compile(Path(sys.argv[0]).read_bytes(), sys.argv[0], "exec"), vars(script))
