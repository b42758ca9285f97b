"""A SLURM cluster of two machines, which are both this one."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

CLIENTS = ("sbatch", "srun", "squeue", "scontrol", "scancel", "sinfo")
DAEMONS = ("slurmctld", "slurmd")
NODES = ("n1", "n2")
# Without accounting, and without a service that vouches for users: there is one.
CONF = """
ClusterName=test
SlurmctldHost={host}
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MailProg=/bin/true
NodeName=n1 NodeHostname={host} Port={ports[1]} CPUs=2 RealMemory=1000 State=UNKNOWN
NodeName=n2 NodeHostname={host} Port={ports[2]} CPUs=2 RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP
"""


@dataclass(frozen=True)
class Cluster:
    """Commands of a cluster.

    Attributes:
        variables: of the environment in which SLURM's own commands find it.
    """

    variables: dict[str, str]

    def run(self, *command: str, place: Path | None = None) -> str:
        """What one of SLURM's commands prints, started in `place`."""
        environment = dict(os.environ) | self.variables
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def jobs(self) -> list[str]:
        """The numbers of all that are not over."""
        return self.run("squeue", "--noheader", "--format=%A").split()

    def state(self, job: str) -> str:
        """Of a job, such as `RUNNING`."""
        return self.run("squeue", "--noheader", "--states=all", "--format=%T", f"--jobs={job}")

    def wait(self, job: str, *states: str, seconds: float = 300) -> str:
        """Waits until a job is in one of the states."""
        deadline = time.monotonic() + seconds
        while (state := self.state(job)) not in states:
            assert time.monotonic() < deadline, f"job {job} is {state} after {seconds} s"
            time.sleep(0.2)
        return state

    def end_jobs(self, seconds: float = 60) -> None:
        """Ends those that a failed test has left: they do not end with the daemons."""
        deadline = time.monotonic() + seconds
        while left := self.jobs():
            self.run("scancel", "--full", *left)
            assert time.monotonic() < deadline, left
            time.sleep(0.5)

    def start_soon(self, job: str) -> None:
        """Shortens the two minutes that a job has to wait after it went back in the queue to those
        seconds in which its first start is forgotten."""
        self.wait(job, "PENDING")
        self.run("scontrol", "update", f"JobId={job}", "StartTime=now+3")


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """A cluster while the block lasts; its test is skipped where SLURM is not installed, except
    under STRICT=1."""
    there = os.geteuid() == 0 and all(map(found, (*CLIENTS, *DAEMONS)))
    if not there and os.environ.get("STRICT") != "1":
        pytest.skip("needs SLURM's programs (make system) and root")
    conf, tools = folder / "slurm.conf", folder / "bin"
    for part in ("state", "bin"):
        (folder / part).mkdir(parents=True)
    conf.write_text(CONF.format(host=socket.gethostname(), ports=free_ports(3), folder=folder))
    for name in CLIENTS:  # a job's own processes do not inherit where the cluster is
        tool = tools / name
        tool.write_text(f'#!/bin/sh\nSLURM_CONF={conf} exec {found(name)} "$@"\n')
        tool.chmod(0o755)
    # The names of the machines are in no network.
    variables = {"PATH": f"{tools}:{os.environ['PATH']}", "MASTER_ADDR": "127.0.0.1"}
    with ExitStack() as daemons:
        daemons.enter_context(daemon("slurmctld", "-D", "-i", "-f", str(conf)))
        for node in NODES:
            daemons.enter_context(daemon("slurmd", "-D", "-f", str(conf), "-N", node))
        made = Cluster(variables)
        deadline = time.monotonic() + 60
        while not ready(made):
            log = (folder / "slurmctld.log").read_text()
            assert time.monotonic() < deadline, log
            time.sleep(0.2)
        try:
            yield made
        finally:
            made.end_jobs()


def found(program: str) -> str | None:
    """Where a program is; daemons may lie where a shell does not look."""
    return shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")


def ready(made: Cluster) -> bool:
    """Whether both machines can take jobs."""
    try:
        return made.run("sinfo", "--noheader", "--format=%D %t") == "2 idle"
    except AssertionError:  # nobody answers yet
        return False


@contextmanager
def daemon(name: str, *arguments: str) -> Iterator[None]:
    """A program that runs while the block lasts, with all that it starts."""
    process = subprocess.Popen(
        [str(found(name)), *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_ports(count: int) -> list[int]:
    """Of this machine."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("", 0))
        return [one.getsockname()[1] for one in sockets]
