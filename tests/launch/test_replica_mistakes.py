"""What cannot be trained together is refused in one line."""

import pytest

from triptych import result

from .in_process import Prompt

FAST = ("debug=fast", "logger=csv", "hydra.run.dir=run", "hydra.sweep.dir=run")
OPTUNA = ("hydra/sweeper=optuna", "hydra.sweeper.n_trials=2", "seed=0,1")

UNKNOWN = [
    (["replicas=0"], "replicas=0 must be a whole number of at least 1"),
    (["replicas=-1"], "replicas=-1 must be a whole number of at least 1"),
    (["replicas=two"], "replicas=two: Value 'two' of type 'str'"),
    (["-m", "sweep.vectorize=true", *OPTUNA], "sweep.vectorize=true needs all jobs to be known"),
    (["-m", "replicas=2", *OPTUNA], "replicas=2: this sweeper takes one run for each job"),
    (["-m", "seed=0,1", "replicas=2,3", "sweep.vectorize=true"], "replicas=2,3: sweep.vectorize"),
    (
        ["-m", "seed=0,1", "sweep.vectorize=true", "sweep.most_replicas=0"],
        "sweep.most_replicas=0 must be at least 1",
    ),
    (["experiment=study/label_noise", "replicas=2"], "replicas=2: this sweeper takes one run"),
    (["-m", "replicas=2", "experiment=study/label_noise"], "sweep.vectorize=true"),
]

REFUSED = [
    (["trainer.devices=2"], "trainer.devices=2 is not for nets that are trained in lockstep"),
    (["trainer=ddp"], "trainer.strategy="),
    (["trainer.precision=bf16-mixed"], "trainer.precision=bf16-mixed is not for nets"),
    (["callbacks=ema"], "callbacks.ema (EMA) is not for nets"),
    (["ckpt_path=best.ckpt"], "ckpt_path=best.ckpt is of one run: leave it out"),
    (["data=memmap", "data.path=."], "data that are read from files are not for nets"),
    (["optimizer._target_=torch.optim.Adamax", "~optimizer.fused"], "optimizer=Adamax is not for"),
    (["model=moe", "model.top_k=9"], "top_k must be in [1, num_experts=8], got 9"),
]


@pytest.mark.parametrize(("typed", "line"), UNKNOWN, ids=lambda value: " ".join(value)[:60])
def test_it_is_said_before_a_run_folder_exists(prompt: Prompt, typed: list[str], line: str) -> None:
    if "hydra/sweeper=optuna" in typed:
        pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    answer = prompt.type("train.py", *typed, *FAST)
    assert answer.code == 1
    assert line in answer.error
    assert not list(prompt.place.rglob(result.FILE))


@pytest.mark.parametrize(("typed", "line"), REFUSED, ids=lambda value: " ".join(value)[:60])
def test_it_is_said_once_and_recorded_by_each(prompt: Prompt, typed: list[str], line: str) -> None:
    answer = prompt.type("train.py", "replicas=2", *typed, *FAST)
    assert answer.code == 1
    assert answer.err.count(line) == 1
    assert line in answer.error
    for place in ("0", "1"):
        record = result.read(prompt.place / "run" / place / result.FILE)
        assert record.status == "failed"
        assert line in (record.error or {})["message"]
