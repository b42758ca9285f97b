// Softmax over the experts and the choice of the K most probable, with the gradient of both.
#pragma once

#include "activations.h"
#include "routes.h"

#include <limits>

namespace triptych {

template <typename T>
void softmax(const T* logits, T* probs, int64_t count) {
  T most = logits[0];
  for (int64_t e = 1; e < count; ++e) {
    most = std::max(most, logits[e]);
  }
  each_vector<T>(count, [&](int64_t i, int64_t lanes) {
    (Vec<T>::loadu(logits + i, lanes) - Vec<T>(most)).exp().store(probs + i, lanes);
  });
  T sum(0);
  for (int64_t e = 0; e < count; ++e) {
    sum += probs[e];
  }
  for (int64_t e = 0; e < count; ++e) {
    probs[e] /= sum;
  }
}

// Ids and values of the largest, in descending order; of equal ones the lower id comes first. A NaN
// counts as the largest of all, as in torch.topk, so that ids are valid whatever comes in.
template <typename T>
void largest(const T* values, int64_t count, int64_t top_k, int64_t* ids, T* best) {
  const auto above = [](T a, T b) { return a > b || (std::isnan(a) && !std::isnan(b)); };
  int64_t filled = 0;
  for (int64_t e = 0; e < count; ++e) {
    int64_t place = filled;
    while (place > 0 && above(values[e], best[place - 1])) {
      --place;
    }
    if (place == top_k) {
      continue;
    }
    for (int64_t j = std::min(filled, top_k - 1); j > place; --j) {
      best[j] = best[j - 1];
      ids[j] = ids[j - 1];
    }
    best[place] = values[e];
    ids[place] = e;
    filled = std::min(filled + 1, top_k);
  }
}

template <typename T>
void choose(const at::Tensor& logits, int64_t top_k, bool renormalise, const at::Tensor& probs,
            const at::Tensor& gates, const at::Tensor& experts) {
  const int64_t tokens = logits.size(0), count = logits.size(1);
  const T* from = logits.const_data_ptr<T>();
  auto *p = probs.data_ptr<T>(), *g = gates.data_ptr<T>();
  auto* ids = experts.data_ptr<int64_t>();
  at::parallel_for(0, tokens, rows_per_task(count * 8), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      softmax(from + t * count, p + t * count, count);
      largest(p + t * count, count, top_k, ids + t * top_k, g + t * top_k);
      T sum(0);
      for (int64_t j = 0; j < top_k; ++j) {
        sum += g[t * top_k + j];
      }
      for (int64_t j = 0; renormalise && j < top_k; ++j) {
        g[t * top_k + j] /= sum;
      }
    }
  });
}

// dp = dprobs + what comes through the gates; dlogits = p (dp - <dp, p>).
template <typename T>
void choose_backward(const at::Tensor& probs, const at::Tensor& experts, bool renormalise,
                     const at::Tensor& dprobs, const at::Tensor& dgates, const at::Tensor& dlogits) {
  const int64_t tokens = probs.size(0), count = probs.size(1), top_k = experts.size(1);
  const T* p = probs.const_data_ptr<T>();
  const auto* ids = experts.const_data_ptr<int64_t>();
  const T* dp = dprobs.defined() ? dprobs.const_data_ptr<T>() : nullptr;
  const T* dg = dgates.defined() ? dgates.const_data_ptr<T>() : nullptr;
  T* out = dlogits.data_ptr<T>();
  at::parallel_for(0, tokens, rows_per_task(count * 8), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const T* row = p + t * count;
      T* grad = out + t * count;
      for (int64_t e = 0; e < count; ++e) {
        grad[e] = dp == nullptr ? T(0) : dp[t * count + e];
      }
      T sum(0), through(0);
      for (int64_t j = 0; j < top_k && dg != nullptr; ++j) {
        sum += row[ids[t * top_k + j]];
        through += dg[t * top_k + j] * row[ids[t * top_k + j]];
      }
      for (int64_t j = 0; j < top_k && dg != nullptr; ++j) {
        const T own = dg[t * top_k + j];
        grad[ids[t * top_k + j]] += renormalise ? (own - through / sum) / sum : own;
      }
      T dot(0);
      for (int64_t e = 0; e < count; ++e) {
        dot += grad[e] * row[e];
      }
      for (int64_t e = 0; e < count; ++e) {
        grad[e] = row[e] * (grad[e] - dot);
      }
    }
  });
}

}  // namespace triptych
