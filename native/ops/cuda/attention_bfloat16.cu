#include <cmath>
#include <type_traits>

#include "ops/cuda/attention.h"
#include "ops/cuda/attention_rows.cuh"
#include "ops/cuda/copies.cuh"
#include "ops/cuda/kernels.h"
#include "ops/cuda/reduce.cuh"
#include "ops/cuda/row_grid.cuh"

/// Attention with factors in bfloat16, in one pass over the keys with a running maximum (Dao, FlashAttention-2, 2023):
/// scores, weights and their slopes never leave the registers. A warp has sixteen rows of its block's 64, those of a
/// group's heads one after the other; the rows that it looks at come through shared memory, a tile at a time.
namespace plumb::cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kThreads = 32 * kWarps;
constexpr int kRows = 16 * kWarps;  // of a block
constexpr int kKeys = 64;           // of a tile, forward
constexpr int kChunk = 32;          // of a tile whose slopes are computed at once
constexpr float kLog2E = 1.4426950408889634f;

/// Head sizes in steps of sixteen; elements from one row in shared memory to the next, so that eight rows lie in
/// different banks.
template <int kSteps>
constexpr int kStride = 16 * kSteps + 8;

/// Where factors come from: in bfloat16 where there is a copy, else as they are.
struct Source {
  ConstMatrix values;
  Copy copy;
};

__device__ __forceinline__ Source part_of(const Source& source, int64_t column) {
  const ConstMatrix& values = source.values;
  const uint16_t* copy = source.copy.data;
  return {{values.data + column, values.rows, values.cols, values.stride},
          {copy == nullptr ? nullptr : copy + column, source.copy.stride}};
}

struct Lane {
  int warp = static_cast<int>(threadIdx.x) / 32;
  int lane = static_cast<int>(threadIdx.x) % 32;
  int row = lane / 4;         // of sums and left factors
  int column = lane % 4 * 2;  // of sums
};

// Copies of kBytes each, kLanes of them a row.
template <int kSteps, int kBytes, int kLanes, typename Rows, typename Columns>
__device__ __forceinline__ void copy_tile(const Copy& from, Rows&& row_of, Columns&& column_of, int size, int count,
                                          int rows, uint16_t* to) {
  constexpr int kEach = kBytes / 2;
  const int across = static_cast<int>(threadIdx.x) % kLanes * kEach;
  if (across >= 16 * kSteps) return;
#pragma unroll 4
  for (int r = static_cast<int>(threadIdx.x) / kLanes; r < rows; r += kThreads / kLanes) {
    uint16_t* place = to + r * kStride<kSteps> + across;
    if (r < count && across < size) {
      copy_later<kBytes>(place, from.data + row_of(r) * from.stride + column_of(r) + across);
    } else {
      using Bytes = std::conditional_t<kBytes == 16, uint4, uint2>;
      *reinterpret_cast<Bytes*>(place) = Bytes{};
    }
  }
}

// Two tiles whose rows lie alike: the second one's values stand `apart` elements behind the first one's.
template <int kSteps, int kBytes, int kLanes, typename Rows>
__device__ __forceinline__ void copy_two(const uint16_t* from, int64_t stride, int64_t apart, Rows&& row_of, int size,
                                         int count, int rows, uint16_t* to, uint16_t* to_second) {
  constexpr int kEach = kBytes / 2;
  const int across = static_cast<int>(threadIdx.x) % kLanes * kEach;
  if (across >= 16 * kSteps) return;
  from += across;
  int place = static_cast<int>(threadIdx.x) / kLanes * kStride<kSteps> + across;
#pragma unroll 4
  for (int r = static_cast<int>(threadIdx.x) / kLanes; r < rows; r += kThreads / kLanes) {
    if (r < count && across < size) {
      const uint16_t* row = from + row_of(r) * stride;
      copy_later<kBytes>(to + place, row);
      copy_later<kBytes>(to_second + place, row + apart);
    } else {
      using Bytes = std::conditional_t<kBytes == 16, uint4, uint2>;
      *reinterpret_cast<Bytes*>(to + place) = Bytes{};
      *reinterpret_cast<Bytes*>(to_second + place) = Bytes{};
    }
    place += kThreads / kLanes * kStride<kSteps>;
  }
}

