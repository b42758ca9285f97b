"""What the stand-in for the W&B server says to each operation of GraphQL."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, final

import yaml

SWEEP, RUN = "sweep1", "run7"
TIME = "2026-01-01T00:00:00"
JSON = dict[str, Any]


@final
@dataclass(frozen=True)
class Sweep:
    """One that an agent runs one job of.

    Attributes:
        file: as its file says.
        program: that the agent is told to run.
        job: the value of each parameter.
    """

    file: JSON
    program: str
    job: Mapping[str, Any]


class Memory(Protocol):
    """Of a server."""

    sweep: Sweep | None
    address: str
    jobs_given: int
    runs: dict[str, JSON]
    files: dict[tuple[str, str], dict[int, str]]
    artifacts: dict[str, JSON]
    views: dict[str, JSON]

    def history(self, run: str) -> list[JSON]: ...


@final
@dataclass(frozen=True)
class Answers:
    """What a server says to an operation of GraphQL: a method for each, by its name."""

    server: Memory

    def of(self, name: str, asked: JSON) -> JSON | None:
        """The answer; None if the operation is not known."""
        method = getattr(self, name, None)
        return method(asked) if method else None

    def project(self, name: str) -> JSON:
        """One of them; every one exists."""
        entity = {"id": "e", "name": "me"}
        return {"id": "p", "name": name, "entity": entity, "internalId": "UHJvagInt=="}

    def Viewer(self, asked: JSON) -> JSON:
        viewer = {"id": "u", "entity": "me", "username": "me", "flags": "{}", "email": ""}
        return {"viewer": viewer | {"name": "me", "admin": False, "teams": {"edges": []}}}

    def GetDefaultEntity(self, asked: JSON) -> JSON:
        return {"viewer": {"id": "u", "entity": "me"}}

    def ServerFeaturesQuery(self, asked: JSON) -> JSON:
        return {"serverInfo": {"features": []}}

    def OrganizationCoreWeaveOrganizationID(self, asked: JSON) -> JSON:
        return {"entity": {"organization": {"coreWeaveOrganizationId": None}}}

    # Sweeps
    def SweepWithRuns(self, asked: JSON) -> JSON:
        assert self.server.sweep is not None
        config = yaml.safe_dump(self.server.sweep.file)
        return {"project": {"sweep": {"config": config, "runs": {"edges": []}}}}

    def CreateAgent(self, asked: JSON) -> JSON:
        return {"createAgent": {"agent": {"id": "a"}}}

    def Heartbeat(self, asked: JSON) -> JSON:
        sweep = self.server.sweep
        assert sweep is not None
        arguments = {key: {"value": value} for key, value in sweep.job.items()}
        job = {"type": "run", "run_id": RUN, "program": sweep.program, "args": arguments}
        commands = [] if self.server.jobs_given else [job]
        self.server.jobs_given += 1
        return {"agentHeartbeat": {"agent": {"id": "a"}, "commands": json.dumps(commands)}}

    # Runs
    def RunResumeStatus(self, asked: JSON) -> JSON:
        name = asked["name"]
        known = self.server.runs.get(name)
        if known is None or self.server.sweep is not None:
            return {"model": self.project("triptych") | {"bucket": None}}
        rows = self.server.history(name)
        summary = self.server.files.get((name, "wandb-summary.json"), {0: "{}"})
        counts = dict.fromkeys(("eventsLineCount", "logLineCount"), 0)
        bucket = {
            "id": "b",
            "name": name,
            "displayName": known.get("displayName"),
            "config": known.get("config", "{}"),
            "summaryMetrics": summary[max(summary)],
            "historyLineCount": len(rows),
            "historyTail": json.dumps([json.dumps(row) for row in rows[-1:]]),
            "eventsTail": "[]",
            "wandbConfig": json.dumps({"t": 1}),
            "tags": known.get("tags") or [],
            "sweepName": "",
        }
        return {"model": self.project(known["project"]) | {"bucket": bucket | counts}}

    def UpsertBucket(self, asked: JSON) -> JSON:
        new = asked["name"] not in self.server.runs
        known = self.server.runs.setdefault(asked["name"], {})
        known |= {key: value for key, value in asked.items() if value is not None}
        bucket = {
            "id": "b",
            "name": asked["name"],
            "displayName": known.get("displayName") or "",
            "project": self.project(known["project"]),
            "config": "{}",
            "description": "",
            "sweepName": SWEEP if self.server.sweep else "",
        }
        return {"upsertBucket": {"bucket": bucket, "inserted": new}}

    def CreateRunFiles(self, asked: JSON) -> JSON:
        place = f"{self.server.address}/blobs/{asked['run']}"
        files = [{"name": name, "uploadUrl": f"{place}/{name}"} for name in asked["files"]]
        return {"createRunFiles": {"runID": "b", "uploadHeaders": [], "files": files}}

    # Artifacts
    def ArtifactType(self, asked: JSON) -> JSON:
        return {"project": {"artifact": None}}

    def CreateArtifact(self, asked: JSON) -> JSON:
        said = asked["input"]
        identity = f"artifact{len(self.server.artifacts)}"
        self.server.artifacts[identity] = {
            "name": said["artifactCollectionName"],
            "type": said["artifactTypeName"],
            "run": said["runName"],
            "files": [],
            "whole": False,
        }
        made = {"id": identity, "state": "PENDING"}
        sequence = {"id": "s", "latestArtifact": None}
        return {"createArtifact": {"artifact": made | {"artifactSequence": sequence}}}

    def CreateArtifactManifest(self, asked: JSON) -> JSON:
        place = f"{self.server.address}/blobs/{asked['artifactID']}/manifest.json"
        file = {"id": "f", "uploadUrl": place, "uploadHeaders": []}
        return {"createArtifactManifest": {"artifactManifest": {"id": "m", "file": file}}}

    def CreateArtifactFiles(self, asked: JSON) -> JSON:
        edges = []
        for file in asked["input"]["artifactFiles"]:
            identity, name = file["artifactID"], file["name"]
            self.server.artifacts[identity]["files"].append(name)
            place = f"{self.server.address}/blobs/{identity}/{name}"
            node = {"storagePath": f"{identity}/{name}", "uploadUrl": place, "uploadHeaders": []}
            more = {"uploadMultipartUrls": None, "artifact": {"id": identity}}
            edges.append({"node": node | more})
        return {"createArtifactFiles": {"files": {"edges": edges}}}

    def CommitArtifact(self, asked: JSON) -> JSON:
        self.server.artifacts[asked["artifactID"]]["whole"] = True
        return {"commitArtifact": {"artifact": {"id": asked["artifactID"], "digest": "d"}}}

    # Workspaces and reports
    def ProjectInternalId(self, asked: JSON) -> JSON:
        return {"project": self.project(asked["projectName"])}

    def GetProjects(self, asked: JSON) -> JSON:
        names = {run["project"] for run in self.server.runs.values()}
        more = {"__typename": "Project", "id": "p", "entityName": "me", "isBenchmark": False}
        nodes = [more | {"name": name, "createdAt": TIME, "user": None} for name in names]
        page = {"__typename": "PageInfo", "endCursor": None, "hasNextPage": False}
        return {"models": {"pageInfo": page, "edges": [{"node": node} for node in nodes]}}

    def UpsertView2(self, asked: JSON) -> JSON:
        new = asked.get("id") not in self.server.views
        identity = f"Vmlldzo{len(self.server.views)}" if new else asked["id"]
        self.server.views[identity] = asked | {"id": identity}
        return {"upsertView": {"view": self._view(identity), "inserted": new}}

    def upsertView(self, asked: JSON) -> JSON:
        return self.UpsertView2(asked)

    def View(self, asked: JSON) -> JSON:
        named = [k for k, view in self.server.views.items() if view["name"] == asked["viewName"]]
        edges = [{"node": self._view(identity)} for identity in named]
        return {"project": {"allViews": {"edges": edges}}}

    def SpecificReport(self, asked: JSON) -> JSON:
        known = asked["reportId"] in self.server.views
        return {"view": self._view(asked["reportId"]) if known else None}

    def _view(self, identity: str) -> JSON:
        view = self.server.views[identity]
        project = {"id": "p", "name": view["projectName"], "entityName": view["entityName"]}
        kept = ("id", "type", "name", "displayName", "description", "spec")
        times = {"createdAt": TIME, "updatedAt": TIME}
        return {key: view.get(key) for key in kept} | times | {"project": project}
