"""What `triton_dispatch` must do on any device, for its tests in the interpreter and on a GPU."""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from triptych.dropout import Dropout
from triptych.moe import GELU, ReLU, SwiGLU, triton_dispatch

from .stacked_cases import Case, check_agreement, outcome, weighted_sum

CASES = [
    Case(activation=activation, bias=bias, runs=runs)
    for activation in (ReLU, GELU, SwiGLU)
    for bias, runs in ((True, "all"), (True, "some"), (False, "some"))
]
EDGES = [
    Case(tokens=0),
    Case(tokens=1, experts=6),
    Case(top_k=1, one_expert=True, activation=SwiGLU),
    Case(experts=1, top_k=1),
    Case(top_k=4),
    Case(tokens=3, runs="none"),
]


def agrees_with_transposed_and_expanded_gradients(device: str) -> None:
    def transposed(y: Tensor) -> Tensor:
        return weighted_sum(y.t().contiguous().t())

    for loss in (torch.sum, transposed):
        check_agreement(triton_dispatch, Case(runs="some"), torch.float32, device, loss)


def agrees_on_tokens_that_are_not_contiguous(device: str) -> None:
    def strided(x, routing, experts):
        wide = torch.stack([x, x], dim=2)
        return triton_dispatch(wide[:, :, 0], replace(routing, gates=_strided(routing)), experts)

    check_agreement(strided, Case(runs="some"), torch.float32, device)


def _strided(routing) -> Tensor:
    return torch.stack([routing.gates, routing.gates], dim=2)[:, :, 0]


def agrees_with_dropout_that_drops_whole_columns(device: str, monkeypatch) -> None:
    """With a dropout that does the same to every row, in whatever order rows come."""

    def columns(x: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
        return x * torch.linspace(-1, 2, x.shape[1], device=x.device, dtype=x.dtype)

    monkeypatch.setattr(F, "dropout", columns)
    monkeypatch.setattr(Dropout, "factors", lambda _, shape, like: columns(like.new_ones(shape)))
    for activation in (ReLU, SwiGLU):
        case = Case(activation=activation, dropout=0.5, runs="some")
        check_agreement(triton_dispatch, case, torch.float32, device)


def computes_in_the_precision_of_autocast(device: str) -> None:
    case = Case(activation=SwiGLU, runs="some")

    def autocast(x, routing, experts):
        with torch.autocast(device, torch.bfloat16):
            y = triton_dispatch(x, routing, experts)
        assert y.dtype == torch.bfloat16
        return y.float()

    ours, exact = (
        outcome(dispatch, case, torch.float32, device) for dispatch in (autocast, triton_dispatch)
    )
    for name, value in exact.items():
        assert 0 < (ours[name] - value).norm() < 2e-2 * value.norm(), name


def keeps_one_tensor_of_n_rows_for_backward(device: str) -> None:
    case = Case(activation=SwiGLU)
    kept: list[Tensor] = []

    def note(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    bank, x = case.bank(torch.float32, device), case.x(torch.float32, device).requires_grad_()
    routing = case.routing(case.gates(torch.float32, device))
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        triton_dispatch(x, routing, bank)
    routes = case.tokens * case.top_k
    assert [t.shape for t in kept if len(t) == routes] == [(routes, 2 * case.hidden)]


def gives_no_gradient_to_what_is_frozen(device: str) -> None:
    case = Case()
    bank, x = case.bank(torch.float32, device), case.x(torch.float32, device)
    for parameter in (bank.up, bank.up_bias, bank.down):
        assert parameter is not None
        parameter.requires_grad_(False)
    routing = case.routing(case.gates(torch.float32, device))
    triton_dispatch(x, routing, bank).sum().backward()
    assert {n for n, p in bank.named_parameters() if p.grad is not None} == {"down_bias"}


def shows_a_nan_of_the_tokens(device: str) -> None:
    """A run that diverged must be seen, and no token may be harmed by another."""
    case = Case()
    x = case.x(torch.float32, device)
    x[2] = torch.nan
    routing = case.routing(case.gates(torch.float32, device))
    y = triton_dispatch(x, routing, case.bank(torch.float32, device))
    assert y.isnan().any(dim=1).nonzero().flatten().tolist() == [2]
