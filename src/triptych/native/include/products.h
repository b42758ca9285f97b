// Matrix products on plain memory: a row is without gaps, one row begins `stride` after the other.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/addmm_cpu_dispatch.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/mm_cpu_dispatch.h>

namespace triptych {

template <typename T>
at::Tensor matrix(const T* data, int64_t rows, int64_t columns, int64_t stride) {
  const auto type = at::TensorOptions(c10::CppTypeToScalarType<T>::value);
  return at::from_blob(const_cast<T*>(data), {rows, columns}, {stride, 1}, type);
}

template <typename T>
at::Tensor matrix(const T* data, int64_t rows, int64_t columns) {
  return matrix(data, rows, columns, columns);
}

// Of rows x columns in memory: columns x rows.
template <typename T>
at::Tensor transposed(const T* data, int64_t rows, int64_t columns, int64_t stride) {
  const auto type = at::TensorOptions(c10::CppTypeToScalarType<T>::value);
  return at::from_blob(const_cast<T*>(data), {columns, rows}, {1, stride}, type);
}

template <typename T>
at::Tensor transposed(const T* data, int64_t rows, int64_t columns) {
  return transposed(data, rows, columns, columns);
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
