// The experts on their rows, forward and backward, without autograd.
#pragma once

#include "activations.h"
#include "products.h"
#include "routes.h"

#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

namespace triptych {

// Contiguous tensors of one type. Biases and noise may be undefined.
struct Layer {
  at::Tensor x, gates, up, up_bias, down, down_bias, noise;

  int64_t experts() const { return up.size(0); }
  int64_t hidden() const { return up.size(1); }  // outputs of the first product
  int64_t units() const { return down.size(2); }
  int64_t d_in() const { return up.size(2); }
  int64_t d_out() const { return down.size(1); }
  int64_t top_k() const { return gates.size(1); }
};

template <typename T>
T* at_row(const at::Tensor& matrix, int64_t row) {
  return matrix.defined() ? matrix.data_ptr<T>() + row * matrix.stride(0) : nullptr;
}

template <typename T>
at::Tensor workspace(int64_t rows, int64_t width) {
  return at::empty({rows, width}, c10::CppTypeToScalarType<T>::value);
}

template <typename T>
void multiply(T* __restrict__ row, const T* __restrict__ by, int64_t length) {
  for (int64_t i = 0; by != nullptr && i < length; ++i) {
    row[i] *= by[i];
  }
}

template <typename T>
void first_layer(const Layer& layer, const Piece& piece, const T* rows, T* h) {
  const int64_t width = layer.hidden();
  const T* bias = at_row<T>(layer.up_bias, piece.expert);
  for (int64_t i = 0; bias != nullptr && i < piece.rows; ++i) {
    std::memcpy(h + i * width, bias, width * sizeof(T));
  }
  product(matrix(h, piece.rows, width), matrix(rows, piece.rows, layer.d_in()),
          transposed(at_row<T>(layer.up, piece.expert), width, layer.d_in()), bias != nullptr);
}

template <typename T, typename Activation>
void activate(const Layer& layer, const Piece& piece, const int64_t* route, const T* h, T* out) {
  const int64_t units = layer.units();
  const T* gates = layer.gates.const_data_ptr<T>();
  at::parallel_for(0, piece.rows, rows_per_task(units), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Activation::forward(h + i * layer.hidden(), out + i * units, units, gates[route[i]]);
      multiply(out + i * units, at_row<T>(layer.noise, piece.begin + i), units);
    }
  });
}

// y_t = sum over the routes r of t of down_e (gate_r act(up_e x_t + up_bias_e)) + gate_r down_bias_e.
// The gate is applied before the second product, so that backward needs no copy of its result.
// `hidden` (N, W) takes what backward wants; undefined, it is thrown away.
template <typename T, typename Activation>
at::Tensor forward(const Layer& layer, const Routes& routes, const at::Tensor& hidden, int64_t most) {
  const auto y = at::zeros({layer.x.size(0), layer.d_out()}, layer.x.options());
  const auto work = pieces(routes.starts, most);
  const int64_t room = longest(work);
  const at::Tensor rows = workspace<T>(room, layer.d_in());
  const at::Tensor active = workspace<T>(room, layer.units());
  const at::Tensor answers = workspace<T>(room, layer.d_out());
  const at::Tensor spare = workspace<T>(hidden.defined() ? 0 : room, layer.hidden());
  T *x = rows.data_ptr<T>(), *a = active.data_ptr<T>(), *out = answers.data_ptr<T>();
  for (const auto& piece : work) {
    const auto* route = routes.route.const_data_ptr<int64_t>() + piece.begin;
    T* h = hidden.defined() ? at_row<T>(hidden, piece.begin) : spare.data_ptr<T>();
    gather(layer.x.const_data_ptr<T>(), route, layer.top_k(), piece.rows, layer.d_in(), x);
    first_layer<T>(layer, piece, x, h);
    activate<T, Activation>(layer, piece, route, h, a);
    const T* bias = at_row<T>(layer.down_bias, piece.expert);
    for (int64_t i = 0; bias != nullptr && i < piece.rows; ++i) {
      const T gate = layer.gates.const_data_ptr<T>()[route[i]];
      for (int64_t o = 0; o < layer.d_out(); ++o) {
        out[i * layer.d_out() + o] = gate * bias[o];
      }
    }
    product(matrix(out, piece.rows, layer.d_out()), matrix(a, piece.rows, layer.units()),
            transposed(at_row<T>(layer.down, piece.expert), layer.d_out(), layer.units()),
            bias != nullptr);
    scatter_add(out, route, layer.top_k(), piece.rows, layer.d_out(), y.data_ptr<T>());
  }
  return y;
}

