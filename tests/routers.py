"""Every router that `model/router=` knows and that goes by tokens: a new file there is covered by
being there. The oracle goes by families, see tests/moe/routers/test_oracle.py."""

from collections.abc import Callable
from functools import cache

from hydra.utils import instantiate

from triptych.errors import IncompatibleSettings
from triptych.moe import Router

from .composed import CONF, composed

ROUTERS = sorted({file.stem for file in (CONF / "model/router").glob("*.yaml")} - {"oracle"})


@cache
def recipe(name: str, top_k: int) -> Callable[[int, int], Router]:
    """What makes the router from (d_in, num_experts), as the configuration has it."""
    config = composed("model=moe", f"model/router={name}", f"model.top_k={top_k}")
    return instantiate(config["model"]["router"], _convert_="all")


@cache
def fitting_top_k(name: str) -> int:
    """2, or 1 where the router takes nothing else."""
    for top_k in (2, 1):
        try:
            recipe(name, top_k)(4, 4)
        except IncompatibleSettings:
            continue
        return top_k
    raise AssertionError(f"{name} takes neither 2 experts nor 1")


def router(name: str, d_in: int, num_experts: int) -> Router:
    """With as many experts per token as it takes."""
    return recipe(name, fitting_top_k(name))(d_in, num_experts)


def choice(name: str) -> tuple[str, ...]:
    """The overrides that ask for it."""
    return ("model=moe", f"model/router={name}", f"model.top_k={fitting_top_k(name)}")
