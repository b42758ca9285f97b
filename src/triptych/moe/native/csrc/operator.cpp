// What PyTorch sees: triptych_moe::experts and triptych_moe::softmax_topk, with gradients.

#include "experts.h"
#include "selection.h"

#include <ATen/Dispatch.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace triptych {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// Elements of hidden rows that are worked on together: 4 MiB in single precision. A quarter of it
// was slower, because products get too short; four times as much was not faster.
constexpr int64_t kPiece = 1 << 20;

enum class Kind : int64_t { relu, gelu, swiglu };

template <typename T, typename Body>
void with_activation(int64_t kind, const Body& body) {
  switch (static_cast<Kind>(kind)) {
    case Kind::relu:
      return body(ReLU<T>());
    case Kind::gelu:
      return body(GELU<T>());
    case Kind::swiglu:
      return body(SwiGLU<T>());
  }
  TORCH_CHECK(false, "unknown activation ", kind);
}

int64_t rows_per_piece(const Layer& layer) {
  return std::clamp<int64_t>(kPiece / layer.hidden(), 64, 4096);
}

// Contiguous; undefined where there is none.
Tensor dense(const std::optional<Tensor>& tensor) {
  return tensor && tensor->defined() ? tensor->contiguous() : Tensor();
}

// Memory that is new at each step: in small pages, the system takes longer to hand it out than the
// activation takes to fill it.
Tensor fresh(int64_t rows, int64_t width, const at::TensorOptions& options) {
  const auto made = at::empty({rows, width}, options);
#if defined(__linux__)
  constexpr uintptr_t page = 1 << 21;
  const auto begin = reinterpret_cast<uintptr_t>(made.data_ptr());
  const auto first = (begin + page - 1) / page * page, last = (begin + made.nbytes()) / page * page;
  if (first < last) {
    madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);  // a wish: may fail
  }
#endif
  return made;
}

Tensor grad_of(AutogradContext* ctx, size_t input, const Tensor& like, bool add) {
  if (!like.defined() || !ctx->needs_input_grad(input)) {
    return {};
  }
  return add ? at::zeros_like(like) : at::empty_like(like);
}

void refuse_second_derivative() {
  TORCH_CHECK(!at::GradMode::is_enabled(),
              "the fused operator has no second derivative: take model/dispatch=reference");
}

using Optional = std::optional<Tensor>;

class Experts : public Function<Experts> {
 public:
  // Required tensors come first: an absent optional one has no number in needs_input_grad.
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& gates,
                        const Tensor& up, const Tensor& down, const Optional& up_bias,
                        const Optional& down_bias, const Tensor& experts, const Optional& running,
                        const Optional& noise, int64_t kind, bool keep) {
    const Layer layer{dense(x),    dense(gates),     dense(up),   dense(up_bias),
                      dense(down), dense(down_bias), dense(noise)};
    const auto routes = sort_routes(dense(experts), dense(running), layer.experts());
    Tensor hidden, y;
    if (keep) {
      hidden = fresh(routes.route.numel(), layer.hidden(), layer.x.options());
    }
    AT_DISPATCH_FLOATING_TYPES(layer.x.scalar_type(), "experts", [&] {
      with_activation<scalar_t>(kind, [&](auto activation) {
        y = triptych::forward<scalar_t, decltype(activation)>(layer, routes, hidden,
                                                              rows_per_piece(layer));
      });
    });
    if (keep) {
      ctx->save_for_backward({layer.x, layer.gates, layer.up, layer.up_bias, layer.down,
                              layer.down_bias, layer.noise, routes.route, routes.starts, hidden});
      ctx->saved_data["kind"] = kind;
    }
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    refuse_second_derivative();
    const auto saved = ctx->get_saved_variables();
    const Layer layer{saved[0], saved[1], saved[2], saved[3], saved[4], saved[5], saved[6]};
    const Routes routes{saved[7], saved[8]};
    const size_t last = layer.up_bias.defined() ? 5 : 4;
    const Gradients to{grad_of(ctx, 0, layer.x, true),    grad_of(ctx, 1, layer.gates, true),
                       grad_of(ctx, 2, layer.up, false),  grad_of(ctx, 4, layer.up_bias, true),
                       grad_of(ctx, 3, layer.down, false), grad_of(ctx, last, layer.down_bias, true)};
    const auto grad = grads[0].contiguous();
    AT_DISPATCH_FLOATING_TYPES(layer.x.scalar_type(), "experts_backward", [&] {
      with_activation<scalar_t>(ctx->saved_data["kind"].toInt(), [&](auto activation) {
        triptych::backward<scalar_t, decltype(activation)>(layer, routes, saved[9], grad, to,
                                                           rows_per_piece(layer));
      });
    });
    return {to.x, to.gates, to.up, to.down, to.up_bias, to.down_bias, {}, {}, {}, {}, {}};
  }
};

