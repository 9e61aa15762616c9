#include "ops/cuda/attention.h"

#include <cmath>

#include "ops/cuda/attention_tile.cuh"
#include "ops/cuda/reduce.cuh"

namespace plumb::cuda {
namespace {

/// What all of the kernels are told.
struct Setting {
  int64_t heads, kv_heads, size;
  int group;
  int padded;  ///< head size in whole sixteens
  int tile;    ///< rows of queries
  int keys;    ///< keys at once
  float scale;
};

/// Shared memory of a kernel, one array behind the other.
class Layout {
 public:
  template <typename T>
  int64_t add(int64_t count) {
    const int64_t at = bytes_;
    bytes_ += (count * static_cast<int64_t>(sizeof(T)) + 127) / 128 * 128;
    return at;
  }
  int64_t bytes() const { return bytes_; }

 private:
  int64_t bytes_ = 0;
};

template <typename T>
struct ForwardLayout {
  int64_t query, key, score, weight, out, top, sum, bytes;
  ForwardLayout(int tile, int keys, int padded) {
    Layout layout;
    query = layout.add<T>(tile * factor_stride(padded));
    key = layout.add<T>(keys * factor_stride(padded));
    score = layout.add<float>(tile * sum_stride(keys));
    weight = layout.add<T>(tile * factor_stride(keys));
    out = layout.add<float>(tile * sum_stride(padded));
    top = layout.add<float>(tile);
    sum = layout.add<float>(tile);
    bytes = layout.bytes();
  }
};

template <typename T>
struct BackwardLayout {
  int64_t query, dout, key, value, score, slope, weight, dscore, logsum, inner, bytes;
  BackwardLayout(int tile, int padded) {
    Layout layout;
    query = layout.add<T>(tile * factor_stride(padded));
    dout = layout.add<T>(tile * factor_stride(padded));
    key = layout.add<T>(tile * factor_stride(padded));
    value = layout.add<T>(tile * factor_stride(padded));
    score = layout.add<float>(tile * sum_stride(tile));
    slope = layout.add<float>(tile * sum_stride(tile));
    weight = layout.add<T>(tile * factor_stride(tile));
    dscore = layout.add<T>(tile * factor_stride(tile));
    logsum = layout.add<float>(tile);
    inner = layout.add<float>(tile);
    bytes = layout.bytes();
  }
};

// The row of key n of a block of queries.
struct KeyRows {
  const int32_t* ancestors;
  int32_t count, own;
  __device__ int64_t operator()(int n) const { return n < count ? ancestors[n] : own + n - count; }
};

// Row r of a tile: query r % count of the head r / count of the group.
struct QueryRows {
  int32_t query, count;
  __device__ int64_t operator()(int r) const { return query + r % count; }
};

// ---- forward

// One block of threads for each block of queries and each head of keys. kShort: all keys at once.
template <typename T, bool kShort>
__global__ __launch_bounds__(kTileThreads) void forward_kernel(Setting setting, ForwardLayout<T> layout,
                                                               const QueryBlock* blocks, const int32_t* ancestor_rows,
                                                               ConstMatrix queries, ConstMatrix keys,
                                                               ConstMatrix values, Matrix out, Matrix logsum) {
  DYNAMIC_SHARED(shared);
  T* query = reinterpret_cast<T*>(shared + layout.query);
  T* key = reinterpret_cast<T*>(shared + layout.key);  // and then the values
  float* score = reinterpret_cast<float*>(shared + layout.score);
  T* weight = reinterpret_cast<T*>(shared + layout.weight);
  float* sums = reinterpret_cast<float*>(shared + layout.out);
  float* top = reinterpret_cast<float*>(shared + layout.top);
  float* total = reinterpret_cast<float*>(shared + layout.sum);
  const QueryBlock block = blocks[blockIdx.x];
  const int kv_head = static_cast<int>(blockIdx.y);
  const int rows = setting.group * block.count;
  const int end = block.ancestors + block.visible + block.count;
  const KeyRows key_row{ancestor_rows + block.first_ancestor, block.ancestors, block.own};
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int key_stride = sum_stride(setting.keys);
  const int weight_stride = factor_stride(setting.keys);
  const int out_stride = sum_stride(setting.padded);

  load_heads(queries, QueryRows{block.query, block.count}, block.count, kv_head * setting.group, setting.size, rows,
             setting.tile, setting.padded, query);
  // Highest score and sum of each row that this warp looks after, the same in all lanes.
  constexpr int kRows = kMostTile / kTileWarps;
  float row_top[kRows];
  float row_total[kRows];
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    row_top[i] = kLeast;
    row_total[i] = 0.0f;
  }
  for (int first = 0; first < end; first += setting.keys) {
    const int count = end - first < setting.keys ? end - first : setting.keys;
    const auto tile_row = [&](int n) { return key_row(first + n); };
    if (!kShort && first > 0) __syncthreads();  // the values of the tile before are done with
    load_head(keys, tile_row, kv_head, setting.size, count, setting.keys, setting.padded, key);
    __syncthreads();
    score_tile(query, key, setting.tile, setting.keys, setting.padded, score);
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const int r = warp + i * kTileWarps;
      if (r >= setting.tile) break;
      const int visible = r < rows ? block.ancestors + block.visible + r % block.count + 1 - first : 0;
      const float* row = score + r * key_stride;
      float highest = kLeast;
      for (int n = lane; n < count; n += 32)
        if (n < visible) highest = fmaxf(highest, row[n] * setting.scale);
      const float now = fmaxf(row_top[i], warp_max(highest));
      float sum = 0.0f;
      for (int n = lane; n < setting.keys; n += 32) {
        const float p = n < count && n < visible ? expf(row[n] * setting.scale - now) : 0.0f;
        sum += p;
        store_factor(weight + r * weight_stride + n, p);
      }
      const float factor = expf(row_top[i] - now);
      row_total[i] = row_total[i] * factor + warp_sum(sum);
      row_top[i] = now;
      if (!kShort && first > 0)
        for (int c = lane; c < setting.padded; c += 32) sums[r * out_stride + c] *= factor;
    }
    load_head(values, tile_row, kv_head, setting.size, count, setting.keys, setting.padded, key);
    __syncthreads();
    weighted_tile(weight, key, setting.tile, setting.keys, setting.padded, kShort || first == 0, sums);
    if (kShort) break;
  }
  if (lane == 0)
#pragma unroll
    for (int i = 0; i < kRows; ++i)
      if (const int r = warp + i * kTileWarps; r < setting.tile) {
        top[r] = row_top[i];
        total[r] = row_total[i];
      }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < rows * static_cast<int>(setting.size); i += kTileThreads) {
    const int r = i / static_cast<int>(setting.size);
    const int c = i % static_cast<int>(setting.size);
    const int64_t head = kv_head * setting.group + r / block.count;
    float* to = out.data + (block.query + r % block.count) * out.stride + head * setting.size;
    to[c] = sums[r * out_stride + c] / total[r];
  }
  for (int r = static_cast<int>(threadIdx.x); r < rows; r += kTileThreads)
    logsum.data[(block.query + r % block.count) * logsum.stride + kv_head * setting.group + r / block.count] =
        top[r] + logf(total[r]);
}