// The same from float32, four values a lane, two rows a warp where they are short.
template <int kSteps, typename Rows, typename Columns>
__device__ __forceinline__ void round_tile(ConstMatrix from, Rows&& row_of, Columns&& column_of, int size, int count,
                                           int rows, uint16_t* to) {
  constexpr int kLanes = kSteps <= 4 ? 16 : 32;
  const int across = static_cast<int>(threadIdx.x) % kLanes * 4;
  if (across >= 16 * kSteps) return;
#pragma unroll 4
  for (int r = static_cast<int>(threadIdx.x) / kLanes; r < rows; r += kThreads / kLanes) {
    Four values{};
    if (r < count) values = load_four(from.data + row_of(r) * from.stride + column_of(r), across, size);
    store_four(to + r * kStride<kSteps>, across, 16 * kSteps, values);
  }
}

/// to[r] = columns [column_of(r), + size) of row row_of(r) in bfloat16, for r < count; zeros up to `rows` and 16
/// kSteps. There when this thread has waited for its copies.
template <int kSteps, typename Rows, typename Columns>
__device__ __forceinline__ void load_tile(const Source& from, Rows&& row_of, Columns&& column_of, int size, int count,
                                          int rows, uint16_t* to) {
  if (from.copy.data == nullptr || size % 4 != 0 || from.copy.stride % 4 != 0)
    round_tile<kSteps>(from.values, row_of, column_of, size, count, rows, to);
  else if (size % 8 == 0 && from.copy.stride % 8 == 0)
    copy_tile<kSteps, 16, kSteps <= 4 ? 8 : 16>(from.copy, row_of, column_of, size, count, rows, to);
  else
    copy_tile<kSteps, 8, kSteps <= 4 ? 16 : 32>(from.copy, row_of, column_of, size, count, rows, to);
}

/// A tile of keys from `column` of `keys` on, and one of values.
template <int kSteps, typename Rows>
__device__ __forceinline__ void load_keys(const Source& keys, const Source& values, Rows&& row_of, int column, int size,
                                          int count, int rows, uint16_t* key, uint16_t* value) {
  const int64_t stride = keys.copy.stride;
  const bool copied = keys.copy.data != nullptr && values.copy.data != nullptr && values.copy.stride == stride;
  if (!copied || size % 4 != 0 || stride % 4 != 0) {
    load_tile<kSteps>(keys, row_of, [&](int) { return column; }, size, count, rows, key);
    load_tile<kSteps>(values, row_of, [&](int) { return column; }, size, count, rows, value);
    return;
  }
  const uint16_t* from = keys.copy.data + column;
  const int64_t apart = values.copy.data - keys.copy.data;
  if (size % 8 == 0 && stride % 8 == 0)
    copy_two<kSteps, 16, kSteps <= 4 ? 8 : 16>(from, stride, apart, row_of, size, count, rows, key, value);
  else
    copy_two<kSteps, 8, kSteps <= 4 ? 16 : 32>(from, stride, apart, row_of, size, count, rows, key, value);
}

/// Runs through tiles: load(tile, stage) fills a stage, use(tile, stage) reads it. With two stages a tile comes while
/// the one before it is used. `begin()` is called when the first tile is there, before a second stage is filled.
template <typename Load, typename Use, typename Begin>
__device__ __forceinline__ void through_tiles(int tiles, int stages, Load&& load, Begin&& begin, Use&& use) {
  load(0, 0);
  commit_copies();
  wait_for_copies<0>();
  __syncthreads();
  begin();
  for (int tile = 0; tile < tiles; ++tile) {
    // This tile has come for all threads, and all are done with the one before, whose stage is filled next.
    wait_for_copies<0>();
    __syncthreads();
    if (stages > 1 && tile + 1 < tiles) {
      load(tile + 1, (tile + 1) % 2);
      commit_copies();
    }
    use(tile, stages > 1 ? tile % 2 : 0);
    if (stages > 1 || tile + 1 == tiles) continue;
    __syncthreads();  // all are done with the only stage
    load(tile + 1, 0);
    commit_copies();
  }
}

/// Rows [16, 16 kSteps) as left factors.
template <int kSteps>
__device__ __forceinline__ void load_left(const uint16_t* rows, const Lane& lane, uint32_t (&factors)[kSteps][4]) {
#pragma unroll
  for (int k = 0; k < kSteps; ++k)
    load_matrices<false>(rows + lane.lane % 16 * kStride<kSteps> + 16 * k + lane.lane / 16 * 8, factors[k]);
}

