"""Everything that a user can get wrong ends in one line that names the key and the value."""

import json
import os
from pathlib import Path

import pytest
import torch

from triptych import result

from .in_process import Prompt

FAST = ("debug=fast", "logger=csv")

# Refused before a run folder exists.
UNKNOWN = [
    (["sead=1"], "unknown key 'sead'; did you mean 'seed'?"),
    (["trainer.device=2"], "unknown key 'trainer.device'; did you mean 'trainer.devices'?"),
    (["model=ffn", "model.top_k=2"], "model.top_k: panel 'ffn' has no knob 'top_k'"),
    (["model=moe", "model.topk=2"], "did you mean 'top_k'?"),
    (["model=fnn"], "'model/fnn'"),
    (["model=ffn", "model/router=topk"], "model/router: model=ffn has no part 'router'; it has"),
    (["-m", "model=moe,ffn", "model/dispach=loop"], "did you mean 'dispatch'?"),
    (["optimizers/x=1"], "unknown group 'optimizers/x'"),
    (["seed=abc"], "'abc'"),
    (["-m", "model=ffn,moe", "model.top_k=1,2"], "panel 'ffn' has no knob 'top_k'"),
    (["experiment=sweep/top_k", "model.sparsity=.5"], "panel 'moe' has no knob 'sparsity'"),
    (["model.lr=${nothing.here}"], "Interpolation key 'nothing.here' not found"),
    (["optimizer=null"], "optimizer=null: a group needs an option"),
    (["logger=null"], "logger=null: a group needs an option (for no logger, logger=none)"),
    (["-m", "hydra/launcher=none"], "submitit are extras: pip install -e '.[launchers]'"),
    (["sweep.resume=nowhere"], "sweep.resume=nowhere: there is no sweep.json in that folder"),
]

# Refused by a run, which then says so in its folder.
REFUSED = [
    (["model=moe", "model.top_k=9"], "top_k must be in [1, num_experts=8], got 9"),
    (["model=moe", "model.top_k=0"], "top_k must be at least 1, got 0"),
    (["model=sparse", "model.sparsity=1.0"], "sparsity must be in [0, 1), got 1.0"),
    (["model=sparse", "model.sparsity=-0.1"], "sparsity must be in [0, 1), got -0.1"),
    (["model=sparse", "model/kernel=csr", "model/rule=pruning"], "take model/kernel=masked"),
    (["model=moe", "model/router=gshard", "model.top_k=1"], "top_k must be 2, got 1"),
    (["model=moe", "model/balance=importance_load"], "take model/router=noisy_topk"),
    (["data.n_train=0"], "n_train"),
    (["data.batch_size=127", "trainer.devices=2"], "data.batch_size=127 cannot be divided over 2"),
    (["data.batch_size=0"], "data.batch_size=0 must be at least 1"),
    (["trainer=expert_parallel", "trainer.devices=2"], "the model has no experts to spread"),
    (
        ["model=moe", "model.num_experts=7", "trainer=expert_parallel", "trainer.devices=2"],
        "num_experts=7 cannot be divided over 2 ranks: take a multiple of 2",
    ),
    (["trainer=expert_parallel", "trainer.strategy.expert_ranks=2"], "expert_ranks=2: 1 devices"),
    (
        ["trainer=expert_parallel", "trainer.strategy.expert_ranks=all"],
        "trainer.strategy.expert_ranks=all must be a whole number of at least 1, or null",
    ),
    (["model=sparse", "model/rule=rigl", "trainer=fsdp"], "take model/rule=static, or trainer=ddp"),
    (
        ["callbacks=ema", "trainer=fsdp", "trainer.devices=2"],
        "callbacks: EMA looks at whole weights",
    ),
    (
        ["trainer.compile=inducter"],
        "torch.compile, such as inductor or aot_eager; did you mean 'ind",
    ),
    (
        ["trainer.compile=aot_eager", "trainer=fsdp"],
        "set trainer.compile=false, or take trainer=ddp",
    ),
    (["trainer.accumulate_grad_batches=0"], "grad_batches=0 must be a whole number of at least 1"),
    (["trainer.deterministic=yes_please"], "yes_please must be true, false or warn"),
    (["sweep.objectives=[flop]"], "sweep.objectives: 'flop' is neither measured"),
    (["callbacks=threshold"], "callbacks.threshold.at is missing: say least values by epoch"),
    (["ckpt_path=none.ckpt"], "ckpt_path=none.ckpt: there is no such file"),
    (["trainer.max_epochs=0"], "trainer.max_epochs=0 must be a whole number of at least 1"),
    (["trainer.devices=0"], "trainer.devices=0 must be a whole number of at least 1"),
    (["model.lr=fast"], "model.lr=fast must be a number"),
    (["model.lr="], "model.lr= must be a number"),
    (["model.lr=0"], "model.lr=0 must be greater than 0"),
    (["model.dropout=1"], "dropout must be in [0, 1), got 1"),
    (["model.d_hidden=0"], "d_hidden must be at least 2, got 0"),
    (["model=moe", "model.top_k=1.5"], "model.top_k=1.5 must be a whole number"),
    (["model=moe", "model.num_experts=2.5"], "model.num_experts=2.5 must be a whole number"),
    (["model.d_hidden=32.5"], "model.d_hidden=32.5 must be a whole number"),
    (["data.n_train=100.5"], "data.n_train=100.5 must be a whole number"),
    (["data.batch_size=true"], "data.batch_size=True must be a whole number"),
    (["data.noise=loud"], "data.noise=loud must be a number"),
    (["trainer.devices=two"], "trainer: "),
    (["trainer.devices=-1", "trainer=cpu"], "trainer.devices=-1 must be"),
    (["trainer.accelerator=tpu"], "trainer: "),
    (["optimizer.weight_decay=-1"], "optimizer: Invalid weight_decay value: -1"),
    (["+scheduler.patience=3"], "scheduler: "),
    (["+data.n_tests=3"], "data: "),
    (["+sead=1"], "unknown key 'sead'; did you mean 'seed'?"),
    (["model=moe", "+model.topk=3"], "model.topk: nothing uses this knob; did you mean 'top_k'?"),
    (["++model.dropuot=0"], "did you mean 'dropout'?"),
    (["model.name=dense"], "model.name=dense must be one of ffn, sparse, moe"),
    (["model.lr=1e9"], "the training loss is not a finite number at step "),
]