// ---- backward

// inner[row, head] = dout · out: one warp each.
__global__ void inner_kernel(int64_t heads, int64_t size, ConstMatrix dout, ConstMatrix out, float* inner) {
  const int64_t i = int64_t{blockIdx.x} * (kTileThreads / 32) + threadIdx.x / 32;
  if (i >= out.rows * heads) return;
  const int64_t column = i % heads * size;
  const float* a = dout.data + i / heads * dout.stride + column;
  const float* b = out.data + i / heads * out.stride + column;
  float sum = 0.0f;
  for (int64_t c = threadIdx.x % 32; c < size; c += 32) sum += a[c] * b[c];
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) inner[i] = sum;
}

// Of the tile's scores and slopes of the weights: the weights, and the slopes of the scores. Row r, key n is seen where
// n <= r % count + diagonal.
template <typename T>
__device__ __forceinline__ void slopes_of_scores(const Setting& setting, const float* score, const float* slope,
                                                 const float* logsum, const float* inner, int rows, int count, int keys,
                                                 int diagonal, T* weight, T* dscore) {
  for (int i = static_cast<int>(threadIdx.x); i < setting.tile * setting.tile; i += kTileThreads) {
    const int r = i / setting.tile;
    const int n = i % setting.tile;
    const bool seen = r < rows && n < keys && n <= r % count + diagonal;
    const int at = r * sum_stride(setting.tile) + n;
    const float p = seen ? expf(score[at] * setting.scale - logsum[r]) : 0.0f;
    const float ds = seen ? p * (slope[at] - inner[r]) * setting.scale : 0.0f;
    if (weight != nullptr) store_factor(weight + r * factor_stride(setting.tile) + n, p);
    store_factor(dscore + r * factor_stride(setting.tile) + n, ds);
  }
}