// Whether all of the pairs begin before `count` is asked once: where they do, no branch stands between their products,
// and those that do not wait for each other follow each other.
template <int kPairs, typename Body>
__device__ __forceinline__ void each_pair(int count, Body&& body) {
  if (count > 16 * (kPairs - 1)) {
    body(kPairs);
  } else {
    body(count <= 0 ? 0 : (count + 15) / 16);
  }
}

/// sums[2 pairs] += left [16, 16 kSteps] · rows [16 pairs, 16 kSteps]ᵀ, for the pairs that begin before `count`.
template <int kSteps, int kPairs>
__device__ __forceinline__ void add_scores(const uint32_t (&left)[kSteps][4], const uint16_t* rows, int count,
                                           const Lane& lane, float (&sums)[2 * kPairs][4]) {
  const uint16_t* first = rows + (lane.lane % 8 + lane.lane / 16 * 8) * kStride<kSteps> + lane.lane / 8 % 2 * 8;
  each_pair<kPairs>(count, [&](int pairs) {
#pragma unroll
    for (int k = 0; k < kSteps; ++k)
#pragma unroll
      for (int pair = 0; pair < kPairs; ++pair) {
        if (pair >= pairs) break;
        uint32_t right[4];
        load_matrices<false>(first + 16 * pair * kStride<kSteps> + 16 * k, right);
        add_product(sums[2 * pair], left[k], right[0], right[1]);
        add_product(sums[2 * pair + 1], left[k], right[2], right[3]);
      }
  });
}

/// sums [16, 16 kSteps] += weights [16, 16 kPairs] · rows [16 kPairs, 16 kSteps], for the pairs that begin before
/// `count`.
template <int kSteps, int kPairs>
__device__ __forceinline__ void add_weighted(const uint32_t (&weights)[kPairs][4], const uint16_t* rows, int count,
                                             const Lane& lane, float (&sums)[2 * kSteps][4]) {
  const uint16_t* first = rows + (lane.lane % 8 + lane.lane / 8 % 2 * 8) * kStride<kSteps> + lane.lane / 16 * 8;
  each_pair<kPairs>(count, [&](int pairs) {
#pragma unroll
    for (int pair = 0; pair < kPairs; ++pair) {
      if (pair >= pairs) break;
#pragma unroll
      for (int k = 0; k < kSteps; ++k) {
        uint32_t right[4];
        load_matrices<true>(first + 16 * pair * kStride<kSteps> + 16 * k, right);
        add_product(sums[2 * k], weights[pair], right[0], right[1]);
        add_product(sums[2 * k + 1], weights[pair], right[2], right[3]);
      }
    }
  });
}

/// Sums [16, 16 kPairs] as the left factor of the next product.
template <int kPairs>
__device__ __forceinline__ void pack_left(const float (&sums)[2 * kPairs][4], uint32_t (&left)[kPairs][4]) {
#pragma unroll
  for (int pair = 0; pair < kPairs; ++pair)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      left[pair][2 * half] = pack_bfloat16(sums[2 * pair + half][0], sums[2 * pair + half][1]);
      left[pair][2 * half + 1] = pack_bfloat16(sums[2 * pair + half][2], sums[2 * pair + half][3]);
    }
}

template <int kCount>
__device__ __forceinline__ void clear(float (&sums)[kCount][4]) {
#pragma unroll
  for (int i = 0; i < kCount; ++i)
#pragma unroll
    for (int j = 0; j < 4; ++j) sums[i][j] = 0.0f;
}

/// to[c] = factor * value for the values of row `half` of sums [16, 16 kSteps]; `copy`, where not null, in bfloat16.
template <int kSteps>
__device__ __forceinline__ void store_row(const float (&sums)[2 * kSteps][4], int half, float factor, const Lane& lane,
                                          int size, float* to, uint16_t* copy = nullptr) {
#pragma unroll
  for (int i = 0; i < 2 * kSteps; ++i)
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      const int c = 8 * i + lane.column + j;
      if (c >= size) continue;
      const float value = factor * sums[i][2 * half + j];
      to[c] = value;
      if (copy != nullptr) copy[c] = to_bfloat16(value);
    }
}

// Sum over the four lanes of a row.
__device__ __forceinline__ float row_sum(float value) {
  value += __shfl_xor_sync(kAllLanes, value, 1);
  return value + __shfl_xor_sync(kAllLanes, value, 2);
}
__device__ __forceinline__ float row_max(float value) {
  value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, 1));
  return fmaxf(value, __shfl_xor_sync(kAllLanes, value, 2));
}

