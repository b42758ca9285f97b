"""A stand-in on this machine for the W&B server: one sweep, one agent, one job, and its run."""

import gzip
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, final

import yaml

SWEEP, RUN = "sweep1", "run7"
JSON = dict[str, Any]


@final
class Server:
    """Answers what wandb 0.31 asks.

    Attributes:
        runs: by their identity, what was said of them when they opened.
        files: by run and name, their lines.
        endings: by run, the exit code.

    Args:
        sweep: as its file says.
        program: that the agent is told to run.
        job: the value of each parameter.
    """

    def __init__(self, sweep: JSON, program: str, job: Mapping[str, Any]) -> None:
        self.runs: dict[str, JSON] = {}
        self.files: dict[tuple[str, str], dict[int, str]] = {}
        self.endings: dict[str, int] = {}
        self._sweep = sweep
        arguments = {key: {"value": value} for key, value in job.items()}
        self._jobs = [{"type": "run", "run_id": RUN, "program": program, "args": arguments}]

    def summary(self, run: str) -> JSON:
        """The last one that was sent."""
        lines = self.files[run, "wandb-summary.json"]
        return json.loads(lines[max(lines)])

    def config(self, run: str) -> JSON:
        """The last one that was sent."""
        return {key: node["value"] for key, node in json.loads(self.runs[run]["config"]).items()}

    def answer(self, path: str, body: bytes) -> JSON:
        """To one request."""
        if path == "/graphql":
            asked = json.loads(body)
            named = re.search(r"(?:query|mutation)\s+(\w+)", asked["query"])
            assert named is not None
            return {"data": self._told(named[1], asked.get("variables") or {})}
        stream = re.fullmatch(r"/files/[^/]+/[^/]+/([^/]+)/file_stream", path)
        if stream is not None:
            sent = json.loads(body)
            for name, part in (sent.get("files") or {}).items():
                lines = self.files.setdefault((stream[1], name), {})
                lines |= dict(enumerate(part["content"], start=part["offset"]))
            if sent.get("complete"):
                self.endings[stream[1]] = sent["exitcode"]
        return {}

    def _told(self, name: str, asked: JSON) -> JSON:
        entity = {"id": "e", "name": "me"}
        project = {"id": "p", "name": "triptych", "entity": entity}
        match name:
            case "Viewer":
                teams = {"edges": []}
                viewer = {"id": "u", "entity": "me", "username": "me", "flags": "{}"}
                return {"viewer": viewer | {"name": "me", "email": "", "teams": teams}}
            case "SweepWithRuns":
                config = yaml.safe_dump(self._sweep)
                return {"project": {"sweep": {"config": config, "runs": {"edges": []}}}}
            case "CreateAgent":
                return {"createAgent": {"agent": {"id": "a"}}}
            case "Heartbeat":
                commands, self._jobs = json.dumps(self._jobs), []
                return {"agentHeartbeat": {"agent": {"id": "a"}, "commands": commands}}
            case "RunResumeStatus":
                return {"model": {**project, "bucket": None}}
            case "UpsertBucket":
                known = self.runs.setdefault(asked["name"], {})
                known |= {key: value for key, value in asked.items() if value is not None}
                bucket = {"id": "b", "name": asked["name"], "displayName": "", "project": project}
                more = {"config": "{}", "description": "", "sweepName": SWEEP}
                return {"upsertBucket": {"bucket": bucket | more, "inserted": True}}
            case "ServerFeaturesQuery":
                return {"serverInfo": {"features": []}}
            case "CreateRunFiles":
                return {"createRunFiles": {"runID": "b", "uploadHeaders": [], "files": []}}
            case _:
                return {}


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
                text = json.dumps(server.answer(self.path, body)).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