__device__ __forceinline__ void load_row_values(const Setting& setting, ConstMatrix logsum, const float* inner,
                                                int32_t query, int32_t count, int kv_head, int rows, float* logsum_out,
                                                float* inner_out) {
  for (int r = static_cast<int>(threadIdx.x); r < rows; r += kTileThreads) {
    const int64_t row = query + r % count;
    const int64_t head = kv_head * setting.group + r / count;
    logsum_out[r] = logsum.data[row * logsum.stride + head];
    inner_out[r] = inner[row * setting.heads + head];
  }
}

// Gradients of queries: one block of threads for each block of queries and each head of keys.
template <typename T>
__global__ __launch_bounds__(kTileThreads) void query_kernel(Setting setting, BackwardLayout<T> layout,
                                                             const QueryBlock* blocks, const int32_t* ancestor_rows,
                                                             ConstMatrix qkv, ConstMatrix logsum, const float* inner,
                                                             ConstMatrix dout, Matrix dqkv) {
  DYNAMIC_SHARED(shared);
  T* query = reinterpret_cast<T*>(shared + layout.query);
  T* slope_out = reinterpret_cast<T*>(shared + layout.dout);
  T* key = reinterpret_cast<T*>(shared + layout.key);
  T* value = reinterpret_cast<T*>(shared + layout.value);
  float* score = reinterpret_cast<float*>(shared + layout.score);
  float* slope = reinterpret_cast<float*>(shared + layout.slope);
  T* dscore = reinterpret_cast<T*>(shared + layout.dscore);
  float* row_logsum = reinterpret_cast<float*>(shared + layout.logsum);
  float* row_inner = reinterpret_cast<float*>(shared + layout.inner);
  const QueryBlock block = blocks[blockIdx.x];
  const int kv_head = static_cast<int>(blockIdx.y);
  const int rows = setting.group * block.count;
  const int end = block.ancestors + block.visible + block.count;
  const KeyRows key_row{ancestor_rows + block.first_ancestor, block.ancestors, block.own};
  const QueryRows query_row{block.query, block.count};
  const int first_head = kv_head * setting.group;
  const ConstMatrix keys{qkv.data + setting.heads * setting.size, qkv.rows, 0, qkv.stride};
  const ConstMatrix values{keys.data + setting.kv_heads * setting.size, qkv.rows, 0, qkv.stride};

  load_heads(qkv, query_row, block.count, first_head, setting.size, rows, setting.tile, setting.padded, query);
  load_heads(dout, query_row, block.count, first_head, setting.size, rows, setting.tile, setting.padded, slope_out);
  load_row_values(setting, logsum, inner, block.query, block.count, kv_head, rows, row_logsum, row_inner);
  TileSums<T> sums;
  sums.clear();
  for (int first = 0; first < end; first += setting.tile) {
    const int count = end - first < setting.tile ? end - first : setting.tile;
    const auto tile_row = [&](int n) { return key_row(first + n); };
    if (first > 0) __syncthreads();  // the keys of the tile before are done with
    load_head(keys, tile_row, kv_head, setting.size, count, setting.tile, setting.padded, key);
    load_head(values, tile_row, kv_head, setting.size, count, setting.tile, setting.padded, value);
    __syncthreads();
    score_tile(query, key, setting.tile, setting.tile, setting.padded, score);
    score_tile(slope_out, value, setting.tile, setting.tile, setting.padded, slope);
    __syncthreads();
    slopes_of_scores(setting, score, slope, row_logsum, row_inner, rows, block.count, count,
                     block.ancestors + block.visible - first, static_cast<T*>(nullptr), dscore);
    __syncthreads();
    sums.template add<false>(dscore, key, setting.tile, setting.tile, setting.padded);
  }
  __syncthreads();
  float* result = reinterpret_cast<float*>(shared + layout.key);  // keys and values are done with
  sums.store(result, setting.tile, setting.padded);
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < rows * static_cast<int>(setting.size); i += kTileThreads) {
    const int r = i / static_cast<int>(setting.size);
    const int c = i % static_cast<int>(setting.size);
    dqkv.data[query_row(r) * dqkv.stride + (first_head + r / block.count) * setting.size + c] =
        result[r * sum_stride(setting.padded) + c];
  }
}

