import pytest
import torch

from triptych.moe import NoisyTopK, importance_load_loss
from triptych.moe.routers.noisy_topk import chance_in_top_k

from ..cases import reading_logits, rows


def tokens(number: int, experts: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(number, experts, generator=generator, dtype=torch.double)


def test_without_noise_gates_are_the_softmax_over_the_chosen():
    router = reading_logits(NoisyTopK(4, 4, top_k=2)).eval()
    decision = router(rows([0.0, 3.0, 1.0, 2.0]))
    assert decision.experts.tolist() == [[1, 3]]
    torch.testing.assert_close(decision.gates, torch.softmax(rows([3.0, 2.0]), dim=1))


@pytest.mark.parametrize("training", [True, False])
def test_the_gate_of_one_expert_is_not_renormalised(training):
    router = reading_logits(NoisyTopK(4, 4, top_k=1)).train(training)
    gates = router(tokens(50, 4)).gates
    assert (gates < 1).all()
    assert (gates >= 1 / 4).all()  # the largest of a softmax over 4


def test_noise_moves_choices_and_gates_in_training_but_not_probabilities():
    router = reading_logits(NoisyTopK(4, 4, top_k=2))
    x = tokens(100, 4)
    noisy, clean = router.train()(x), router.eval()(x)
    assert not torch.equal(noisy.experts, clean.experts)
    assert not torch.allclose(noisy.gates, clean.gates)
    assert torch.equal(noisy.probs, clean.probs)
    assert torch.equal(noisy.logits, clean.logits)


def test_the_noise_is_the_softplus_of_its_own_linear_map():
    router = NoisyTopK(2, 3, top_k=1).double()
    with torch.no_grad():
        router.scores.linear.weight.zero_()
        router.noise.linear.weight.copy_(torch.tensor([[2.0, 0.0], [-9.0, 0.0], [-9.0, 0.0]]))
    first = router.requires_grad_(False)(rows([1.0, 0.0]).expand(20_000, 2))
    # Noise of 2.127 on expert 0 and nearly none on the others: it wins every second time.
    share = float((first.experts == 0).double().mean())
    assert share == pytest.approx(0.5, abs=0.02)
    deviation = torch.nn.functional.softplus(torch.tensor(2.0))
    odds = torch.log(first.gates[first.experts == 0] * 2 / (1 - first.gates[first.experts == 0]))
    # log(2 p / (1 - p)) is the noise itself, where it is positive: half of a normal law.
    assert float(odds.square().mean().sqrt()) == pytest.approx(float(deviation), rel=0.03)


def test_chances_of_a_small_case():
    clean, noisy = rows([2.0, 1.0, 0.0]), rows([1.5, 1.0, 3.0])
    chances = chance_in_top_k(clean, noisy, rows([1.0, 2.0, 0.5]), 2)
    # The second largest of the others: 1.0 for 0 and 2, which are in; 1.5 for 1, which is not.
    wanted = torch.special.ndtr(rows([2.0 - 1.0, (1.0 - 1.5) / 2, (0.0 - 1.0) / 0.5]))
    torch.testing.assert_close(chances, wanted)


@pytest.mark.parametrize("top_k", [1, 2, 3])
def test_chances_are_the_frequencies_when_noise_is_drawn_again(top_k):
    torch.manual_seed(0)
    clean, deviation = torch.randn(1, 4).double(), torch.rand(1, 4).double() + 0.5
    noisy = clean + torch.randn(1, 4).double() * deviation
    chances = chance_in_top_k(clean, noisy, deviation, top_k)[0]
    for expert in range(4):
        again = noisy.repeat(20_000, 1)
        again[:, expert] = clean[0, expert] + torch.randn(20_000).double() * deviation[0, expert]
        chosen = (again.topk(top_k, dim=1).indices == expert).any(dim=1)
        assert float(chosen.double().mean()) == pytest.approx(float(chances[expert]), abs=0.015)


@pytest.mark.parametrize("top_k", [1, 2, 3, 4])
def test_the_smooth_load_sums_to_k_per_token_on_average(top_k):
    """Thresholds among probabilities, as in a well-known library, would make it nearly 2 k."""
    torch.manual_seed(0)
    router = reading_logits(NoisyTopK(4, 4, top_k=top_k))
    chances = router(tokens(20_000, 4)).chances.detach()
    assert float(chances.sum()) / 20_000 == pytest.approx(top_k, rel=0.01)


@pytest.mark.parametrize("top_k", [2, 4])
@pytest.mark.parametrize("training", [True, False])
def test_the_load_loss_is_a_number_in_training_and_in_evaluation(training, top_k):
    """In evaluation a library divided by a noise of 0."""
    router = reading_logits(NoisyTopK(4, 4, top_k=top_k)).train(training)
    loss = importance_load_loss(router(tokens(30, 4)))
    assert torch.isfinite(loss)
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in router.parameters() if p.grad is not None)


def test_the_load_loss_teaches_the_noise():
    router = reading_logits(NoisyTopK(4, 4, top_k=2))
    importance_load_loss(router(tokens(30, 4))).backward()
    assert float(router.noise.linear.weight.grad.norm()) > 1e-4
