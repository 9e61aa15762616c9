#include "ops/cpu/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "ops/cpu/product.h"
#include "ops/parallel.h"

namespace plumb {
namespace {

/// Queries of one block; all heads of a group are stacked, so a product has group times as many rows.
constexpr int64_t kQueryBlock = 64;
/// Floats of scratch for gradients that go into ancestors' rows, before they are added up.
constexpr int64_t kAncestorFloats = int64_t{4} << 20;

}  // namespace

Attention::Attention(AttentionShape shape, int threads)
    : shape_(shape), threads_(threads), kernel_(kernels()), scratch_(static_cast<size_t>(threads)) {}

int64_t Attention::scratch_bytes(AttentionShape shape, int threads, int64_t longest) {
  const int64_t rows = shape.group() * kQueryBlock;
  const int64_t ancestors = std::max(kAncestorFloats, longest * shape.head_size * 2 * shape.kv_heads);
  return static_cast<int64_t>(sizeof(float)) * (threads * rows * (2 * longest + 4 * shape.head_size) + ancestors);
}

void Attention::forward(const std::vector<AttentionItem>& items, ConstMatrix queries, ConstMatrix keys,
                        ConstMatrix values, Matrix out, Matrix logsum) {
  struct Task {
    const AttentionItem* item;
    int64_t kv_head, first, count;
  };
  std::vector<Task> tasks;
  for (const AttentionItem& item : items)
    for (int64_t first = 0; first < item.count; first += kQueryBlock)
      for (int64_t head = 0; head < shape_.kv_heads; ++head)
        tasks.push_back({&item, head, first, std::min(kQueryBlock, item.count - first)});
  parallel_tasks(threads_, static_cast<int64_t>(tasks.size()), [&](int64_t i, int thread) {
    const Task& task = tasks[static_cast<size_t>(i)];
    forward_block(*task.item, task.kv_head, task.first, task.count, queries, keys, values, out, logsum,
                  scratch_[static_cast<size_t>(thread)]);
  });
}

void Attention::forward_block(const AttentionItem& item, int64_t kv_head, int64_t first, int64_t count,
                              ConstMatrix queries, ConstMatrix keys, ConstMatrix values, Matrix out, Matrix logsum,
                              Scratch& scratch) const {
  const int64_t size = shape_.head_size;
  const int64_t group = shape_.group();
  const int64_t rows = group * count;
  const int64_t before = item.own.count - item.count + first;  // own rows seen by all queries of the block, less one
  const int64_t own = before + count;
  const int64_t ancestors = item.ancestor_rows();
  const int64_t total = ancestors + own;
  const float scale = 1.0f / std::sqrt(static_cast<float>(size));
  const int64_t kv_column = kv_head * size;
  const int64_t q_column = kv_head * group * size;

  scratch.queries.resize(rows * size);
  scratch.scores.resize(rows * total);
  scratch.out.resize(rows * size);
  float* q = scratch.queries.data();
  float* s = scratch.scores.data();
  float* o = scratch.out.data();
  for (int64_t g = 0; g < group; ++g)
    for (int64_t i = 0; i < count; ++i)
      std::copy_n(queries.row(item.query + first + i) + q_column + g * size, size, q + (g * count + i) * size);

  const auto each_span = [&](auto&& body) {
    int64_t column = 0;
    for (const RowSpan& span : item.ancestors) {
      if (span.count > 0) body(span.first, span.count, column);
      column += span.count;
    }
    body(item.own.first, own, column);
  };
  each_span([&](int64_t row, int64_t n, int64_t column) {
    block_product(false, true, rows, n, size, scale, q, size, keys.row(row) + kv_column, keys.stride, 0.0f, s + column,
                  total);
  });
  for (int64_t g = 0; g < group; ++g)
    for (int64_t i = 0; i < count; ++i) {
      const float sum = kernel_.softmax(s + (g * count + i) * total, ancestors + before + i + 1, total);
      if (logsum.data != nullptr) logsum.row(item.query + first + i)[kv_head * group + g] = sum;
    }
  float beta = 0.0f;
  each_span([&](int64_t row, int64_t n, int64_t column) {
    block_product(false, false, rows, size, n, 1.0f, s + column, total, values.row(row) + kv_column, values.stride,
                  beta, o, size);
    beta = 1.0f;
  });
  for (int64_t g = 0; g < group; ++g)
    for (int64_t i = 0; i < count; ++i)
      std::copy_n(o + (g * count + i) * size, size, out.row(item.query + first + i) + q_column + g * size);
}

void Attention::backward(const std::vector<AttentionItem>& items, ConstMatrix queries, ConstMatrix keys,
                         ConstMatrix values, ConstMatrix logsum, ConstMatrix dout, Matrix dqueries, Matrix dkeys,
                         Matrix dvalues) {
  const int64_t size = shape_.head_size;
  const int64_t kv_heads = shape_.kv_heads;
  // A segment's own rows are written by it alone; what it gives its ancestors goes to scratch, and is added up in the
  // order of the segments, so that sums are the same each time whatever thread made them.
  size_t begin = 0;
  while (begin < items.size()) {
    std::vector<int64_t> offsets;
    int64_t floats = 0;
    size_t end = begin;
    while (end < items.size()) {
      const int64_t needed = items[end].ancestor_rows() * size * 2 * kv_heads;
      if (end > begin && floats + needed > kAncestorFloats) break;
      offsets.push_back(floats);
      floats += needed;
      ++end;
    }
    ancestor_gradients_.resize(floats);
    const auto gradient_of = [&](size_t item, int64_t head) {
      return ancestor_gradients_.data() + offsets[item - begin] + head * items[item].ancestor_rows() * size * 2;
    };
    parallel_tasks(threads_, static_cast<int64_t>(end - begin) * kv_heads, [&](int64_t i, int thread) {
      const size_t item = begin + static_cast<size_t>(i / kv_heads);
      const int64_t head = i % kv_heads;
      backward_item(items[item], head, queries, keys, values, logsum, dout, dqueries, dkeys, dvalues,
                    gradient_of(item, head), scratch_[static_cast<size_t>(thread)]);
    });
    parallel_tasks(threads_, kv_heads * 2, [&](int64_t i, int) {
      const int64_t head = i / 2;
      const Matrix target = i % 2 == 0 ? dkeys : dvalues;
      for (size_t item = begin; item < end; ++item) {
        const float* source = gradient_of(item, head) + (i % 2) * items[item].ancestor_rows() * size;
        for (const RowSpan& span : items[item].ancestors)
          for (int64_t r = 0; r < span.count; ++r, source += size)
            kernel_.axpy(1.0f, source, target.row(span.first + r) + head * size, size);
      }
    });
    begin = end;
  }
}

void Attention::backward_item(const AttentionItem& item, int64_t kv_head, ConstMatrix queries, ConstMatrix keys,
                              ConstMatrix values, ConstMatrix logsum, ConstMatrix dout, Matrix dqueries, Matrix dkeys,
                              Matrix dvalues, float* ancestor_gradient, Scratch& scratch) const {
  const int64_t size = shape_.head_size;
  const int64_t group = shape_.group();
  const int64_t ancestors = item.ancestor_rows();
  const float scale = 1.0f / std::sqrt(static_cast<float>(size));
  const int64_t kv_column = kv_head * size;
  const int64_t q_column = kv_head * group * size;
  std::fill_n(ancestor_gradient, ancestors * size * 2, 0.0f);

  for (int64_t first = 0; first < item.count; first += kQueryBlock) {
    const int64_t count = std::min(kQueryBlock, item.count - first);
    const int64_t rows = group * count;
    const int64_t before = item.own.count - item.count + first;
    const int64_t own = before + count;
    const int64_t total = ancestors + own;
    scratch.queries.resize(rows * size);
    scratch.dout.resize(rows * size);
    scratch.dqueries.resize(rows * size);
    scratch.scores.resize(rows * total);
    scratch.slopes.resize(rows * total);
    float* q = scratch.queries.data();
    float* d = scratch.dout.data();
    float* dq = scratch.dqueries.data();
    float* p = scratch.scores.data();
    float* ds = scratch.slopes.data();
    for (int64_t g = 0; g < group; ++g)
      for (int64_t i = 0; i < count; ++i) {
        const int64_t row = item.query + first + i;
        std::copy_n(queries.row(row) + q_column + g * size, size, q + (g * count + i) * size);
        std::copy_n(dout.row(row) + q_column + g * size, size, d + (g * count + i) * size);
      }
    // body(first row, rows, first column of the scores, where the gradients of its keys and values go, their stride)
    const auto each_span = [&](auto&& body) {
      int64_t column = 0;
      for (const RowSpan& span : item.ancestors) {
        if (span.count > 0)
          body(span.first, span.count, column, ancestor_gradient + column * size,
               ancestor_gradient + (ancestors + column) * size, size, size);
        column += span.count;
      }
      body(item.own.first, own, column, dkeys.row(item.own.first) + kv_column, dvalues.row(item.own.first) + kv_column,
           dkeys.stride, dvalues.stride);
    };
    each_span([&](int64_t row, int64_t n, int64_t column, float*, float*, int64_t, int64_t) {
      block_product(false, true, rows, n, size, scale, q, size, keys.row(row) + kv_column, keys.stride, 0.0f,
                    p + column, total);
      block_product(false, true, rows, n, size, 1.0f, d, size, values.row(row) + kv_column, values.stride, 0.0f,
                    ds + column, total);
    });
    for (int64_t g = 0; g < group; ++g)
      for (int64_t i = 0; i < count; ++i) {
        float* pr = p + (g * count + i) * total;
        kernel_.probabilities(pr, ancestors + before + i + 1, total,
                              logsum.row(item.query + first + i)[kv_head * group + g]);
        kernel_.softmax_backward(pr, ds + (g * count + i) * total, total);
      }
    float beta = 0.0f;
    each_span([&](int64_t row, int64_t n, int64_t column, float* dk, float* dv, int64_t dk_stride, int64_t dv_stride) {
      block_product(false, false, rows, size, n, scale, ds + column, total, keys.row(row) + kv_column, keys.stride,
                    beta, dq, size);
      beta = 1.0f;
      block_product(true, false, n, size, rows, scale, ds + column, total, q, size, 1.0f, dk, dk_stride);
      block_product(true, false, n, size, rows, 1.0f, p + column, total, d, size, 1.0f, dv, dv_stride);
    });
    for (int64_t g = 0; g < group; ++g)
      for (int64_t i = 0; i < count; ++i)
        std::copy_n(dq + (g * count + i) * size, size, dqueries.row(item.query + first + i) + q_column + g * size);
  }
}

}  // namespace plumb
