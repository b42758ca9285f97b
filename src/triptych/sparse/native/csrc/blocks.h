// Products with the whole blocks of a weight matrix, forward and backward, without autograd.
// T samples, D inputs, O outputs, N blocks of B x B. Nothing is gathered: a block's inputs and
// outputs are strips of B columns, read and added to where they lie.
#pragma once

#include "products.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cstring>

namespace triptych::sparse {

// Elements of the wider side of the samples that are worked on together, so that they stay in the
// cache of a core from one block to the next: 2 MiB in single precision. Strips of all samples would
// not: their rows lie far apart, and at a power of two fall on few sets of it.
constexpr int64_t kPiece = 1 << 19;

// Multiplications that are worth a thread of their own.
constexpr int64_t kGrain = 1 << 20;

// Contiguous tensors. Blocks go row by row; a block is (input, output).
struct Blocks {
  at::Tensor values;   // (N, B, B)
  at::Tensor columns;  // (N)
  at::Tensor starts;   // (rows + 1)

  int64_t count() const { return values.size(0); }
  int64_t width() const { return values.size(1); }
  int64_t rows() const { return starts.numel() - 1; }
  int64_t column(int64_t n) const { return columns.const_data_ptr<int64_t>()[n]; }
  int64_t start(int64_t row) const { return starts.const_data_ptr<int64_t>()[row]; }

  template <typename T>
  const T* block(int64_t n) const {
    return values.const_data_ptr<T>() + n * width() * width();
  }

  // Calls body(number, row, column) for the blocks of some rows, in order.
  template <typename Body>
  void each(int64_t begin, int64_t end, const Body& body) const {
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t n = start(row); n < start(row + 1); ++n) {
        body(n, row, column(n));
      }
    }
  }
};

// Throws if the places are not those of blocks: they would be addresses.
inline void check(const Blocks& blocks, int64_t num_columns) {
  TORCH_CHECK(blocks.start(0) == 0 && blocks.start(blocks.rows()) == blocks.count(),
              "starts must go from 0 to ", blocks.count());
  for (int64_t row = 0; row < blocks.rows(); ++row) {
    TORCH_CHECK(blocks.start(row) <= blocks.start(row + 1), "starts must not fall");
  }
  for (int64_t n = 0; n < blocks.count(); ++n) {
    const int64_t column = blocks.column(n);
    TORCH_CHECK(column >= 0 && column < num_columns, "column ", column, " is not in [0, ",
                num_columns, ")");
  }
}

// Samples that are worked on together. How a batch is cut depends on sizes alone, so that sums do
// not depend on the number of threads.
class Pieces {
 public:
  Pieces(int64_t samples, int64_t width)
      : samples_(samples), most_(std::clamp<int64_t>(kPiece / width, 64, 4096)) {}

  int64_t count() const { return (samples_ + most_ - 1) / most_; }
  int64_t first(int64_t piece) const { return piece * most_; }
  int64_t size(int64_t piece) const { return std::min(most_, samples_ - first(piece)); }

 private:
  int64_t samples_, most_;
};

// y = x W^T + bias.
template <typename T>
at::Tensor forward(const at::Tensor& x, const Blocks& blocks, const at::Tensor& bias) {
  const int64_t d_in = x.size(1), d_out = bias.numel(), width = blocks.width();
  const auto y = at::empty({x.size(0), d_out}, x.options());
  const Pieces pieces(x.size(0), std::max(d_in, d_out));
  at::parallel_for(0, pieces.count(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t samples = pieces.size(piece);
      const T* from = x.const_data_ptr<T>() + pieces.first(piece) * d_in;
      T* to = y.data_ptr<T>() + pieces.first(piece) * d_out;
      for (int64_t t = 0; t < samples; ++t) {
        std::memcpy(to + t * d_out, bias.const_data_ptr<T>(), d_out * sizeof(T));
      }
      blocks.each(0, blocks.rows(), [&](int64_t n, int64_t row, int64_t column) {
        product(matrix(to + row * width, samples, width, d_out),
                matrix(from + column * width, samples, width, d_in),
                matrix(blocks.block<T>(n), width, width), true);
      });
    }
  });
  return y;
}

// dx = dy W.
template <typename T>
at::Tensor input_gradient(const at::Tensor& dy, const Blocks& blocks, int64_t d_in) {
  const int64_t d_out = dy.size(1), width = blocks.width();
  const auto dx = at::empty({dy.size(0), d_in}, dy.options());
  const Pieces pieces(dy.size(0), std::max(d_in, d_out));
  at::parallel_for(0, pieces.count(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t samples = pieces.size(piece);
      const T* from = dy.const_data_ptr<T>() + pieces.first(piece) * d_out;
      T* to = dx.data_ptr<T>() + pieces.first(piece) * d_in;
      std::memset(to, 0, samples * d_in * sizeof(T));
      blocks.each(0, blocks.rows(), [&](int64_t n, int64_t row, int64_t column) {
        product(matrix(to + column * width, samples, width, d_in),
                matrix(from + row * width, samples, width, d_out),
                transposed(blocks.block<T>(n), width, width), true);
      });
    }
  });
  return dx;
}

// Of each block x^T dy.
template <typename T>
at::Tensor values_gradient(const at::Tensor& dy, const at::Tensor& x, const Blocks& blocks) {
  const int64_t d_in = x.size(1), d_out = dy.size(1), width = blocks.width();
  const auto gradient = x.size(0) > 0 ? at::empty_like(blocks.values) : at::zeros_like(blocks.values);
  const Pieces pieces(x.size(0), std::max(d_in, d_out));
  const int64_t work = std::max<int64_t>(1, gradient.numel() * x.size(0));
  const int64_t grain = std::max<int64_t>(1, kGrain * blocks.rows() / work);
  at::parallel_for(0, blocks.rows(), grain, [&](int64_t begin, int64_t end) {
    for (int64_t piece = 0; piece < pieces.count(); ++piece) {
      const int64_t samples = pieces.size(piece);
      const T* inputs = x.const_data_ptr<T>() + pieces.first(piece) * d_in;
      const T* above = dy.const_data_ptr<T>() + pieces.first(piece) * d_out;
      blocks.each(begin, end, [&](int64_t n, int64_t row, int64_t column) {
        product(matrix(gradient.data_ptr<T>() + n * width * width, width, width),
                transposed(inputs + column * width, samples, width, d_in),
                matrix(above + row * width, samples, width, d_out), piece > 0);
      });
    }
  });
  return gradient;
}

}  // namespace triptych::sparse
