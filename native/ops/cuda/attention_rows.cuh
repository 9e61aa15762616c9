#pragma once
#include "ops/cuda/attention.h"
#include "ops/cuda/platform.h"

/// What the kernels of attention share: what they are told, and where rows lie.
namespace plumb::cuda {

struct Setting {
  int64_t heads, kv_heads, size;
  int group;
  int padded;     ///< head size in whole sixteens
  int tile;       ///< rows that are looked at together
  int part_rows;  ///< of a part of the gradients of keys
  float scale;
};

/// The row of key n of a block of queries.
struct KeyRows {
  const int32_t* ancestors;
  int32_t count, own;
  __device__ int64_t operator()(int n) const { return n < count ? ancestors[n] : own + n - count; }
};

/// Rows of a tile: those of a group's heads one after the other, `count` queries each. Row r < 128 belongs to the
/// r / count-th head; a product stands for the division, which is slow: exact, since r * count stays below 2^16.
struct QueryRows {
  int32_t query, count;
  uint32_t reciprocal;
  __device__ QueryRows(int32_t first, int32_t queries)
      : query(first), count(queries), reciprocal((65536u + static_cast<uint32_t>(queries) - 1) / queries) {}
  __device__ int head(int r) const { return static_cast<int>(static_cast<uint32_t>(r) * reciprocal >> 16); }
  __device__ int place(int r) const { return r - head(r) * count; }
  __device__ int64_t operator()(int r) const { return query + place(r); }
};

}  // namespace plumb::cuda
