"""The dashboard itself."""

from triptych.dashboard.views import (
    Comparison,
    Curves,
    Heat,
    Importance,
    Parallel,
    Points,
    Rank,
    Section,
    Table,
    Value,
    Words,
)

TEST = Value("test/acc", "test accuracy")
VALIDATION = Value("val/acc", "best validation accuracy", kept="max")
SECONDS = Value("time/train_s", "seconds of training", is_log=True)
COSTS = (
    Value("params/total", "parameters", is_log=True),
    Value("params/active", "active parameters", is_log=True),
    Value("compute/flops_per_sample", "FLOPs per sample", is_log=True),
    Value("compute/train_flops", "FLOPs of training", is_log=True),
    SECONDS,
    Value("time/step_ms", "milliseconds per step", is_log=True),
)
SETTINGS = (
    "model.name",
    "model.d_hidden",
    "model.num_experts",
    "model.top_k",
    "model.sparsity",
    "model.balance_coef",
    "model.lr",
)
"""Knobs that sweeps turn, as paths into the configuration; no model has all of them."""

QUALITY = Section(
    "Quality",
    (
        Curves("Validation accuracy", ("val/acc",)),
        Curves("Validation loss", ("val/loss",)),
        Curves("Validation accuracy against FLOPs of training", ("val/acc",), x="flops"),
        Curves("Validation accuracy against seconds of training", ("val/acc",), x="seconds"),
        Curves("Training and validation loss", ("train/loss", "val/loss")),
        Rank("Test accuracy", TEST),
    ),
)
COST = Section(
    "Cost against quality",
    tuple(Points(f"Test accuracy against {cost.title}", cost, TEST) for cost in COSTS),
)
SWEEP = Section(
    "Sweep",
    (
        Parallel("Settings and what they led to", SETTINGS, (SECONDS, VALIDATION)),
        Importance("What the accuracy depends on", SETTINGS, VALIDATION),
        Comparison("Two runs side by side", SETTINGS),
    ),
)
MOE = ("moe",)
EXPERTS = Section(
    "Experts",
    (
        Curves("Load of each expert", ("val/moe/*/load/*",), panels=MOE),
        Curves("Entropy of the load (1: even)", ("val/moe/*/load_entropy",), panels=MOE),
        Curves("Largest load over mean load", ("val/moe/*/max_load",), panels=MOE),
        Curves("Dead experts", ("val/moe/*/dead_experts",), panels=MOE),
        Curves("Share of dropped routes", ("val/moe/*/drop_rate",), panels=MOE),
        Curves("Balance loss, unscaled", ("train/moe/balance_loss",), panels=MOE),
        Curves("Samples that changed their expert", ("val/moe/*/churn",), panels=MOE),
        Curves(
            "What experts know of families (mutual information)", ("val/moe/*/nmi",), panels=MOE
        ),
        Heat("Experts by family", "routing", panels=MOE),
        Table("Routing on the test split", "routing", panels=MOE),
    ),
)
SPARSE = ("sparse",)
SPARSITY = Section(
    "Sparsity",
    (
        Curves("Density of each layer", ("val/density/*",), panels=SPARSE),
        Curves("Share of weights that were tried", ("train/sparse/explored",), panels=SPARSE),
        Curves("Units without a weight", ("val/dead_units",), panels=SPARSE),
        Curves("FLOPs of training as executed", ("compute/train_flops_executed",), panels=SPARSE),
        Table("Layers after training", "density", panels=SPARSE),
    ),
)
ERRORS = Section(
    "Errors",
    (
        Table("Confusion on the test split", "confusion"),
        Table("Accuracy of each class", "classes"),
        Table("Calibration", "calibration"),
    ),
)
READING = Section(
    "How to read it",
    (
        Words(
            "How to read it",
            "A line is the mean over the seeds of one setting, the band its standard deviation."
            " Runs are equal only in what they were matched for: look at accuracy against FLOPs and"
            " against seconds before you call one better, and at `make compare` or a study for"
            " intervals.\n\n"
            "Experts: an entropy of 1 and a largest load of 1 mean that all work equally. Dead"
            " experts get nothing. Mutual information near 0 means that experts do not specialise"
            " in families, whatever the load looks like.\n\n"
            "Sparsity: FLOPs as executed are those of the kernel in use; a masked kernel multiplies"
            " zeros, so it saves none. The share of weights that were tried stays at the density"
            " where masks do not move.",
        ),
    ),
)

SECTIONS = (QUALITY, COST, SWEEP, EXPERTS, SPARSITY, ERRORS, READING)