void check_shapes(const Tensor& x, const Tensor& gates, const Tensor& up, const Tensor& down,
                  const Tensor& experts) {
  for (const auto& tensor : {x, gates, up, down, experts}) {
    TORCH_CHECK(tensor.is_cpu(), "the fused operator runs on the CPU alone");
  }
  for (const auto& tensor : {gates, up, down}) {
    TORCH_CHECK(tensor.scalar_type() == x.scalar_type(), "all must have the type of x");
  }
  TORCH_CHECK(experts.sizes() == gates.sizes() && experts.size(0) == x.size(0),
              "experts and gates must be (T, K)");
  TORCH_CHECK(up.dim() == 3 && down.dim() == 3 && up.size(0) == down.size(0) &&
                  up.size(2) == x.size(1),
              "weights must be (E, W, D) and (E, O, F)");
}

Tensor experts(const Tensor& x, const Tensor& gates, const Tensor& up, const Optional& up_bias,
               const Tensor& down, const Optional& down_bias, const Tensor& experts,
               const Optional& running, const Optional& noise, int64_t kind) {
  check_shapes(x, gates, up, down, experts);
  bool keep = false;
  for (const Optional& input : {Optional(x), Optional(gates), Optional(up), up_bias, Optional(down),
                                down_bias}) {
    keep |= input && input->defined() && input->requires_grad();
  }
  return Experts::apply(x, gates, up, down, up_bias, down_bias, experts, running, noise, kind,
                        keep && at::GradMode::is_enabled());
}

class SoftmaxTopK : public Function<SoftmaxTopK> {
 public:
  static variable_list forward(AutogradContext* ctx, const Tensor& logits, int64_t top_k,
                               bool renormalise) {
    const auto from = logits.contiguous();
    const auto probs = at::empty_like(from);
    const auto gates = at::empty({from.size(0), top_k}, from.options());
    const auto experts = at::empty({from.size(0), top_k}, from.options().dtype(at::kLong));
    AT_DISPATCH_FLOATING_TYPES(from.scalar_type(), "softmax_topk", [&] {
      choose<scalar_t>(from, top_k, renormalise, probs, gates, experts);
    });
    ctx->set_materialize_grads(false);
    ctx->mark_non_differentiable({experts});
    ctx->save_for_backward({probs, experts});
    ctx->saved_data["renormalise"] = renormalise;
    return {probs, gates, experts};
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    refuse_second_derivative();
    const auto saved = ctx->get_saved_variables();
    const auto dlogits = at::empty_like(saved[0]);
    const auto dprobs = dense(grads[0]), dgates = dense(grads[1]);
    AT_DISPATCH_FLOATING_TYPES(dlogits.scalar_type(), "softmax_topk_backward", [&] {
      choose_backward<scalar_t>(saved[0], saved[1], ctx->saved_data["renormalise"].toBool(), dprobs,
                                dgates, dlogits);
    });
    return {dlogits, {}, {}};
  }
};

std::tuple<Tensor, Tensor, Tensor> softmax_topk(const Tensor& logits, int64_t top_k,
                                                bool renormalise) {
  TORCH_CHECK(logits.is_cpu() && logits.dim() == 2, "logits must be (T, E) on the CPU");
  TORCH_CHECK(top_k >= 1 && top_k <= logits.size(1), "top_k must be in [1, E]");
  const auto out = SoftmaxTopK::apply(logits, top_k, renormalise);
  return {out[0], out[1], out[2]};
}

}  // namespace triptych

TORCH_LIBRARY(triptych_moe, library) {
  library.def(
      "experts(Tensor x, Tensor gates, Tensor up, Tensor? up_bias, Tensor down, Tensor? down_bias,"
      " Tensor experts, Tensor? running, Tensor? noise, int activation) -> Tensor",
      &triptych::experts);
  library.def(
      "softmax_topk(Tensor logits, int top_k, bool renormalise)"
      " -> (Tensor probs, Tensor gates, Tensor experts)",
      &triptych::softmax_topk);
}
