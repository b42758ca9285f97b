import pytest

from .commands import Commands, checkpoint, survivors

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("trainer", ["expert_parallel", "fsdp"])
def test_a_net_in_parts_on_two_processes_is_tested_again_in_one(
    commands: Commands, trainer: str
) -> None:
    run = commands.train("model=moe", f"trainer={trainer}", "trainer.devices=2")
    assert run.code == 0, run.err
    assert "Warning" not in run.err
    assert run.result.status == "finished"
    assert run.result.device["processes"] == 2
    assert run.out.count("test accuracy") == 1
    assert len(list(commands.place.rglob("result.json"))) == 1
    assert not survivors(run.mark)
    best = run.folder / "checkpoints" / "best.ckpt"
    weights = checkpoint(best)["state_dict"]
    parameters = sum(v.numel() for k, v in weights.items() if k.startswith("network."))
    assert parameters == run.result.cost["params_total"]
    logged = run.result.metrics["test"]
    assert commands.evaluate(best) == pytest.approx(logged, rel=1e-5, abs=1e-6)