// Gradients of keys and values: one block of threads for each block of keys and each head of them.
template <typename T>
__global__ __launch_bounds__(kTileThreads) void key_kernel(Setting setting, BackwardLayout<T> layout,
                                                           const KeyBlock* blocks, const Visit* visits, ConstMatrix qkv,
                                                           ConstMatrix logsum, const float* inner, ConstMatrix dout,
                                                           Matrix dqkv, float* parts) {
  DYNAMIC_SHARED(shared);
  T* query = reinterpret_cast<T*>(shared + layout.query);
  T* slope_out = reinterpret_cast<T*>(shared + layout.dout);
  T* key = reinterpret_cast<T*>(shared + layout.key);
  T* value = reinterpret_cast<T*>(shared + layout.value);
  float* score = reinterpret_cast<float*>(shared + layout.score);
  float* slope = reinterpret_cast<float*>(shared + layout.slope);
  T* weight = reinterpret_cast<T*>(shared + layout.weight);
  T* dscore = reinterpret_cast<T*>(shared + layout.dscore);
  float* row_logsum = reinterpret_cast<float*>(shared + layout.logsum);
  float* row_inner = reinterpret_cast<float*>(shared + layout.inner);
  const KeyBlock block = blocks[blockIdx.x];
  const int kv_head = static_cast<int>(blockIdx.y);
  const int first_head = kv_head * setting.group;
  const ConstMatrix keys{qkv.data + setting.heads * setting.size, qkv.rows, 0, qkv.stride};
  const ConstMatrix values{keys.data + setting.kv_heads * setting.size, qkv.rows, 0, qkv.stride};
  const auto key_row = [&](int n) { return int64_t{block.key} + n; };

  load_head(keys, key_row, kv_head, setting.size, block.count, setting.tile, setting.padded, key);
  load_head(values, key_row, kv_head, setting.size, block.count, setting.tile, setting.padded, value);
  TileSums<T> key_sums;
  TileSums<T> value_sums;
  key_sums.clear();
  value_sums.clear();
  for (int v = 0; v < block.visits; ++v) {
    const Visit visit = visits[block.first_visit + v];
    const QueryRows query_row{visit.query, visit.count};
    const int rows = setting.group * visit.count;
    if (v > 0) __syncthreads();  // the queries of the visit before are done with
    load_heads(qkv, query_row, visit.count, first_head, setting.size, rows, setting.tile, setting.padded, query);
    load_heads(dout, query_row, visit.count, first_head, setting.size, rows, setting.tile, setting.padded, slope_out);
    load_row_values(setting, logsum, inner, visit.query, visit.count, kv_head, rows, row_logsum, row_inner);
    __syncthreads();
    score_tile(query, key, setting.tile, setting.tile, setting.padded, score);
    score_tile(slope_out, value, setting.tile, setting.tile, setting.padded, slope);
    __syncthreads();
    slopes_of_scores(setting, score, slope, row_logsum, row_inner, rows, visit.count, block.count, visit.diagonal,
                     weight, dscore);
    __syncthreads();
    value_sums.template add<true>(weight, slope_out, setting.tile, setting.tile, setting.padded);
    key_sums.template add<true>(dscore, query, setting.tile, setting.tile, setting.padded);
  }
  __syncthreads();
  // Queries are done with, and then keys: there is room for the results.
  float* key_result = reinterpret_cast<float*>(shared + layout.query);
  float* value_result = reinterpret_cast<float*>(shared + layout.key);
  key_sums.store(key_result, setting.tile, setting.padded);
  value_sums.store(value_result, setting.tile, setting.padded);
  __syncthreads();
  const int size = static_cast<int>(setting.size);
  for (int i = static_cast<int>(threadIdx.x); i < block.count * size; i += kTileThreads) {
    const int n = i / size;
    const int c = i % size;
    const float dkey = key_result[n * sum_stride(setting.padded) + c];
    const float dvalue = value_result[n * sum_stride(setting.padded) + c];
    if (block.part < 0) {
      float* to = dqkv.data + key_row(n) * dqkv.stride + (setting.heads + kv_head) * setting.size + c;
      to[0] = dkey;
      to[setting.kv_heads * setting.size] = dvalue;
    } else {
      float* to = parts + (block.part * setting.kv_heads + kv_head) * 2 * setting.tile * setting.size;
      to[i] = dkey;
      to[setting.tile * setting.size + i] = dvalue;
    }
  }
}

