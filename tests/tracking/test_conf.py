"""The files of conf/logger as a user meets them: a real command, single and as a multirun."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate

from triptych import resolvers

CONF = Path(__file__).parents[2] / "conf"

PRIMARY = """
defaults: [_self_, logger: many]
seed: 0
model: {name: ffn}
logger: {}
hydra:
  searchpath: ["file://%s"]
  job: {chdir: false}
  run: {dir: "runs/${now:%%H-%%M-%%S-%%f}"}
  sweep: {dir: "sweeps/${now:%%H-%%M-%%S-%%f}", subdir: "${hydra.job.num}"}
"""

# Builds every logger as the composition root does and prints what wandb would be told.
MAIN = """
import json, hydra
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
import triptych.resolvers
triptych.resolvers.register()

@hydra.main(version_base="1.3", config_path=".", config_name="primary")
def main(config):
    loggers = instantiate(config.logger)
    told = loggers["wandb"]._wandb_init if "wandb" in loggers else {}
    tables = [loggers["csv"].save_dir] if "csv" in loggers else []
    said = {key: told.get(key) for key in ("name", "group", "job_type", "tags", "project", "dir")}
    line = {"loggers": sorted(loggers), "tables": tables, **said}
    line["output"] = HydraConfig.get().runtime.output_dir
    print("JSON" + json.dumps(line), flush=True)

main()
"""


def jobs(*overrides: str) -> list[dict[str, Any]]:
    Path("primary.yaml").write_text(PRIMARY % CONF)
    Path("main.py").write_text(MAIN)
    done = subprocess.run(
        [sys.executable, "main.py", *overrides], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line[4:]) for line in done.stdout.splitlines() if line.startswith("JSON")]


@pytest.mark.slow
def test_by_default_a_run_has_a_table_and_wandb(no_account: Path) -> None:
    (job,) = jobs("seed=3", "model.name=moe")
    assert job["loggers"] == ["csv", "tables", "wandb"]
    assert job["tables"] == [job["output"]]
    assert (job["name"], job["job_type"], job["tags"]) == ("moe-s3", "moe", ["moe"])
    assert (job["group"], job["project"]) == (None, "triptych")
    assert job["dir"] == os.path.abspath("logs")


@pytest.mark.slow
def test_the_jobs_of_a_sweep_share_a_group_and_a_folder_but_no_name(no_account: Path) -> None:
    found = jobs("-m", "seed=0,1", "model.name=ffn,moe")
    (sweep,) = Path("sweeps").iterdir()
    assert {job["group"] for job in found} == {sweep.name}
    assert {job["dir"] for job in found} == {os.path.abspath("logs")}
    assert sorted(job["name"] for job in found) == ["ffn-s0", "ffn-s1", "moe-s0", "moe-s1"]
    assert len({table for job in found for table in job["tables"]}) == 4


@pytest.mark.parametrize(
    ("overrides", "loggers"),
    [
        (["logger=none"], []),
        (["logger=csv"], ["csv", "tables"]),
        (["logger=wandb", "logger.wandb.mode=disabled"], ["csv", "tables", "wandb"]),
        (["logger=tensorboard"], ["csv", "tables", "tensorboard"]),
        (["logger=[csv,tensorboard]"], ["csv", "tables", "tensorboard"]),
        (["logger=mlflow"], ["csv", "mlflow", "tables"]),
        (["logger=trackio"], ["csv", "tables", "trackio"]),
        (["logger=[many,mlflow,trackio]"], ["csv", "mlflow", "tables", "trackio", "wandb"]),
        (["~logger.wandb"], ["csv", "tables"]),
    ],
)
def test_each_choice_builds(no_account: Path, overrides: list[str], loggers: list[str]) -> None:
    for name in {"tensorboard", "mlflow", "trackio"} & set(loggers):
        if find_spec(name) is None:
            pytest.skip(f"needs {name}")
    resolvers.register()
    Path("primary.yaml").write_text(PRIMARY % CONF)
    place = [f"hydra.runtime.output_dir={Path.cwd()}", "hydra.mode=RUN"]
    with initialize_config_dir(str(Path.cwd()), version_base="1.3"):
        config = compose("primary", [*place, *overrides], return_hydra_config=True)
        HydraConfig.instance().set_config(config)
        try:
            assert sorted(instantiate(config.logger)) == loggers
        finally:
            HydraConfig.instance().cfg = None