// Keys that all rows of the warp see.
__device__ __forceinline__ int least_visible(int first, int second) {
  int least = first < second ? first : second;
  for (int bits = 16; bits > 0; bits >>= 1) {
    const int other = __shfl_xor_sync(kAllLanes, least, bits);
    least = other < least ? other : least;
  }
  return least;
}

// 2^x, 0 for what is very small.
__device__ __forceinline__ float power_of_two(float x) {
#if PLUMB_TENSOR_CORES
  float power;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
  return power;
#else
  return exp2f(x);
#endif
}

// ---- forward: one block of threads for each block of queries and each head of keys

/// Elements of shared memory: queries, whose place the second stage's keys take, and a stage of keys and values.
template <int kSteps>
constexpr int64_t forward_bytes(int stages) {
  return int64_t{kRows + 2 * kKeys + (stages - 1) * kKeys} * kStride<kSteps> * 2;
}

// Three blocks have room on a processor: more registers would leave two.
template <int kSteps>
__global__ __launch_bounds__(kThreads, kSteps <= 7 ? 3 : 2) void forward_kernel(
    Setting setting, int stages, const QueryBlock* blocks, const int32_t* ancestor_rows, Source queries, Source keys,
    Source values, Matrix out, uint16_t* copy, Matrix logsum) {
  DYNAMIC_SHARED(shared);
  uint16_t* query = reinterpret_cast<uint16_t*>(shared);
  uint16_t* key = query + kRows * kStride<kSteps>;
  const auto key_stage = [&](int stage) { return stage == 0 ? key : query; };
  const auto value_stage = [&](int stage) { return key + (1 + stage) * kKeys * kStride<kSteps>; };
  const QueryBlock block = blocks[blockIdx.x];
  const int kv_head = static_cast<int>(blockIdx.y);
  const int size = static_cast<int>(setting.size);
  const int rows = setting.group * block.count;
  const int end = block.ancestors + block.visible + block.count;
  const KeyRows key_row{ancestor_rows + block.first_ancestor, block.ancestors, block.own};
  const QueryRows query_row(block.query, block.count);
  const auto query_column = [&](int r) { return (kv_head * setting.group + query_row.head(r)) * size; };
  const Lane lane;
  const int first_row = 16 * lane.warp;
  const bool busy = first_row < rows;

  float sums[2 * kSteps][4];
  clear(sums);
  float top[2], total[2];
  int visible[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int r = first_row + lane.row + 8 * half;
    top[half] = kLeast;
    total[half] = 0.0f;
    visible[half] = r < rows ? block.ancestors + block.visible + query_row.place(r) + 1 : 0;
  }
  const int all_visible = least_visible(visible[0], visible[1]);
  const float scale = setting.scale * kLog2E;
  uint32_t left[kSteps][4];
  load_tile<kSteps>(queries, query_row, query_column, size, rows, kRows, query);
  through_tiles((end + kKeys - 1) / kKeys, stages,
                [&](int tile, int stage) {
                  const int first = tile * kKeys;
                  const auto tile_row = [&](int n) { return key_row(first + n); };
                  load_keys<kSteps>(keys, values, tile_row, kv_head * size, size, end - first, kKeys, key_stage(stage),
                                    value_stage(stage));
                },
                [&] { load_left<kSteps>(query + first_row * kStride<kSteps>, lane, left); },
                [&](int tile, int stage) {
                  if (!busy) return;
                  const int first = tile * kKeys;
                  float scores[kKeys / 8][4];
                  clear(scores);
                  add_scores<kSteps, kKeys / 16>(left, key_stage(stage), end - first, lane, scores);

                  // A tile that all rows of the warp see whole needs no look at each key.
                  if (first + kKeys > all_visible)
#pragma unroll
                    for (int i = 0; i < kKeys / 8; ++i)
#pragma unroll
                      for (int j = 0; j < 4; ++j)
                        if (first + 8 * i + lane.column + j % 2 >= visible[j / 2]) scores[i][j] = -INFINITY;
                  float highest[2] = {top[0], top[1]};
#pragma unroll
                  for (int i = 0; i < kKeys / 8; ++i)
#pragma unroll
                    for (int j = 0; j < 4; ++j) highest[j / 2] = fmaxf(highest[j / 2], scores[i][j]);
                  float factor[2], least[2];
#pragma unroll
                  for (int half = 0; half < 2; ++half) {
                    highest[half] = row_max(highest[half]);
                    factor[half] = power_of_two((top[half] - highest[half]) * scale);
                    top[half] = highest[half];
                    least[half] = top[half] * scale;
                    total[half] *= factor[half];
                  }
#pragma unroll
                  for (int i = 0; i < kKeys / 8; ++i)
#pragma unroll
                    for (int j = 0; j < 4; ++j) {
                      scores[i][j] = power_of_two(scores[i][j] * scale - least[j / 2]);
                      total[j / 2] += scores[i][j];
                    }
#pragma unroll
                  for (int i = 0; i < 2 * kSteps; ++i)
#pragma unroll
                    for (int j = 0; j < 4; ++j) sums[i][j] *= factor[j / 2];
                  uint32_t weights[kKeys / 16][4];
                  pack_left<kKeys / 16>(scores, weights);
                  add_weighted<kSteps, kKeys / 16>(weights, value_stage(stage), end - first, lane, sums);
                });
  if (!busy) return;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int r = first_row + lane.row + 8 * half;
    const float sum = row_sum(total[half]);
    if (r >= rows) continue;
    const int64_t row = query_row(r);
    store_row<kSteps>(sums, half, 1.0f / sum, lane, size, out.data + row * out.stride + query_column(r),
                      copy == nullptr ? nullptr : copy + row * out.cols + query_column(r));
    if (lane.column == 0)
      logsum.data[row * logsum.stride + kv_head * setting.group + query_row.head(r)] =
          setting.scale * top[half] + logf(sum);
  }
}