def statuses(place: Path) -> list[str]:
    return [json.loads(f.read_text())["status"] for f in place.rglob(result.FILE)]


@pytest.mark.parametrize(("typed", "message"), UNKNOWN, ids=lambda v: str(v))
def test_what_does_not_exist_is_named_with_what_does(
    prompt: Prompt, typed: list[str], message: str
) -> None:
    answer = prompt.type("train.py", *typed, *FAST)
    assert answer.code == 1
    assert message in answer.error
    assert "Traceback" not in answer.err
    assert statuses(prompt.place) == []


@pytest.mark.parametrize(("typed", "message"), REFUSED, ids=lambda v: str(v))
def test_what_cannot_work_is_refused_and_recorded(
    prompt: Prompt, typed: list[str], message: str
) -> None:
    answer = prompt.type("train.py", *typed, *FAST)
    assert answer.code == 1
    assert message in answer.error
    assert "Traceback" not in answer.err
    assert "test accuracy" not in answer.out
    assert statuses(prompt.place) == ["failed"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_not_there_is_named(prompt: Prompt) -> None:
    answer = prompt.type("train.py", "trainer=gpu", *FAST)
    assert answer.error == "trainer.accelerator=gpu: torch sees no GPU here; use trainer=cpu"
    assert statuses(prompt.place) == ["failed"]


def test_a_folder_that_cannot_be_written_to_is_named(prompt: Prompt) -> None:
    answer = prompt.type("train.py", "hydra.run.dir=/dev/null/run", *FAST)
    assert answer.code == 1
    assert "cannot write to /dev/null/run" in answer.error
    assert "hydra.run.dir" in answer.error


def test_more_processes_than_cores_is_a_warning(
    prompt: Prompt, capfd: pytest.CaptureFixture[str]
) -> None:
    from triptych.run.checks import check

    many = (os.cpu_count() or 1) + 1
    check(
        {
            "data": {},
            "model": {"name": "ffn", "lr": 0.1, "clip": 1.0},
            "optimizer": {},
            "trainer": {"devices": many, "num_nodes": 1, "accelerator": "cpu", "max_epochs": 1},
            "sweep": {"objectives": []},
            "ckpt_path": None,
        }
    )
    assert capfd.readouterr().err.startswith(f"warning: trainer.devices={many} processes share")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such file"),
        (b"garbage", "not a readable checkpoint"),
        (b"", "not a readable checkpoint"),
    ],
)
def test_eval_names_a_checkpoint_that_it_cannot_use(
    prompt: Prompt, content: bytes | None, message: str
) -> None:
    if content is not None:
        (prompt.place / "x.ckpt").write_bytes(content)
    answer = prompt.type("eval.py", "ckpt_path=x.ckpt")
    assert answer.code == 1
    assert answer.error.startswith(f"ckpt_path=x.ckpt: {message}")
    assert len(answer.err.splitlines()) == 1


