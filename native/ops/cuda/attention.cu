#include "ops/cuda/attention.h"

#include <algorithm>
#include <cmath>

#include "ops/cuda/attention_rows.cuh"
#include "ops/cuda/attention_tile.cuh"
#include "ops/cuda/reduce.cuh"
#include "tensor/error.h"

namespace plumb::cuda {
namespace {

/// Attention in float32, for comparisons with the processor: exact, and slow (attention_bfloat16.cu is the other one).

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

struct ForwardLayout {
  int64_t query, key, score, weight, out, top, sum, bytes;
  ForwardLayout(int tile, int padded) {
    Layout layout;
    query = layout.add<float>(tile * factor_stride(padded));
    key = layout.add<float>(tile * factor_stride(padded));
    score = layout.add<float>(tile * sum_stride(tile));
    weight = layout.add<float>(tile * factor_stride(tile));
    out = layout.add<float>(tile * sum_stride(padded));
    top = layout.add<float>(tile);
    sum = layout.add<float>(tile);
    bytes = layout.bytes();
  }
};

struct BackwardLayout {
  int64_t query, dout, key, value, score, slope, weight, dscore, logsum, inner, bytes;
  BackwardLayout(int tile, int padded) {
    Layout layout;
    query = layout.add<float>(tile * factor_stride(padded));
    dout = layout.add<float>(tile * factor_stride(padded));
    key = layout.add<float>(tile * factor_stride(padded));
    value = layout.add<float>(tile * factor_stride(padded));
    score = layout.add<float>(tile * sum_stride(tile));
    slope = layout.add<float>(tile * sum_stride(tile));
    weight = layout.add<float>(tile * factor_stride(tile));
    dscore = layout.add<float>(tile * factor_stride(tile));
    logsum = layout.add<float>(tile);
    inner = layout.add<float>(tile);
    bytes = layout.bytes();
  }
};

// ---- forward

// One block of threads for each block of queries and each head of keys.
__global__ __launch_bounds__(kTileThreads) void forward_kernel(Setting setting, ForwardLayout layout,
                                                               const QueryBlock* blocks, const int32_t* ancestor_rows,
                                                               ConstMatrix queries, ConstMatrix keys,
                                                               ConstMatrix values, Matrix out, Matrix logsum) {
  DYNAMIC_SHARED(shared);
  float* query = reinterpret_cast<float*>(shared + layout.query);
  float* key = reinterpret_cast<float*>(shared + layout.key);  // and then the values
  float* score = reinterpret_cast<float*>(shared + layout.score);
  float* weight = reinterpret_cast<float*>(shared + layout.weight);
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
  const int key_stride = sum_stride(setting.tile);
  const int weight_stride = factor_stride(setting.tile);
  const int out_stride = sum_stride(setting.padded);

  load_heads(queries, QueryRows(block.query, block.count), block.count, kv_head * setting.group, setting.size, rows,
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
  for (int first = 0; first < end; first += setting.tile) {
    const int count = end - first < setting.tile ? end - first : setting.tile;
    const auto tile_row = [&](int n) { return key_row(first + n); };
    if (first > 0) __syncthreads();  // the values of the tile before are done with
    load_head(keys, tile_row, kv_head, setting.size, count, setting.tile, setting.padded, key);
    __syncthreads();
    score_tile(query, key, setting.tile, setting.tile, setting.padded, score);
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
      for (int n = lane; n < setting.tile; n += 32) {
        const float p = n < count && n < visible ? expf(row[n] * setting.scale - now) : 0.0f;
        sum += p;
        weight[r * weight_stride + n] = p;
      }
      const float factor = expf(row_top[i] - now);
      row_total[i] = row_total[i] * factor + warp_sum(sum);
      row_top[i] = now;
      if (first > 0)
        for (int c = lane; c < setting.padded; c += 32) sums[r * out_stride + c] *= factor;
    }
    load_head(values, tile_row, kv_head, setting.size, count, setting.tile, setting.padded, key);
    __syncthreads();
    weighted_tile(weight, key, setting.tile, setting.tile, setting.padded, first == 0, sums);
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
__device__ __forceinline__ void slopes_of_scores(const Setting& setting, const float* score, const float* slope,
                                                 const float* logsum, const float* inner, int rows, int count, int keys,
                                                 int diagonal, float* weight, float* dscore) {
  for (int i = static_cast<int>(threadIdx.x); i < setting.tile * setting.tile; i += kTileThreads) {
    const int r = i / setting.tile;
    const int n = i % setting.tile;
    const bool seen = r < rows && n < keys && n <= r % count + diagonal;
    const int at = r * sum_stride(setting.tile) + n;
    const float p = seen ? expf(score[at] * setting.scale - logsum[r]) : 0.0f;
    const float ds = seen ? p * (slope[at] - inner[r]) * setting.scale : 0.0f;
    if (weight != nullptr) weight[r * factor_stride(setting.tile) + n] = p;
    dscore[r * factor_stride(setting.tile) + n] = ds;
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
__global__ __launch_bounds__(kTileThreads) void query_kernel(Setting setting, BackwardLayout layout,
                                                             const QueryBlock* blocks, const int32_t* ancestor_rows,
                                                             ConstMatrix qkv, ConstMatrix logsum, const float* inner,
                                                             ConstMatrix dout, Matrix dqkv) {
  DYNAMIC_SHARED(shared);
  float* query = reinterpret_cast<float*>(shared + layout.query);
  float* slope_out = reinterpret_cast<float*>(shared + layout.dout);
  float* key = reinterpret_cast<float*>(shared + layout.key);
  float* value = reinterpret_cast<float*>(shared + layout.value);
  float* score = reinterpret_cast<float*>(shared + layout.score);
  float* slope = reinterpret_cast<float*>(shared + layout.slope);
  float* dscore = reinterpret_cast<float*>(shared + layout.dscore);
  float* row_logsum = reinterpret_cast<float*>(shared + layout.logsum);
  float* row_inner = reinterpret_cast<float*>(shared + layout.inner);
  const QueryBlock block = blocks[blockIdx.x];
  const int kv_head = static_cast<int>(blockIdx.y);
  const int rows = setting.group * block.count;
  const int end = block.ancestors + block.visible + block.count;
  const KeyRows key_row{ancestor_rows + block.first_ancestor, block.ancestors, block.own};
  const QueryRows query_row(block.query, block.count);
  const int first_head = kv_head * setting.group;
  const ConstMatrix keys{qkv.data + setting.heads * setting.size, qkv.rows, 0, qkv.stride};
  const ConstMatrix values{keys.data + setting.kv_heads * setting.size, qkv.rows, 0, qkv.stride};

  load_heads(qkv, query_row, block.count, first_head, setting.size, rows, setting.tile, setting.padded, query);
  load_heads(dout, query_row, block.count, first_head, setting.size, rows, setting.tile, setting.padded, slope_out);
  load_row_values(setting, logsum, inner, block.query, block.count, kv_head, rows, row_logsum, row_inner);
  TileSums sums;
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
                     block.ancestors + block.visible - first, static_cast<float*>(nullptr), dscore);
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
__global__ __launch_bounds__(kTileThreads) void key_kernel(Setting setting, BackwardLayout layout,
                                                           const KeyBlock* blocks, const Visit* visits, ConstMatrix qkv,
                                                           ConstMatrix logsum, const float* inner, ConstMatrix dout,
                                                           Matrix dqkv, float* parts) {
  DYNAMIC_SHARED(shared);
  float* query = reinterpret_cast<float*>(shared + layout.query);
  float* slope_out = reinterpret_cast<float*>(shared + layout.dout);
  float* key = reinterpret_cast<float*>(shared + layout.key);
  float* value = reinterpret_cast<float*>(shared + layout.value);
  float* score = reinterpret_cast<float*>(shared + layout.score);
  float* slope = reinterpret_cast<float*>(shared + layout.slope);
  float* weight = reinterpret_cast<float*>(shared + layout.weight);
  float* dscore = reinterpret_cast<float*>(shared + layout.dscore);
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
  TileSums key_sums;
  TileSums value_sums;
  key_sums.clear();
  value_sums.clear();
  for (int v = 0; v < block.visits; ++v) {
    const Visit visit = visits[block.first_visit + v];
    const QueryRows query_row(visit.query, visit.count);
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
  const int64_t half = setting.part_rows * setting.size;
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

template <typename Kernel>
void allow_shared(Kernel kernel, int64_t bytes) {
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)),
        "attention");
}

}  // namespace

bool attention_float_fits(int tile, int padded, int64_t shared_limit) {
  return std::max(ForwardLayout(tile, padded).bytes, BackwardLayout(tile, padded).bytes) <= shared_limit;
}

Setting Attention::setting() const {
  Setting setting{};
  setting.heads = shape_.heads;
  setting.kv_heads = shape_.kv_heads;
  setting.size = shape_.head_size;
  setting.group = static_cast<int>(shape_.group());
  setting.padded = in_sixteens(static_cast<int>(shape_.head_size));
  setting.tile = tile_;
  setting.part_rows = tile_;
  setting.scale = 1.0f / std::sqrt(static_cast<float>(shape_.head_size));
  return setting;
}

void Attention::forward(ConstMatrix queries, ConstMatrix keys, ConstMatrix values, Matrix out, Matrix logsum) const {
  if (block_count_ == 0) return;
  if (precision_ == Precision::bfloat16)
    forward_bfloat16(setting(), queries, keys, values, out, logsum);
  else
    forward_float(setting(), queries, keys, values, out, logsum);
}

void Attention::forward_float(const Setting& setting, ConstMatrix queries, ConstMatrix keys, ConstMatrix values,
                              Matrix out, Matrix logsum) const {
  const ForwardLayout layout(tile_, setting.padded);
  allow_shared(&forward_kernel, layout.bytes);
  LAUNCH(forward_kernel, dim3(static_cast<unsigned>(block_count_), static_cast<unsigned>(shape_.kv_heads)),
         kTileThreads, static_cast<size_t>(layout.bytes), queue_.stream(), setting, layout, blocks_, ancestor_rows_,
         queries, keys, values, out, logsum);
  check(cudaGetLastError(), "attention");
}

void Attention::backward(ConstMatrix qkv, ConstMatrix out, ConstMatrix logsum, ConstMatrix dout, Matrix dqkv) const {
  const char* what = "attention's way back";
  if (!whole_) fail("internal", "the way back of attention needs whole segments");
  if (own_rows_ != qkv.rows)
    check(cudaMemset2DAsync(dqkv.data, static_cast<size_t>(dqkv.stride) * sizeof(float), 0,
                            static_cast<size_t>(dqkv.cols) * sizeof(float), static_cast<size_t>(dqkv.rows),
                            queue_.stream()),
          what);
  if (block_count_ == 0) return;
  float* inner = queue_.scratch<float>(out.rows * shape_.heads);
  LAUNCH(inner_kernel, blocks_for(out.rows * shape_.heads, kTileThreads / 32), kTileThreads, 0, queue_.stream(),
         shape_.heads, shape_.head_size, dout, out, inner);
  check(cudaGetLastError(), what);
  float* parts = queue_.scratch<float>(part_count_ * shape_.kv_heads * 2 * tile_ * shape_.head_size, 1);
  if (precision_ == Precision::bfloat16)
    backward_bfloat16(setting(), qkv, logsum, dout, dqkv, inner, parts);
  else
    backward_float(setting(), qkv, logsum, dout, dqkv, inner, parts);
  if (sum_count_ == 0) return;
  LAUNCH(part_kernel, dim3(static_cast<unsigned>(sum_count_), static_cast<unsigned>(shape_.kv_heads)), 256, 0,
         queue_.stream(), setting(), sums_, static_cast<const float*>(parts), dqkv);
  check(cudaGetLastError(), what);
}

void Attention::backward_float(const Setting& setting, ConstMatrix qkv, ConstMatrix logsum, ConstMatrix dout,
                               Matrix dqkv, const float* inner, float* parts) const {
  const auto heads = static_cast<unsigned>(shape_.kv_heads);
  const BackwardLayout layout(tile_, setting.padded);
  const auto bytes = static_cast<size_t>(layout.bytes);
  allow_shared(&query_kernel, layout.bytes);
  LAUNCH(query_kernel, dim3(static_cast<unsigned>(block_count_), heads), kTileThreads, bytes, queue_.stream(), setting,
         layout, blocks_, ancestor_rows_, qkv, logsum, inner, dout, dqkv);
  check(cudaGetLastError(), "the gradient of queries");
  allow_shared(&key_kernel, layout.bytes);
  LAUNCH(key_kernel, dim3(static_cast<unsigned>(key_block_count_), heads), kTileThreads, bytes, queue_.stream(),
         setting, layout, key_blocks_, visits_, qkv, logsum, inner, dout, dqkv, parts);
  check(cudaGetLastError(), "the gradients of keys");
}

}  // namespace plumb::cuda