// ---- backward

/// Rows of keys and values, or of queries and their slopes, that a tile has, and stages of them.
struct Tiles {
  int rows, stages;
};

/// Elements of shared memory: queries and the slopes of what they gave, whose places the second stage takes, and a
/// stage.
template <int kSteps>
constexpr int64_t query_bytes(Tiles tiles) {
  return int64_t{2 * kRows + 2 * tiles.rows} * kStride<kSteps> * 2;
}

// Gradients of queries: one block of threads for each block of queries and each head of keys.
template <int kSteps>
__global__ __launch_bounds__(kThreads) void query_kernel(Setting setting, Tiles tiles, const QueryBlock* blocks,
                                                         const int32_t* ancestor_rows, Source qkv, Source dout,
                                                         ConstMatrix logsum, const float* inner, Matrix dqkv) {
  DYNAMIC_SHARED(shared);
  uint16_t* query = reinterpret_cast<uint16_t*>(shared);
  uint16_t* slope_out = query + kRows * kStride<kSteps>;
  const auto key_stage = [&](int stage) { return stage == 0 ? slope_out + kRows * kStride<kSteps> : query; };
  const auto value_stage = [&](int stage) {
    return stage == 0 ? key_stage(0) + tiles.rows * kStride<kSteps> : slope_out;
  };
  const QueryBlock block = blocks[blockIdx.x];
  const int kv_head = static_cast<int>(blockIdx.y);
  const int size = static_cast<int>(setting.size);
  const int rows = setting.group * block.count;
  const int end = block.ancestors + block.visible + block.count;
  const KeyRows key_row{ancestor_rows + block.first_ancestor, block.ancestors, block.own};
  const QueryRows query_row(block.query, block.count);
  const auto query_column = [&](int r) { return (kv_head * setting.group + query_row.head(r)) * size; };
  const int key_at = (static_cast<int>(setting.heads) + kv_head) * size;
  const int value_at = key_at + static_cast<int>(setting.kv_heads) * size;
  const Lane lane;
  const int first_row = 16 * lane.warp;
  const bool busy = first_row < rows;

  float sums[2 * kSteps][4];
  clear(sums);
  float row_logsum[2], row_inner[2];
  int visible[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int r = first_row + lane.row + 8 * half;
    const int64_t row = query_row(r);
    const int64_t head = kv_head * setting.group + query_row.head(r);
    row_logsum[half] = r < rows ? logsum.data[row * logsum.stride + head] * kLog2E : 0.0f;
    row_inner[half] = r < rows ? inner[row * setting.heads + head] : 0.0f;
    visible[half] = r < rows ? block.ancestors + block.visible + query_row.place(r) + 1 : 0;
  }
  const int all_visible = least_visible(visible[0], visible[1]);
  const float scale = setting.scale * kLog2E;
  uint32_t left[kSteps][4], slope_left[kSteps][4];
  load_tile<kSteps>(qkv, query_row, query_column, size, rows, kRows, query);
  load_tile<kSteps>(dout, query_row, query_column, size, rows, kRows, slope_out);
  through_tiles((end + tiles.rows - 1) / tiles.rows, tiles.stages,
                [&](int tile, int stage) {
                  const int first = tile * tiles.rows;
                  const auto tile_row = [&](int n) { return key_row(first + n); };
                  load_keys<kSteps>(part_of(qkv, key_at), part_of(qkv, value_at), tile_row, 0, size, end - first,
                                    tiles.rows, key_stage(stage), value_stage(stage));
                },
                [&] {
                  load_left<kSteps>(query + first_row * kStride<kSteps>, lane, left);
                  load_left<kSteps>(slope_out + first_row * kStride<kSteps>, lane, slope_left);
                },
                [&](int tile, int stage) {
                  if (!busy) return;
                  for (int chunk = 0; chunk < tiles.rows; chunk += kChunk) {
                    const int first = tile * tiles.rows + chunk;
                    if (first >= end) break;
                    const uint16_t* key = key_stage(stage) + chunk * kStride<kSteps>;
                    const uint16_t* value = value_stage(stage) + chunk * kStride<kSteps>;
                    float scores[kChunk / 8][4], slopes[kChunk / 8][4];
                    clear(scores);
                    clear(slopes);
                    add_scores<kSteps, kChunk / 16>(left, key, end - first, lane, scores);
                    add_scores<kSteps, kChunk / 16>(slope_left, value, end - first, lane, slopes);
                    if (first + kChunk > all_visible)
#pragma unroll
                      for (int i = 0; i < kChunk / 8; ++i)
#pragma unroll
                        for (int j = 0; j < 4; ++j)
                          if (first + 8 * i + lane.column + j % 2 >= visible[j / 2]) scores[i][j] = -INFINITY;
#pragma unroll
                    for (int i = 0; i < kChunk / 8; ++i)
#pragma unroll
                      for (int j = 0; j < 4; ++j) {
                        const float p = power_of_two(scores[i][j] * scale - row_logsum[j / 2]);
                        slopes[i][j] = p * (slopes[i][j] - row_inner[j / 2]);
                      }
                    uint32_t weights[kChunk / 16][4];
                    pack_left<kChunk / 16>(slopes, weights);
                    add_weighted<kSteps, kChunk / 16>(weights, key, end - first, lane, sums);
                  }
                });
  if (!busy) return;
#pragma unroll
  for (int half = 0; half < 2; ++half)
    if (const int r = first_row + lane.row + 8 * half; r < rows)
      store_row<kSteps>(sums, half, setting.scale, lane, size,
                        dqkv.data + query_row(r) * dqkv.stride + query_column(r));
}

