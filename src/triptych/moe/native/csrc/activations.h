// Activations of one hidden row, vectorised, and their gradients.
//
// forward:  out = gate * act(h).
// backward: on entry `out` holds the gradient of act(h) without the gate; leaves the gradient of h
//           in `dh` and gate * act(h) in `out`, and returns the gradient of the gate.
#pragma once

#include <ATen/cpu/vec/vec.h>

#include <cmath>
#include <utility>

namespace triptych {

template <typename T>
using Vec = at::vec::Vectorized<T>;

template <typename T>
T sum_lanes(const Vec<T>& v) {
  T lanes[Vec<T>::size()];
  v.store(lanes);
  T sum(0);
  for (const T lane : lanes) {
    sum += lane;
  }
  return sum;
}

// f(offset, lanes) for each vector of a row; the last one may be short.
template <typename T, typename Body>
void each_vector(int64_t length, const Body& body) {
  int64_t i = 0;
  for (; i + Vec<T>::size() <= length; i += Vec<T>::size()) {
    body(i, static_cast<int64_t>(Vec<T>::size()));
  }
  if (i < length) {
    body(i, length - i);
  }
}

template <typename T>
Vec<T> sigmoid(const Vec<T>& x) {
  return Vec<T>(1) / (Vec<T>(1) + x.neg().exp_u20());
}

// An activation of one input: Derived gives the value, and both value and slope.
template <typename T, typename Derived>
struct Pointwise {
  static constexpr int64_t inputs_per_unit = 1;

  static void forward(const T* h, T* out, int64_t units, T gate) {
    each_vector<T>(units, [&](int64_t i, int64_t lanes) {
      (Vec<T>(gate) * Derived::value(Vec<T>::loadu(h + i, lanes))).store(out + i, lanes);
    });
  }

  static T backward(const T* h, T* out, T* dh, int64_t units, T gate) {
    Vec<T> dot(0);
    each_vector<T>(units, [&](int64_t i, int64_t lanes) {
      const auto [value, slope] = Derived::both(Vec<T>::loadu(h + i, lanes));
      const auto grad = Vec<T>::loadu(out + i, lanes);
      dot = at::vec::fmadd(grad, value, dot);
      (Vec<T>(gate) * grad * slope).store(dh + i, lanes);
      (Vec<T>(gate) * value).store(out + i, lanes);
    });
    return sum_lanes<T>(dot);
  }
};

template <typename T>
struct ReLU : Pointwise<T, ReLU<T>> {
  // Not a mask on x > 0: a NaN must stay one.
  static Vec<T> value(const Vec<T>& x) {
    return Vec<T>::blendv(x, Vec<T>(0), x <= Vec<T>(0));
  }

  static std::pair<Vec<T>, Vec<T>> both(const Vec<T>& x) {
    const auto off = x <= Vec<T>(0);
    return {Vec<T>::blendv(x, Vec<T>(0), off), Vec<T>::blendv(Vec<T>(1), Vec<T>(0), off)};
  }
};

template <typename T>
struct GELU : Pointwise<T, GELU<T>> {
  static Vec<T> cdf(const Vec<T>& x) {
    return Vec<T>(0.5) * (Vec<T>(1) + (x * Vec<T>(M_SQRT1_2)).erf());
  }

  static Vec<T> value(const Vec<T>& x) {
    return x * cdf(x);
  }

  static std::pair<Vec<T>, Vec<T>> both(const Vec<T>& x) {
    const auto below = cdf(x);
    const auto density = (x * x * Vec<T>(-0.5)).exp() * Vec<T>(M_2_SQRTPI * M_SQRT1_2 * 0.5);
    return {x * below, at::vec::fmadd(x, density, below)};
  }
};

// silu(a) * b; a is the first half of the row.
template <typename T>
struct SwiGLU {
  static constexpr int64_t inputs_per_unit = 2;

  static void forward(const T* h, T* out, int64_t units, T gate) {
    each_vector<T>(units, [&](int64_t i, int64_t lanes) {
      const auto a = Vec<T>::loadu(h + i, lanes);
      const auto b = Vec<T>::loadu(h + units + i, lanes);
      (Vec<T>(gate) * a * sigmoid(a) * b).store(out + i, lanes);
    });
  }

  static T backward(const T* h, T* out, T* dh, int64_t units, T gate) {
    Vec<T> dot(0);
    const Vec<T> one(1);
    each_vector<T>(units, [&](int64_t i, int64_t lanes) {
      const auto a = Vec<T>::loadu(h + i, lanes);
      const auto b = Vec<T>::loadu(h + units + i, lanes);
      const auto grad = Vec<T>::loadu(out + i, lanes);
      const auto s = sigmoid(a);
      const auto silu = a * s;
      const auto value = silu * b;
      const auto gated = Vec<T>(gate) * grad;
      dot = at::vec::fmadd(grad, value, dot);
      // silu'(a) = s (1 + a (1 - s)) = s + silu (1 - s)
      (gated * b * at::vec::fmadd(silu, one - s, s)).store(dh + i, lanes);
      (gated * silu).store(dh + units + i, lanes);
      (Vec<T>(gate) * value).store(out + i, lanes);
    });
    return sum_lanes<T>(dot);
  }
};

}  // namespace triptych
