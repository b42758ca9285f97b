// What PyTorch sees: triptych_sparse::blocks, with gradients.

#include "blocks.h"

#include <ATen/Dispatch.h>
#include <ATen/ops/sum.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace triptych::sparse {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

class BlockProduct : public Function<BlockProduct> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& values,
                        const Tensor& bias, const Tensor& columns, const Tensor& starts) {
    const Blocks blocks{values.contiguous(), columns.contiguous(), starts.contiguous()};
    const auto inputs = x.contiguous();
    check(blocks, inputs.size(1) / blocks.width());
    ctx->save_for_backward({inputs, blocks.values, blocks.columns, blocks.starts});
    return AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "blocks", [&] {
      return sparse::forward<scalar_t>(inputs, blocks, bias.contiguous());
    });
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    TORCH_CHECK(!at::GradMode::is_enabled(),
                "the compiled product of blocks has no second derivative: take model/kernel=masked");
    const auto saved = ctx->get_saved_variables();
    const auto& x = saved[0];
    const Blocks blocks{saved[1], saved[2], saved[3]};
    const auto dy = grads[0].contiguous();
    Tensor dx, dvalues, dbias;
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "blocks_backward", [&] {
      if (ctx->needs_input_grad(0)) {
        dx = input_gradient<scalar_t>(dy, blocks, x.size(1));
      }
      if (ctx->needs_input_grad(1)) {
        dvalues = values_gradient<scalar_t>(dy, x, blocks);
      }
    });
    if (ctx->needs_input_grad(2)) {
      dbias = at::sum(dy, 0);
    }
    return {dx, dvalues, dbias, {}, {}};
  }
};

Tensor blocks(const Tensor& x, const Tensor& values, const Tensor& bias, const Tensor& columns,
              const Tensor& starts) {
  for (const auto& tensor : {x, values, bias, columns, starts}) {
    TORCH_CHECK(tensor.is_cpu(), "the compiled product of blocks runs on the CPU alone");
  }
  for (const auto& tensor : {values, bias}) {
    TORCH_CHECK(tensor.scalar_type() == x.scalar_type(), "all must have the type of x");
  }
  for (const auto& tensor : {columns, starts}) {
    TORCH_CHECK(tensor.scalar_type() == at::kLong, "places must be integers of 64 bits");
  }
  TORCH_CHECK(values.dim() == 3 && values.size(1) == values.size(2) && values.size(1) > 0 &&
                  columns.numel() == values.size(0),
              "values must be (N, B, B) and columns (N)");
  TORCH_CHECK(x.dim() == 2 && x.size(1) % values.size(1) == 0, "x must be (T, D), D of whole blocks");
  TORCH_CHECK(starts.numel() > 0 && bias.numel() == (starts.numel() - 1) * values.size(1),
              "starts must be (O / B + 1) and bias (O)");
  return BlockProduct::apply(x, values, bias, columns, starts);
}

}  // namespace triptych::sparse

TORCH_LIBRARY(triptych_sparse, library) {
  library.def(
      "blocks(Tensor x, Tensor values, Tensor bias, Tensor columns, Tensor starts) -> Tensor",
      &triptych::sparse::blocks);
}