/// Shared memory: keys and values, and stages of queries and their slopes, with two numbers a row.
template <int kSteps>
constexpr int64_t key_bytes(Tiles tiles) {
  return int64_t{2 * kRows + 2 * tiles.stages * tiles.rows} * kStride<kSteps> * 2 +
         int64_t{2 * tiles.stages * tiles.rows} * 4;
}

// Gradients of keys and values: one block of threads for each block of keys and each head of them. Scores are turned
// around: a row is a key's. A tile has queries of one visit.
template <int kSteps>
__global__ __launch_bounds__(kThreads) void key_kernel(Setting setting, Tiles tiles, const KeyBlock* blocks,
                                                       const Visit* visits, Source qkv, Source dout, ConstMatrix logsum,
                                                       const float* inner, Matrix dqkv, float* parts) {
  DYNAMIC_SHARED(shared);
  uint16_t* key = reinterpret_cast<uint16_t*>(shared);
  uint16_t* value = key + kRows * kStride<kSteps>;
  uint16_t* stages = value + kRows * kStride<kSteps>;
  float* row_values = reinterpret_cast<float*>(stages + 2 * tiles.stages * tiles.rows * kStride<kSteps>);
  const auto query_stage = [&](int stage) { return stages + 2 * stage * tiles.rows * kStride<kSteps>; };
  const auto slope_stage = [&](int stage) { return stages + (2 * stage + 1) * tiles.rows * kStride<kSteps>; };
  const auto logsum_stage = [&](int stage) { return row_values + 2 * stage * tiles.rows; };
  const auto inner_stage = [&](int stage) { return row_values + (2 * stage + 1) * tiles.rows; };
  const KeyBlock block = blocks[blockIdx.x];
  const int kv_head = static_cast<int>(blockIdx.y);
  const int size = static_cast<int>(setting.size);
  const auto key_row = [&](int n) { return int64_t{block.key} + n; };
  const int key_at = (static_cast<int>(setting.heads) + kv_head) * size;
  const int value_at = key_at + static_cast<int>(setting.kv_heads) * size;
  const int tiles_of_visit = setting.part_rows / tiles.rows + (setting.part_rows % tiles.rows != 0 ? 1 : 0);
  const Lane lane;
  const int first_key = 16 * lane.warp;
  const bool busy = first_key < block.count;

  float key_sums[2 * kSteps][4], value_sums[2 * kSteps][4];
  clear(key_sums);
  clear(value_sums);
  const float scale = setting.scale * kLog2E;
  const auto visit_of = [&](int tile) { return visits[block.first_visit + tile / tiles_of_visit]; };
  load_tile<kSteps>(qkv, key_row, [&](int) { return key_at; }, size, block.count, kRows, key);
  load_tile<kSteps>(qkv, key_row, [&](int) { return value_at; }, size, block.count, kRows, value);
  through_tiles(
      block.visits * tiles_of_visit, tiles.stages,
      [&](int tile, int stage) {
        if (block.visits == 0) return;
        const Visit visit = visit_of(tile);
        const int first = tile % tiles_of_visit * tiles.rows;
        const int count = setting.group * visit.count - first;
        const QueryRows query_row(visit.query, visit.count);
        const auto tile_row = [&](int r) { return query_row(first + r); };
        const auto head_of = [&](int r) { return kv_head * setting.group + query_row.head(first + r); };
        const auto tile_column = [&](int r) { return head_of(r) * size; };
        load_tile<kSteps>(qkv, tile_row, tile_column, size, count, tiles.rows, query_stage(stage));
        load_tile<kSteps>(dout, tile_row, tile_column, size, count, tiles.rows, slope_stage(stage));
        for (int r = static_cast<int>(threadIdx.x); r < tiles.rows; r += kThreads) {
          const bool there = r < count;
          const int64_t row = there ? tile_row(r) : 0;
          const int64_t head = there ? head_of(r) : 0;
          logsum_stage(stage)[r] = there ? logsum.data[row * logsum.stride + head] * kLog2E : 0.0f;
          inner_stage(stage)[r] = there ? inner[row * setting.heads + head] : 0.0f;
        }
      },
      [] {},
      [&](int tile, int stage) {
        if (!busy) return;
        const Visit visit = visit_of(tile);
        const float* row_logsum = logsum_stage(stage);
        const float* row_inner = inner_stage(stage);
        for (int chunk = 0; chunk < tiles.rows; chunk += kChunk) {
          const int first = tile % tiles_of_visit * tiles.rows + chunk;
          const int count = setting.group * visit.count - first;
          if (count <= 0) break;
          const uint16_t* query = query_stage(stage) + chunk * kStride<kSteps>;
          const uint16_t* slope_out = slope_stage(stage) + chunk * kStride<kSteps>;
          float scores[kChunk / 8][4], slopes[kChunk / 8][4];
          clear(scores);
          clear(slopes);
          uint32_t left[kSteps][4];
          load_left<kSteps>(key + first_key * kStride<kSteps>, lane, left);
          add_scores<kSteps, kChunk / 16>(left, query, count, lane, scores);
          load_left<kSteps>(value + first_key * kStride<kSteps>, lane, left);
          add_scores<kSteps, kChunk / 16>(left, slope_out, count, lane, slopes);
          // The first query of the visit sees all keys of the warp: nothing to look at, but for what is beyond the end.
          const bool all_seen = visit.diagonal >= first_key + 15 && count >= kChunk && first_key + 16 <= block.count;
          if (const QueryRows query_row(visit.query, visit.count); !all_seen)
#pragma unroll
            for (int i = 0; i < kChunk / 8; ++i)
#pragma unroll
              for (int j = 0; j < 4; ++j) {
                const int r = 8 * i + lane.column + j % 2;
                const int n = first_key + lane.row + j / 2 * 8;
                const int place = query_row.place(first + r);
                if (r >= count || n >= block.count || n > place + visit.diagonal) scores[i][j] = -INFINITY;
              }
#pragma unroll
          for (int i = 0; i < kChunk / 8; ++i) {
            const int r = chunk + 8 * i + lane.column;
            const float2 logsums = *reinterpret_cast<const float2*>(row_logsum + r);
            const float2 inners = *reinterpret_cast<const float2*>(row_inner + r);
#pragma unroll
            for (int j = 0; j < 4; ++j) {
              scores[i][j] = power_of_two(scores[i][j] * scale - (j % 2 == 0 ? logsums.x : logsums.y));
              slopes[i][j] = scores[i][j] * (slopes[i][j] - (j % 2 == 0 ? inners.x : inners.y));
            }
          }
          uint32_t weights[kChunk / 16][4];
          pack_left<kChunk / 16>(scores, weights);
          add_weighted<kSteps, kChunk / 16>(weights, slope_out, count, lane, value_sums);
          pack_left<kChunk / 16>(slopes, weights);
          add_weighted<kSteps, kChunk / 16>(weights, query, count, lane, key_sums);
        }
      });
  if (!busy) return;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int n = first_key + lane.row + 8 * half;
    if (n >= block.count) continue;
    if (block.part < 0) {
      float* to = dqkv.data + key_row(n) * dqkv.stride;
      store_row<kSteps>(key_sums, half, setting.scale, lane, size, to + key_at);
      store_row<kSteps>(value_sums, half, 1.0f, lane, size, to + value_at);
    } else {
      float* to = parts + (block.part * setting.kv_heads + kv_head) * 2 * setting.part_rows * size;
      store_row<kSteps>(key_sums, half, setting.scale, lane, size, to + n * size);
      store_row<kSteps>(value_sums, half, 1.0f, lane, size, to + (setting.part_rows + n) * size);
    }
  }
}

