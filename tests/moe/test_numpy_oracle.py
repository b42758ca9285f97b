"""A whole layer once more in plain numpy, which shares no line with the library."""

import numpy as np
import pytest
import torch

from triptych.moe import MoE, ReLU, SoftmaxTopK, StackedMLP, SwiGLU, TopKSoftmax, UnnormalisedTopK

Weights = dict[str, np.ndarray]


def relu(hidden: np.ndarray) -> np.ndarray:
    return np.maximum(hidden, 0)


def swiglu(hidden: np.ndarray) -> np.ndarray:
    gate, value = np.split(hidden, 2)
    return gate / (1 + np.exp(-gate)) * value


def oracle(x: np.ndarray, w: Weights, activation, top_k: int, renormalise: bool) -> np.ndarray:
    y = np.zeros((len(x), w["experts.down"].shape[1]))
    for t, token in enumerate(x):
        logits = w["router.scores.linear.weight"] @ token
        probs = np.exp(logits - logits.max())
        probs /= probs.sum()
        best = np.argsort(-probs)[:top_k]
        gates = probs[best] / probs[best].sum() if renormalise else probs[best]
        for gate, e in zip(gates, best, strict=True):
            hidden = activation(w["experts.up"][e] @ token + w["experts.up_bias"][e])
            y[t] += gate * (w["experts.down"][e] @ hidden + w["experts.down_bias"][e])
    return y


@pytest.mark.parametrize(("activation", "plain"), [(ReLU, relu), (SwiGLU, swiglu)])
@pytest.mark.parametrize(
    ("router", "top_k", "renormalise"),
    [
        (SoftmaxTopK, 1, False),
        (SoftmaxTopK, 2, True),
        (SoftmaxTopK, 5, True),
        (TopKSoftmax, 2, True),
        (UnnormalisedTopK, 1, False),
        (UnnormalisedTopK, 3, False),
    ],
)
def test_a_layer_does_what_thirty_lines_of_numpy_do(activation, plain, router, top_k, renormalise):
    torch.manual_seed(0)
    experts = StackedMLP(5, 6, 3, d_hidden=7, activation=activation)
    layer = MoE(router(6, 5, top_k=top_k), experts).double()
    with torch.no_grad():
        layer.router.scores.linear.weight.normal_()
    weights = {name: value.numpy() for name, value in layer.state_dict().items()}
    x = torch.randn(20, 6, dtype=torch.double)
    wanted = oracle(x.numpy(), weights, plain, top_k, renormalise)
    np.testing.assert_allclose(layer(x)[0].detach().numpy(), wanted, rtol=1e-10, atol=1e-12)
