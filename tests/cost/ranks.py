"""What a device holds and sends when several processes train a net, for each strategy."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, final

import lightning as L
import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from triptych.moe import (
    MoE,
    Routing,
    SoftmaxTopK,
    StackedMLP,
    expert_groups,
    shard_experts,
)
from triptych.run.build import build_data, build_module
from triptych.training import DataParallelStrategy, ExpertParallelStrategy

from ..composed import composed
from ..training.tiny import trainer
from .wire import sent

WIDTH, HIDDEN, DEPTH, D_IN, CLASSES = 128, 512, 2, 32, 4
EXPERTS, EXPERT, SPARSITY, BATCH = 8, 128, 0.75, 1024
NET = (
    f"model.backbone.build.d_model={WIDTH}",
    f"model.d_hidden={HIDDEN}",
    f"data.batch_size={BATCH}",
    f"data.n_train={2 * BATCH}",
)
FFN = ("model=ffn", *NET)
MASKED = ("model=sparse", f"model.sparsity={SPARSITY}", *NET)
CSR = (*MASKED, "model/kernel=csr")
MIXTURE = ("model=moe", *NET, f"model.num_experts={EXPERTS}", f"model.d_hidden={EXPERT}")


@final
@dataclass(frozen=True)
class Case:
    """A net and how it is spread.

    Attributes:
        model: overrides.
        strategy: `ddp`, `fsdp`, or expert parallelism over so many ranks.
        precision: of the trainer.
    """

    model: tuple[str, ...]
    strategy: str | int
    precision: Any = "32-true"


TWO = {
    "dense, ddp": Case(FFN, "ddp"),
    "masked, ddp": Case(MASKED, "ddp"),
    "csr, ddp": Case(CSR, "ddp"),
    "moe, ddp": Case(MIXTURE, "ddp"),
    "moe, experts": Case(MIXTURE, 2),
    "moe, experts, bf16-mixed": Case(MIXTURE, 2, "bf16-mixed"),
    "dense, fsdp": Case(FFN, "fsdp"),
    "masked, fsdp": Case(MASKED, "fsdp"),
    "moe, fsdp": Case(MIXTURE, "fsdp"),
}
FOUR = {
    "csr, ddp": Case(CSR, "ddp"),
    "moe, experts in two copies": Case(MIXTURE, 2),
    "dense, fsdp": Case(FFN, "fsdp"),
}
CASES = {(name, 2): case for name, case in TWO.items()}
CASES |= {(name, 4): case for name, case in FOUR.items()}


@cache
def config(*overrides: str) -> dict[str, Any]:
    """Composed once for all strategies."""
    return composed(*overrides)


@final
class Watched(L.Callback):
    """Notes the bytes that a step sends, and where its tokens go."""

    def __init__(self) -> None:
        self.bytes: list[int] = []
        self.loads: dict[str, Tensor] = {}
        self.found: dict[str, Any] = {}

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        for name, layer in pl_module.named_modules():
            if isinstance(layer, MoE):
                layer.register_forward_hook(partial(self._load, name))

    def _load(self, name: str, _: nn.Module, __: Any, output: tuple[Tensor, Routing]) -> None:
        self.loads[name] = output[1].executed_load().clone()

    def on_train_batch_start(self, *_: Any) -> None:
        self.bytes.append(-together_sent())

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        self.bytes[-1] += together_sent()
        model = trainer.strategy.model
        assert isinstance(model, DistributedDataParallel)
        self.found = held(model, trainer.optimizers[0])
        assert not model.broadcast_buffers  # few bytes in some nets
        self.found["working"] = copied(model)
        self.found["loads"] = list(self.loads.values())


def together_sent() -> int:
    """When all ranks have received what was sent to them."""
    dist.barrier()
    return sent()


def held(net: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Bytes by kind, of the local parts."""
    parameters = list(net.parameters())
    # Not the optimizer's count of steps, one number per tensor.
    state = [v for one in optimizer.state.values() for v in one.values() if v.ndim]
    return {
        "weights": size(parameters),
        "gradients": size(p.grad for p in parameters if p.grad is not None),
        "optimizer": size(state),
        "fixed": size(net.buffers()),
    }


def copied(model: DistributedDataParallel) -> int:
    """Bytes of the buckets in which no gradients lie."""
    # Private, but the only word that DDP gives of its buckets.
    told = model._get_ddp_logging_data()
    sizes = told.get("rebuilt_bucket_sizes") or told["bucket_sizes"]
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    views = [each for each in gradients if each.untyped_storage().nbytes() > each.nbytes]
    return sum(map(int, sizes.split(","))) - size(views)


def size(tensors: Iterable[Tensor]) -> int:
    """Bytes of the storages; of a distributed tensor those that are here."""
    local = [t.to_local() if isinstance(t, DTensor) else t for t in tensors]
    storages = [t.untyped_storage() for t in local]
    return sum({one.data_ptr(): one.nbytes() for one in storages}.values())


def trained(case: Case, world: int) -> dict[str, Any]:
    """By our trainer."""
    data = build_data(config(*case.model))
    module = build_module(config(*case.model), data)
    spread = case.strategy != "ddp"
    how = ExpertParallelStrategy(int(case.strategy)) if spread else DataParallelStrategy()
    watched = Watched()
    settings = {"precision": case.precision, "limit_val_batches": 0}
    trainer([watched], devices=world, strategy=how, **settings).fit(module, data)
    return {**watched.found, "sent": watched.bytes[-1]}


def sharded(case: Case) -> dict[str, Any]:
    """By `fully_shard` of each block, without our trainer."""
    settings = config(*case.model)
    net = build_module(settings, build_data(settings)).network
    mesh = torch.distributed.device_mesh.init_device_mesh("cpu", (dist.get_world_size(),))
    for block in net.get_submodule("blocks").children():
        fully_shard(block, mesh=mesh)
    fully_shard(net, mesh=mesh)
    optimizer = torch.optim.Adam(net.parameters())
    x, y = torch.randn(64, D_IN), torch.zeros(64, dtype=torch.long)
    bytes_sent = 0
    for _ in range(2):
        optimizer.zero_grad()
        bytes_sent = -together_sent()
        F.cross_entropy(net(x)[0], y).backward()
        optimizer.step()
        bytes_sent += together_sent()
    return {**held(net, optimizer), "sent": bytes_sent, "loads": []}


def layer_alone(world: int) -> dict[str, Any]:
    """One MoE layer under autocast that gets single precision, as norms give it on a GPU: rows
    leave in 4 bytes, answers come back in 2. Nothing else is sent."""
    torch.manual_seed(0)
    bank = StackedMLP(EXPERTS, WIDTH, WIDTH, d_hidden=EXPERT)
    layer = MoE(SoftmaxTopK(WIDTH, EXPERTS, top_k=2), bank)
    shard_experts(layer, expert_groups(world))
    x = torch.randn(BATCH // world, WIDTH, requires_grad=True)
    loads, bytes_sent = torch.zeros(EXPERTS), 0
    for _ in range(2):
        bytes_sent = -together_sent()
        with torch.autocast("cpu", torch.bfloat16):
            y, routing = layer(x)
        y.float().square().sum().backward()
        bytes_sent += together_sent()
        loads = routing.executed_load()
    return {"sent": bytes_sent, "loads": [loads]}


def found(rank: int, world: int) -> dict[str, Any]:
    """By case."""
    cases = TWO if world == 2 else FOUR
    by_case = {
        name: sharded(case) if case.strategy == "fsdp" else trained(case, world)
        for name, case in cases.items()
    }
    return {**by_case, "layer alone": layer_alone(world)}