def test_eval_takes_one_path(prompt: Prompt) -> None:
    answer = prompt.type("eval.py", "ckpt_path=[1,2]")
    assert (answer.code, answer.error) == (1, "ckpt_path=[1, 2] must be the path of one file")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_eval_names_a_gpu_that_is_not_there(prompt: Prompt) -> None:
    answer = prompt.type("eval.py", "ckpt_path=x.ckpt", "accelerator=gpu")
    assert answer.error == "accelerator=gpu: torch sees no GPU here; use accelerator=cpu"


def test_eval_names_a_file_that_it_cannot_write(prompt: Prompt) -> None:
    tiny = ("debug=fast", "trainer.max_epochs=1", "logger=none", "hydra.run.dir=run")
    assert prompt.type("train.py", *tiny).code == 0
    typed = ("ckpt_path=run/checkpoints/best.ckpt", "out=/nope/x.json")
    answer = prompt.type("eval.py", *typed)
    assert answer.code == 1
    assert answer.error == "out=/nope/x.json cannot be written: No such file or directory"
    assert "Error executing" not in answer.err


def test_eval_says_how_it_is_called(prompt: Prompt) -> None:
    answer = prompt.type("eval.py")
    assert answer.code == 1
    assert answer.error.startswith("ckpt_path is missing: python eval.py ckpt_path=")


def test_eval_refuses_a_checkpoint_of_another_program(prompt: Prompt) -> None:
    torch.save({"state_dict": {}}, prompt.place / "x.ckpt")
    answer = prompt.type("eval.py", "ckpt_path=x.ckpt")
    assert answer.error == "ckpt_path=x.ckpt: no configuration inside, not made by train.py"


def test_eval_refuses_a_sparse_net_without_its_masks(prompt: Prompt) -> None:
    """Through ckpt_path= of train.py too: both name the layer, in one line."""
    tiny = ("model=sparse", "debug=fast", "trainer.max_epochs=1", "logger=none")
    assert prompt.type("train.py", *tiny, "hydra.run.dir=run").code == 0
    content = torch.load(prompt.place / "run/checkpoints/best.ckpt", weights_only=True)
    kept = {k: v for k, v in content["state_dict"].items() if not k.endswith(".live")}
    torch.save(content | {"state_dict": kept}, prompt.place / "x.ckpt")
    told = "network.blocks.block_0.net.chain.0: a sparse layer needs its mask"
    answer = prompt.type("eval.py", "ckpt_path=x.ckpt")
    assert answer.code == 1
    assert answer.error.startswith(f"ckpt_path=x.ckpt: {told}")
    assert len(answer.err.splitlines()) == 1
    answer = prompt.type("train.py", *tiny, "hydra.run.dir=again", "ckpt_path=x.ckpt")
    assert answer.code == 1
    assert answer.error.startswith(told)
    assert "Traceback" not in answer.err
    rest = {k: v for k, v in content["state_dict"].items() if k != "network.head.bias"}
    torch.save(content | {"state_dict": rest}, prompt.place / "x.ckpt")
    answer = prompt.type("eval.py", "ckpt_path=x.ckpt")
    assert "the weights are not of the net that its configuration describes" in answer.error
    assert "network.head.bias" in answer.error