/// Calls body(std::integral_constant of the steps of sixteen), for the head sizes that there are kernels for.
template <typename Body>
void with_steps(int64_t size, Body&& body) {
  if (size <= 32) return body(std::integral_constant<int, 2>());
  if (size <= 64) return body(std::integral_constant<int, 4>());
  if (size <= 96) return body(std::integral_constant<int, 6>());
  if (size <= 112) return body(std::integral_constant<int, 7>());
  return body(std::integral_constant<int, 8>());
}

template <typename Kernel, typename... Arguments>
void run(Queue& queue, Kernel kernel, int64_t blocks, int64_t heads, int64_t bytes, Arguments... arguments) {
  const char* what = "attention";
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)), what);
  LAUNCH(kernel, dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(heads)), kThreads,
         static_cast<size_t>(bytes), queue.stream(), arguments...);
  check(cudaGetLastError(), what);
}

}  // namespace

void Attention::forward_bfloat16(const Setting& setting, ConstMatrix queries, ConstMatrix keys, ConstMatrix values,
                                 Matrix out, Matrix logsum) const {
  const auto source = [&](ConstMatrix x) { return Source{x, queue_.copy_of(x)}; };
  const Source sources[] = {source(queries), source(keys), source(values)};
  uint16_t* copy = queue_.copy_room(out);
  with_steps(shape_.head_size, [&](auto steps) {
    const int stages = forward_bytes<steps.value>(2) <= queue_.shared_limit() ? 2 : 1;
    run(queue_, &forward_kernel<steps.value>, block_count_, shape_.kv_heads, forward_bytes<steps.value>(stages),
        setting, stages, blocks_, ancestor_rows_, sources[0], sources[1], sources[2], out, copy, logsum);
  });
}

void Attention::backward_bfloat16(const Setting& setting, ConstMatrix qkv, ConstMatrix logsum, ConstMatrix dout,
                                  Matrix dqkv, const float* inner, float* parts) const {
  const Source rounded{qkv, rounded_rows(queue_, qkv)};
  const Source slopes{dout, rounded_rows(queue_, dout)};
  with_steps(shape_.head_size, [&](auto steps) {
    Tiles tiles{64, 2};
    if (key_bytes<steps.value>(tiles) > queue_.shared_limit()) tiles = {32, 1};
    run(queue_, &query_kernel<steps.value>, block_count_, shape_.kv_heads, query_bytes<steps.value>(tiles), setting,
        tiles, blocks_, ancestor_rows_, rounded, slopes, logsum, inner, dqkv);
    run(queue_, &key_kernel<steps.value>, key_block_count_, shape_.kv_heads, key_bytes<steps.value>(tiles), setting,
        tiles, key_blocks_, visits_, rounded, slopes, logsum, inner, dqkv, parts);
  });
}

}  // namespace plumb::cuda