// The parts of keys that many queries look at, in order.
__global__ void part_kernel(Setting setting, const KeySum* sums, const float* parts, Matrix dqkv) {
  const KeySum sum = sums[blockIdx.x];
  const int64_t kv_head = blockIdx.y;
  const int64_t half = setting.tile * setting.size;
  for (int64_t i = threadIdx.x; i < sum.count * setting.size; i += blockDim.x) {
    float dkey = 0.0f;
    float dvalue = 0.0f;
    for (int32_t p = sum.first_part; p < sum.first_part + sum.parts; ++p) {
      const float* from = parts + (p * setting.kv_heads + kv_head) * 2 * half;
      dkey += from[i];
      dvalue += from[half + i];
    }
    float* to = dqkv.data + (sum.key + i / setting.size) * dqkv.stride + (setting.heads + kv_head) * setting.size +
                i % setting.size;
    to[0] = dkey;
    to[setting.kv_heads * setting.size] = dvalue;
  }
}

Setting setting_of(const AttentionShape& shape, int tile, int keys) {
  Setting setting{};
  setting.heads = shape.heads;
  setting.kv_heads = shape.kv_heads;
  setting.size = shape.head_size;
  setting.group = static_cast<int>(shape.group());
  setting.padded = in_sixteens(static_cast<int>(shape.head_size));
  setting.tile = tile;
  setting.keys = keys;
  setting.scale = 1.0f / std::sqrt(static_cast<float>(shape.head_size));
  return setting;
}

template <typename Kernel>
void allow_shared(Kernel kernel, int64_t bytes) {
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)),
        "attention");
}

}  // namespace

int64_t attention_forward_bytes(Precision precision, int tile, int keys, int padded) {
  return precision == Precision::bfloat16 ? ForwardLayout<uint16_t>(tile, keys, padded).bytes
                                          : ForwardLayout<float>(tile, keys, padded).bytes;
}

int64_t attention_backward_bytes(Precision precision, int tile, int padded) {
  return precision == Precision::bfloat16 ? BackwardLayout<uint16_t>(tile, padded).bytes
                                          : BackwardLayout<float>(tile, padded).bytes;
}

void Attention::forward(ConstMatrix queries, ConstMatrix keys, ConstMatrix values, Matrix out, Matrix logsum) const {
  if (precision_ == Precision::bfloat16)
    run_forward<uint16_t>(queries, keys, values, out, logsum);
  else
    run_forward<float>(queries, keys, values, out, logsum);
}

