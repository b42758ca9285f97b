from triptych.cost import declared_cost

from .tiny import fit


def test_the_dense_net_logs_nothing_special_and_costs_what_it_declares() -> None:
    module, data, runner = fit("model=ffn")
    assert runner.callback_metrics.keys() == {"train/loss", "train/acc", "val/loss", "val/acc"}
    (logged,) = runner.test(module, data, verbose=False)
    families = {f"test/acc/family/{name}" for name in data.families}
    assert logged.keys() == {"test/loss", "test/acc", "test/f1", "test/ece"} | families
    assert module.tables().keys() == {"classes", "families", "confusion", "calibration"}
    assert module.cost() == declared_cost(module.network)