// Undefined where nobody asks for the gradient.
struct Gradients {
  at::Tensor x, gates, up, up_bias, down, down_bias;
};

// Weights are written by the first piece of their expert; of experts without rows they are zero.
template <typename T>
void clear_idle(const at::Tensor& starts, const at::Tensor& grad) {
  const auto* start = starts.const_data_ptr<int64_t>();
  for (int64_t e = 0; grad.defined() && e + 1 < starts.numel(); ++e) {
    if (start[e] == start[e + 1]) {
      std::memset(at_row<T>(grad, e), 0, grad.stride(0) * sizeof(T));
    }
  }
}

// From the gradient of the hidden units to that of the first product, and of the gates.
template <typename T, typename Activation>
void activation_backward(const Layer& layer, const Piece& piece, const int64_t* route, const T* h,
                         const T* dy, T* active, T* dh, T* dgates) {
  const int64_t units = layer.units(), width = layer.hidden(), out = layer.d_out();
  const T* gates = layer.gates.const_data_ptr<T>();
  const T* bias = at_row<T>(layer.down_bias, piece.expert);
  at::parallel_for(0, piece.rows, rows_per_task(units), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T* noise = at_row<T>(layer.noise, piece.begin + i);
      multiply(active + i * units, noise, units);
      T dgate = Activation::backward(h + i * width, active + i * units, dh + i * width, units,
                                     gates[route[i]]);
      multiply(active + i * units, noise, units);
      for (int64_t o = 0; bias != nullptr && o < out; ++o) {
        dgate += bias[o] * dy[i * out + o];
      }
      if (dgates != nullptr) {
        dgates[route[i]] = dgate;
      }
    }
  });
}

template <typename T, typename Activation>
void backward(const Layer& layer, const Routes& routes, const at::Tensor& hidden,
              const at::Tensor& grad, const Gradients& to, int64_t most) {
  const auto work = pieces(routes.starts, most);
  const int64_t room = longest(work), d_in = layer.d_in(), d_out = layer.d_out();
  const int64_t width = layer.hidden(), units = layer.units();
  const at::Tensor x = workspace<T>(room, d_in), dy = workspace<T>(room, d_out);
  const at::Tensor active = workspace<T>(room, units), dh = workspace<T>(room, width);
  std::vector<T> scale(room);
  T *px = x.data_ptr<T>(), *pdy = dy.data_ptr<T>();
  T *pa = active.data_ptr<T>(), *pdh = dh.data_ptr<T>();
  for (const auto* weight : {&to.up, &to.down}) {
    clear_idle<T>(routes.starts, *weight);
  }
  for (const auto& piece : work) {
    const int64_t rows = piece.rows, e = piece.expert;
    const auto* route = routes.route.const_data_ptr<int64_t>() + piece.begin;
    gather(grad.const_data_ptr<T>(), route, layer.top_k(), rows, d_out, pdy);
    product(matrix(pa, rows, units), matrix(pdy, rows, d_out),
            matrix(at_row<T>(layer.down, e), d_out, units), false);
    activation_backward<T, Activation>(layer, piece, route, at_row<T>(hidden, piece.begin), pdy, pa,
                                       pdh, to.gates.defined() ? to.gates.data_ptr<T>() : nullptr);
    if (to.down.defined()) {
      product(matrix(at_row<T>(to.down, e), d_out, units), transposed(pdy, rows, d_out),
              matrix(pa, rows, units), !piece.first);
    }
    if (to.down_bias.defined()) {
      const T* gates = layer.gates.const_data_ptr<T>();
      std::transform(route, route + rows, scale.begin(), [&](int64_t r) { return gates[r]; });
      add_rows(pdy, scale.data(), rows, d_out, at_row<T>(to.down_bias, e));
    }
    if (to.up.defined()) {
      gather(layer.x.const_data_ptr<T>(), route, layer.top_k(), rows, d_in, px);
      product(matrix(at_row<T>(to.up, e), width, d_in), transposed(pdh, rows, width),
              matrix(px, rows, d_in), !piece.first);
    }
    if (to.up_bias.defined()) {
      add_rows<T>(pdh, nullptr, rows, width, at_row<T>(to.up_bias, e));
    }
    if (to.x.defined()) {
      product(matrix(px, rows, d_in), matrix(pdh, rows, width),
              matrix(at_row<T>(layer.up, e), width, d_in), false);
      scatter_add(px, route, layer.top_k(), rows, d_in, to.x.data_ptr<T>());
    }
  }
}

}  // namespace triptych
