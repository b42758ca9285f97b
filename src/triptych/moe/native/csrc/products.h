// Matrix products on plain rows. All matrices are row-major and without gaps.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/addmm_cpu_dispatch.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/mm_cpu_dispatch.h>

namespace triptych {

template <typename T>
at::Tensor matrix(const T* data, int64_t rows, int64_t columns) {
  const auto type = at::TensorOptions(c10::CppTypeToScalarType<T>::value);
  return at::from_blob(const_cast<T*>(data), {rows, columns}, {columns, 1}, type);
}

template <typename T>
at::Tensor transposed(const T* data, int64_t rows, int64_t columns) {
  const auto type = at::TensorOptions(c10::CppTypeToScalarType<T>::value);
  return at::from_blob(const_cast<T*>(data), {columns, rows}, {1, columns}, type);
}

// out = a b, or out += a b. at::cpu skips the dispatcher, which costs as much as a tiny product.
inline void product(at::Tensor out, const at::Tensor& a, const at::Tensor& b, bool add) {
  if (add) {
    at::cpu::addmm_out(out, out, a, b);
  } else {
    at::cpu::mm_out(out, a, b);
  }
}

}  // namespace triptych
