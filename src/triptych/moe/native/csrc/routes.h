// The running routes, sorted by expert, and rows that travel between tokens and routes.
#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace triptych {

// Elements that are worth a thread of their own.
constexpr int64_t kGrain = 32768;

inline int64_t rows_per_task(int64_t width) {
  return std::max<int64_t>(1, kGrain / std::max<int64_t>(1, width));
}

struct Routes {
  at::Tensor route;   // (N): which of the T * K routes; sorted by expert, within one by token
  at::Tensor starts;  // (E + 1): where each expert's routes begin
};

// A stable counting sort. Throws if an id is no expert: it would be an address.
inline Routes sort_routes(const at::Tensor& experts, const at::Tensor& running, int64_t count) {
  const int64_t routes = experts.numel();
  const auto* id = experts.const_data_ptr<int64_t>();
  const bool* runs = running.defined() ? running.const_data_ptr<bool>() : nullptr;
  const auto starts = at::empty({count + 1}, experts.options());
  auto* start = starts.mutable_data_ptr<int64_t>();
  std::fill(start, start + count + 1, 0);
  for (int64_t r = 0; r < routes; ++r) {
    TORCH_CHECK(id[r] >= 0 && id[r] < count, "expert ", id[r], " is not in [0, ", count, ")");
    start[id[r] + 1] += runs == nullptr || runs[r];
  }
  for (int64_t e = 0; e < count; ++e) {
    start[e + 1] += start[e];
  }
  const auto order = at::empty({start[count]}, experts.options());
  auto* sorted = order.mutable_data_ptr<int64_t>();
  std::vector<int64_t> next(start, start + count);
  for (int64_t r = 0; r < routes; ++r) {
    if (runs == nullptr || runs[r]) {
      sorted[next[id[r]]++] = r;
    }
  }
  return {order, starts};
}

// Rows of one expert that are worked on together, so that they stay in the cache.
struct Piece {
  int64_t expert, begin, rows;
  bool first;  // of its expert
};

inline std::vector<Piece> pieces(const at::Tensor& starts, int64_t most) {
  const auto* start = starts.const_data_ptr<int64_t>();
  std::vector<Piece> all;
  for (int64_t e = 0; e + 1 < starts.numel(); ++e) {
    const int64_t rows = start[e + 1] - start[e], cuts = (rows + most - 1) / most;
    for (int64_t c = 0; c < cuts; ++c) {
      const int64_t from = rows * c / cuts, to = rows * (c + 1) / cuts;
      all.push_back({e, start[e] + from, to - from, c == 0});
    }
  }
  return all;
}

inline int64_t longest(const std::vector<Piece>& all) {
  int64_t rows = 0;
  for (const auto& piece : all) {
    rows = std::max(rows, piece.rows);
  }
  return rows;
}

// to[i] = from[route[i] / top_k]
template <typename T>
void gather(const T* from, const int64_t* route, int64_t top_k, int64_t rows, int64_t width, T* to) {
  at::parallel_for(0, rows, rows_per_task(width), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      std::memcpy(to + i * width, from + route[i] / top_k * width, width * sizeof(T));
    }
  });
}

// to[route[i] / top_k] += from[i]. The routes are those of one expert, so no token comes twice.
template <typename T>
void scatter_add(const T* from, const int64_t* route, int64_t top_k, int64_t rows, int64_t width,
                 T* to) {
  at::parallel_for(0, rows, rows_per_task(width), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      T* __restrict__ target = to + route[i] / top_k * width;
      const T* __restrict__ source = from + i * width;
      for (int64_t d = 0; d < width; ++d) {
        target[d] += source[d];
      }
    }
  });
}

// to += the sum of factor[i] * row i; no factors are ones.
template <typename T>
void add_rows(const T* from, const T* factor, int64_t rows, int64_t width, T* __restrict__ to) {
  for (int64_t i = 0; i < rows; ++i) {
    const T* __restrict__ source = from + i * width;
    const T scale = factor == nullptr ? T(1) : factor[i];
    for (int64_t d = 0; d < width; ++d) {
      to[d] += scale * source[d];
    }
  }
}

}  // namespace triptych
