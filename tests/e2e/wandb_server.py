"""A stand-in on this machine for the W&B server: runs, files, artifacts, views, and one sweep."""

import gzip
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, final

from .wandb_answers import JSON, RUN, SWEEP, Answers, Sweep

__all__ = ["DEAD", "RUN", "SWEEP", "Server", "Sweep", "account", "listening"]

DEAD = 0
"""A status: the connection is closed without an answer."""


def account(address: str) -> dict[str, str]:
    """The variables of somebody who is logged in at a server."""
    key = {"WANDB_API_KEY": 40 * "0", "WANDB_ERROR_REPORTING": "false"}
    return {"WANDB_BASE_URL": address} | key


def healthy(asked: str) -> int:
    """The status of every answer of a server that is well."""
    return 200


@final
@dataclass
class Server:
    """Answers what wandb 0.31 and wandb-workspaces 0.4 ask.

    Attributes:
        sweep: that its agents work for.
        status: that of the answer to what is asked, an operation or a path; see `DEAD`.
        address: where it listens.
        asked: how often, by operation or path.
        unknown: operations that it has no answer for.
        runs: by their identity, what was said of them when they opened.
        files: by run and name, their lines.
        blobs: by path, whole files.
        artifacts: by identity, what they are called, their files and whether they are whole.
        views: by identity, workspaces and reports.
        endings: by run, the exit code.
    """

    sweep: Sweep | None = None
    status: Callable[[str], int] = healthy
    address: str = ""
    asked: dict[str, int] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    runs: dict[str, JSON] = field(default_factory=dict)
    files: dict[tuple[str, str], dict[int, str]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    artifacts: dict[str, JSON] = field(default_factory=dict)
    views: dict[str, JSON] = field(default_factory=dict)
    endings: dict[str, int] = field(default_factory=dict)
    jobs_given: int = 0

    def summary(self, run: str) -> JSON:
        """The last one that was sent."""
        lines = self.files[run, "wandb-summary.json"]
        return json.loads(lines[max(lines)])

    def history(self, run: str) -> list[JSON]:
        """All rows that were sent, in order."""
        lines = self.files.get((run, "wandb-history.jsonl"), {})
        return [json.loads(lines[number]) for number in sorted(lines)]

    def config(self, run: str) -> JSON:
        """The last one that was sent."""
        return {key: node["value"] for key, node in json.loads(self.runs[run]["config"]).items()}

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, JSON]:
        """Status and content for one request."""
        said = json.loads(body) if path == "/graphql" else {}
        named = re.search(r"(?:query|mutation)\s+(\w+)", said.get("query", ""))
        what = named[1] if named else path
        self.asked[what] = self.asked.get(what, 0) + 1
        status = self.status(what)
        if status != 200:
            return status, {"errors": [{"message": f"the server says {status}"}]}
        if named:
            answer = Answers(self).of(what, said.get("variables") or {})
            if answer is None:
                self.unknown.add(what)
                return 200, {"errors": [{"message": f"unknown operation {what}"}]}
            return 200, {"data": answer}
        stream = re.fullmatch(r"/files/[^/]+/[^/]+/([^/]+)/file_stream", path)
        if stream is not None:
            self._take(stream[1], json.loads(body))
            return 200, {"limits": {}}
        if method == "PUT":
            self.blobs[path.removeprefix("/blobs/")] = body
        return 200, {}

    def _take(self, run: str, sent: JSON) -> None:
        for name, part in (sent.get("files") or {}).items():
            lines = self.files.setdefault((run, name), {})
            lines |= dict(enumerate(part["content"], start=part["offset"]))
        if sent.get("complete"):
            self.endings[run] = sent["exitcode"]


@contextmanager
def listening(server: Server) -> Iterator[str]:
    """Gives its address."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            with lock:
                status, content = server.answer(self.command, self.path, body)
            if status == DEAD:
                self.close_connection = True
                return
            text = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_PUT = do_POST

        def handle(self) -> None:
            with suppress(ConnectionError):  # a client that goes away is none of our business
                super().handle()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        threading.Thread(target=http.serve_forever, daemon=True).start()
        server.address = f"http://127.0.0.1:{http.server_port}"
        yield server.address
        http.shutdown()