template <typename T>
void Attention::run_forward(ConstMatrix queries, ConstMatrix keys, ConstMatrix values, Matrix out,
                            Matrix logsum) const {
  const auto heads = static_cast<unsigned>(shape_.kv_heads);
  if (short_blocks_ > 0) {
    const Setting setting = setting_of(shape_, tile_, short_keys_);
    const ForwardLayout<T> layout(tile_, short_keys_, setting.padded);
    const auto kernel = &forward_kernel<T, true>;
    allow_shared(kernel, layout.bytes);
    LAUNCH(kernel, dim3(static_cast<unsigned>(short_blocks_), heads), kTileThreads, static_cast<size_t>(layout.bytes),
           queue_.stream(), setting, layout, blocks_, ancestor_rows_, queries, keys, values, out, logsum);
    check(cudaGetLastError(), "attention of short texts");
  }
  if (block_count_ > short_blocks_) {
    const Setting setting = setting_of(shape_, tile_, tile_);
    const ForwardLayout<T> layout(tile_, tile_, setting.padded);
    const auto kernel = &forward_kernel<T, false>;
    allow_shared(kernel, layout.bytes);
    LAUNCH(kernel, dim3(static_cast<unsigned>(block_count_ - short_blocks_), heads), kTileThreads,
           static_cast<size_t>(layout.bytes), queue_.stream(), setting, layout, blocks_ + short_blocks_, ancestor_rows_,
           queries, keys, values, out, logsum);
    check(cudaGetLastError(), "attention");
  }
}

void Attention::backward(ConstMatrix qkv, ConstMatrix out, ConstMatrix logsum, ConstMatrix dout, Matrix dqkv) const {
  if (!whole_) fail("internal", "the way back of attention needs whole segments");
  if (own_rows_ != qkv.rows)
    check(cudaMemset2DAsync(dqkv.data, static_cast<size_t>(dqkv.stride) * sizeof(float), 0,
                            static_cast<size_t>(dqkv.cols) * sizeof(float), static_cast<size_t>(dqkv.rows),
                            queue_.stream()),
          "attention's way back");
  if (block_count_ == 0) return;
  float* inner = queue_.scratch<float>(out.rows * shape_.heads);
  LAUNCH(inner_kernel, blocks_for(out.rows * shape_.heads, kTileThreads / 32), kTileThreads, 0, queue_.stream(),
         shape_.heads, shape_.head_size, dout, out, inner);
  check(cudaGetLastError(), "attention's way back");
  if (precision_ == Precision::bfloat16)
    run_backward<uint16_t>(qkv, logsum, dout, dqkv, inner);
  else
    run_backward<float>(qkv, logsum, dout, dqkv, inner);
}

template <typename T>
void Attention::run_backward(ConstMatrix qkv, ConstMatrix logsum, ConstMatrix dout, Matrix dqkv,
                             const float* inner) const {
  const char* what = "attention's way back";
  const auto heads = static_cast<unsigned>(shape_.kv_heads);
  const Setting setting = setting_of(shape_, tile_, tile_);
  const BackwardLayout<T> layout(tile_, setting.padded);
  const auto bytes = static_cast<size_t>(layout.bytes);
  allow_shared(&query_kernel<T>, layout.bytes);
  LAUNCH(query_kernel<T>, dim3(static_cast<unsigned>(block_count_), heads), kTileThreads, bytes, queue_.stream(),
         setting, layout, blocks_, ancestor_rows_, qkv, logsum, inner, dout, dqkv);
  check(cudaGetLastError(), what);
  float* parts = queue_.scratch<float>(part_count_ * shape_.kv_heads * 2 * tile_ * shape_.head_size, 1);
  allow_shared(&key_kernel<T>, layout.bytes);
  LAUNCH(key_kernel<T>, dim3(static_cast<unsigned>(key_block_count_), heads), kTileThreads, bytes, queue_.stream(),
         setting, layout, key_blocks_, visits_, qkv, logsum, inner, dout, dqkv, parts);
  check(cudaGetLastError(), what);
  if (sum_count_ == 0) return;
  LAUNCH(part_kernel, dim3(static_cast<unsigned>(sum_count_), heads), 256, 0, queue_.stream(), setting, sums_,
         static_cast<const float*>(parts), dqkv);
  check(cudaGetLastError(), what);
}

}  // namespace plumb::cuda
