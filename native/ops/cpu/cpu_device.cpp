#include "ops/cpu/cpu_device.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "ops/cpu/adam8.h"
#include "ops/parallel.h"

namespace plumb {
namespace {

float sigmoid(float x) {
  return 1.0f / (1.0f + std::exp(-x));
}

}  // namespace

struct CpuDevice::Plan final : AttentionPlan {
  Plan(Attention& attention_in, const AttentionShape& shape_in, std::vector<AttentionItem> items_in)
      : attention(attention_in), shape(shape_in), items(std::move(items_in)) {}
  Attention& attention;
  AttentionShape shape;
  std::vector<AttentionItem> items;
};

CpuDevice::CpuDevice(Precision precision, int threads)
    : kernel_(kernels()), threads_(threads), products_(precision, threads) {}

int CpuDevice::copy_threads(int64_t values) const {
  constexpr int64_t kLeastShared = 8192;
  return values < kLeastShared ? 1 : threads_;
}

template <typename F>
void CpuDevice::each_row(int64_t rows, F&& body) const {
  each_row(threads_, rows, body);
}

template <typename F>
void CpuDevice::each_row(int threads, int64_t rows, F&& body) {
  parallel_ranges(threads, rows, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) body(r);
  });
}

void* CpuDevice::allocate(int64_t bytes) {
  void* data = allocate_aligned(bytes);
  if (data == nullptr)
    fail("out-of-memory", "the system has no " + std::to_string(bytes >> 20) + " MiB left for the engine");
  return data;
}

void CpuDevice::release(void* data) noexcept {
  free_aligned(data);
}

void CpuDevice::upload(const void* host, void* device, int64_t bytes) {
  if (bytes > 0) std::memcpy(device, host, static_cast<size_t>(bytes));
}

void CpuDevice::download(const void* device, void* host, int64_t bytes) {
  if (bytes > 0) std::memcpy(host, device, static_cast<size_t>(bytes));
}

void CpuDevice::clear(void* device, int64_t bytes) {
  if (bytes > 0) std::memset(device, 0, static_cast<size_t>(bytes));
}

void CpuDevice::product_forward(ConstMatrix x, const Weights& w, Matrix y, bool add) {
  products_.forward(x, w, y, add);
}

void CpuDevice::product_backward(ConstMatrix dy, const Weights& w, Matrix dx, bool add) {
  products_.backward(dy, w, dx, add);
}

void CpuDevice::product_gradient(ConstMatrix dy, ConstMatrix x, Matrix dw) {
  if (products_.precision() == Precision::bfloat16)
    products_.gradient(dy, x, dw);
  else
    multiply(true, false, 1.0f, dy, x, 1.0f, dw);
}

void CpuDevice::multiply(bool transpose_a, bool transpose_b, float alpha, ConstMatrix a, ConstMatrix b, float beta,
                         Matrix c) {
  const int64_t depth = transpose_a ? a.rows : a.cols;
  if (c.rows == 0 || c.cols == 0 || depth == 0) return;
  block_product(transpose_a, transpose_b, c.rows, c.cols, depth, alpha, a.data, a.stride, b.data, b.stride, beta,
                c.data, c.stride);
}

void CpuDevice::decode(const Encoded& source, int64_t first, int64_t count, Precision precision, void* out) {
  auto* bytes = static_cast<uint8_t*>(out);
  const int64_t out_row = source.cols * bytes_of(precision);
  parallel_ranges(threads_, count, [&](int64_t begin, int64_t end) {
    Buffer<float> row(source.cols);
    for (int64_t i = begin; i < end; ++i) {
      const uint8_t* data = source.data + source.stored_row(first + i) * source.row_bytes();
      uint8_t* target = bytes + i * out_row;
      if (precision == Precision::float32) {
        kernel_.dequantize(source.type, data, reinterpret_cast<float*>(target), source.cols);
      } else {
        kernel_.dequantize(source.type, data, row.data(), source.cols);
        kernel_.to_bf16(row.data(), reinterpret_cast<uint16_t*>(target), source.cols);
      }
    }
  });
}

void CpuDevice::embed(const Encoded& table, ConstMatrix prompt, const int32_t* tokens, Matrix out) {
  each_row(out.rows, [&](int64_t r) {
    const int64_t token = tokens[r];
    if (token < 0)
      std::copy_n(prompt.row(-1 - token), out.cols, out.row(r));
    else
      kernel_.dequantize(table.type, table.data + table.stored_row(token) * table.row_bytes(), out.row(r), out.cols);
  });
}

void CpuDevice::round(const float* x, uint16_t* out, int64_t count) {
  parallel_ranges(threads_, count,
                  [&](int64_t begin, int64_t end) { kernel_.to_bf16(x + begin, out + begin, end - begin); });
}

void CpuDevice::copy(ConstMatrix from, Matrix to) {
  each_row(to.rows, [&](int64_t r) { std::copy_n(from.row(r), to.cols, to.row(r)); });
}

void CpuDevice::zero(Matrix m) {
  each_row(copy_threads(m.rows * m.cols), m.rows, [&](int64_t r) { std::fill_n(m.row(r), m.cols, 0.0f); });
}

void CpuDevice::add(ConstMatrix x, Matrix y) {
  each_row(y.rows, [&](int64_t r) { kernel_.axpy(1.0f, x.row(r), y.row(r), y.cols); });
}

void CpuDevice::bias_forward(const float* bias, Matrix y, bool add) {
  each_row(y.rows, [&](int64_t r) {
    if (add)
      kernel_.axpy(1.0f, bias, y.row(r), y.cols);
    else
      std::copy_n(bias, y.cols, y.row(r));
  });
}

void CpuDevice::bias_backward(ConstMatrix dy, float* dbias) {
  parallel_ranges(threads_, dy.cols, [&](int64_t first, int64_t last) {
    kernel_.column_sum(dy.data + first, dy.rows, dy.stride, last - first, dbias + first);
  });
}

void CpuDevice::gather_rows(ConstMatrix from, const int32_t* rows, Matrix to) {
  each_row(copy_threads(to.rows * to.cols), to.rows,
           [&](int64_t r) { std::copy_n(from.row(rows[r]), to.cols, to.row(r)); });
}

void CpuDevice::spread_rows(ConstMatrix from, const int32_t* rows, Matrix to) {
  each_row(copy_threads(to.rows * to.cols), to.rows, [&](int64_t r) {
    const auto* found = std::lower_bound(rows, rows + from.rows, r);
    if (found != rows + from.rows && *found == r)
      std::copy_n(from.row(found - rows), to.cols, to.row(r));
    else
      std::fill_n(to.row(r), to.cols, 0.0f);
  });
}

void CpuDevice::add_rows(const RowSums& sums, const float* scale, ConstMatrix source, Matrix target) {
  if (sums.count == 0) return;
  const int64_t values = (sums.starts[sums.count] - sums.starts[0]) * target.cols;
  each_row(copy_threads(values), sums.count, [&](int64_t t) {
    for (int64_t j = sums.starts[t]; j < sums.starts[t + 1]; ++j) {
      const float factor = scale == nullptr ? 1.0f : scale[sums.scales == nullptr ? j : sums.scales[j]];
      kernel_.axpy(factor, source.row(sums.sources[j]), target.row(sums.targets[t]), target.cols);
    }
  });
}

void CpuDevice::dropout(ConstMatrix x, const Dropout& dropout, bool add, Matrix out) {
  // Two elements for each 64 bits; one stays where its 32 bits are not below the share that goes.
  const auto limit = static_cast<uint64_t>(dropout.share * 4294967296.0);
  const auto kept = static_cast<float>(1.0 / (1.0 - dropout.share));
  each_row(out.rows, [&](int64_t r) {
    for (int64_t c = 0; c < out.cols; ++c) {
      const auto at = static_cast<uint64_t>(r * out.cols + c);
      const uint64_t bits = mixed_bits(dropout.seed + at / 2) >> (32 * (at % 2)) & 0xFFFFFFFFu;
      const float value = x.row(r)[c] * (bits < limit ? 0.0f : kept);
      out.row(r)[c] = add ? out.row(r)[c] + value : value;
    }
  });
}

void CpuDevice::relu(Matrix x) {
  for (int64_t r = 0; r < x.rows; ++r)
    for (int64_t c = 0; c < x.cols; ++c) x.row(r)[c] = std::max(0.0f, x.row(r)[c]);
}

void CpuDevice::relu_backward(ConstMatrix x, Matrix dx) {
  for (int64_t r = 0; r < x.rows; ++r)
    for (int64_t c = 0; c < x.cols; ++c)
      if (!(x.row(r)[c] > 0.0f)) dx.row(r)[c] = 0.0f;
}

void CpuDevice::rms_norm(ConstMatrix x, const float* weight, float epsilon, Matrix out, float* rstd) {
  each_row(x.rows, [&](int64_t r) { rstd[r] = kernel_.rms_norm(x.row(r), weight, epsilon, out.row(r), x.cols); });
}

void CpuDevice::rms_norm_backward(ConstMatrix x, const float* weight, const float* rstd, ConstMatrix dy, Matrix dx) {
  each_row(x.rows,
           [&](int64_t r) { kernel_.rms_norm_backward(x.row(r), weight, rstd[r], dy.row(r), dx.row(r), x.cols); });
}

void CpuDevice::rms_norm_weight_backward(ConstMatrix x, const float* rstd, ConstMatrix dy, float* dweight) {
  parallel_ranges(threads_, x.cols, [&](int64_t first, int64_t last) {
    for (int64_t r = 0; r < x.rows; ++r)
      for (int64_t c = first; c < last; ++c) dweight[c] += dy.row(r)[c] * x.row(r)[c] * rstd[r];
  });
}

void CpuDevice::head_norms(const AttentionShape& shape, Matrix qkv, const float* query_weight, const float* key_weight,
                           float epsilon, float* before, float* rstd) {
  const int64_t size = shape.head_size;
  const int64_t heads = shape.heads + shape.kv_heads;
  each_row(qkv.rows, [&](int64_t r) {
    float* was = before + r * heads * size;
    std::copy_n(qkv.row(r), heads * size, was);
    for (int64_t h = 0; h < heads; ++h)
      rstd[r * heads + h] = kernel_.rms_norm(was + h * size, h < shape.heads ? query_weight : key_weight, epsilon,
                                             qkv.row(r) + h * size, size);
  });
}

void CpuDevice::head_norms_backward(const AttentionShape& shape, const float* before, const float* rstd,
                                    const float* query_weight, const float* key_weight, Matrix dqkv,
                                    float* dquery_weight, float* dkey_weight) {
  const int64_t size = shape.head_size;
  const int64_t heads = shape.heads + shape.kv_heads;
  if (dquery_weight != nullptr && dkey_weight != nullptr)
    parallel_ranges(threads_, size, [&](int64_t first, int64_t last) {
      for (int64_t r = 0; r < dqkv.rows; ++r)
        for (int64_t h = 0; h < heads; ++h) {
          const float* dy = dqkv.row(r) + h * size;
          const float* x = before + (r * heads + h) * size;
          float* dweight = h < shape.heads ? dquery_weight : dkey_weight;
          for (int64_t c = first; c < last; ++c) dweight[c] += dy[c] * x[c] * rstd[r * heads + h];
        }
    });
  parallel_ranges(threads_, dqkv.rows, [&](int64_t begin, int64_t end) {
    Buffer<float> dy(size);
    for (int64_t r = begin; r < end; ++r)
      for (int64_t h = 0; h < heads; ++h) {
        float* slot = dqkv.row(r) + h * size;
        std::copy_n(slot, size, dy.data());
        std::fill_n(slot, size, 0.0f);
        kernel_.rms_norm_backward(before + (r * heads + h) * size, h < shape.heads ? query_weight : key_weight,
                                  rstd[r * heads + h], dy.data(), slot, size);
      }
  });
}

void CpuDevice::rotate(const AttentionShape& shape, const Rotation& rotation, Matrix qkv, const CacheRows& cache,
                       ConstMatrix x, Matrix middle) {
  const int64_t half = shape.head_size / 2;
  const int64_t width = shape.kv_width();
  each_row(qkv.rows, [&](int64_t r) {
    const int64_t turn = rotation.positions[r] * half;
    kernel_.rotate(qkv.row(r), shape.heads + shape.kv_heads, shape.head_size, rotation.cosine + turn,
                   rotation.sine + turn, 1.0f);
    if (middle.data != nullptr) std::copy_n(x.row(r), middle.cols, middle.row(r));
    if (cache.rows == nullptr) return;
    const float* keys = qkv.row(r) + shape.query_width();
    std::copy_n(keys, width, cache.keys + cache.rows[r] * width);
    std::copy_n(keys + width, width, cache.values + cache.rows[r] * width);
  });
}

void CpuDevice::rotate_backward(const AttentionShape& shape, const Rotation& rotation, Matrix dqkv) {
  each_row(dqkv.rows, [&](int64_t r) {
    const int64_t turn = rotation.positions[r] * (shape.head_size / 2);
    kernel_.rotate(dqkv.row(r), shape.heads + shape.kv_heads, shape.head_size, rotation.cosine + turn,
                   rotation.sine + turn, -1.0f);
  });
}

void CpuDevice::swiglu(ConstMatrix gate_up, Matrix hidden, ConstMatrix middle, Matrix out) {
  each_row(hidden.rows, [&](int64_t r) {
    kernel_.swiglu(gate_up.row(r), gate_up.row(r) + hidden.cols, hidden.row(r), hidden.cols);
    if (out.data != nullptr) std::copy_n(middle.row(r), out.cols, out.row(r));
  });
}

void CpuDevice::swiglu_backward(Matrix gate_up, ConstMatrix dhidden) {
  each_row(dhidden.rows, [&](int64_t r) {
    kernel_.swiglu_backward(gate_up.row(r), gate_up.row(r) + dhidden.cols, dhidden.row(r), dhidden.cols);
  });
}

std::unique_ptr<AttentionPlan> CpuDevice::plan_attention(const AttentionShape& shape,
                                                         const std::vector<AttentionItem>& items) {
  const auto same = [&](const std::unique_ptr<Attention>& attention) {
    const AttentionShape& other = attention->shape();
    return other.heads == shape.heads && other.kv_heads == shape.kv_heads && other.head_size == shape.head_size;
  };
  auto found = std::find_if(attentions_.begin(), attentions_.end(), same);
  if (found == attentions_.end())
    found = attentions_.insert(attentions_.end(), std::make_unique<Attention>(shape, threads_));
  return std::make_unique<Plan>(**found, shape, items);
}

void CpuDevice::attention_forward(const AttentionPlan& plan, ConstMatrix queries, ConstMatrix keys, ConstMatrix values,
                                  Matrix out, Matrix logsum) {
  const auto& own = static_cast<const Plan&>(plan);
  own.attention.forward(own.items, queries, keys, values, out, logsum);
}

void CpuDevice::attention_backward(const AttentionPlan& plan, ConstMatrix qkv, ConstMatrix, ConstMatrix logsum,
                                   ConstMatrix dout, Matrix dqkv) {
  const auto& own = static_cast<const Plan&>(plan);
  const int64_t q = own.shape.query_width();
  const int64_t kv = own.shape.kv_width();
  each_row(dqkv.rows, [&](int64_t r) { std::fill_n(dqkv.row(r) + q, 2 * kv, 0.0f); });
  const auto columns = [](ConstMatrix m, int64_t first, int64_t count) { return m.columns(first, count); };
  own.attention.backward(own.items, columns(qkv, 0, q), columns(qkv, q, kv), columns(qkv, q + kv, kv), logsum, dout,
                         dqkv.columns(0, q), dqkv.columns(q, kv), dqkv.columns(q + kv, kv));
}

void CpuDevice::choose(const Choices& choices, ConstMatrix x, ConstMatrix heads, float* log_p, float* slopes) {
  each_row(choices.count, [&](int64_t c) {
    const float* row = x.row(choices.rows[c]);
    const int64_t first = choices.starts[c];
    const int64_t last = choices.starts[c + 1];
    double top = -HUGE_VAL;
    for (int64_t i = first; i < last; ++i) {
      log_p[i] = kernel_.dot(row, heads.row(choices.places[i]), x.cols);
      top = std::max(top, static_cast<double>(log_p[i]));
    }
    double sum = 0;
    for (int64_t i = first; i < last; ++i) sum += std::exp(static_cast<double>(log_p[i]) - top);
    const double logsum = top + std::log(sum);
    for (int64_t i = first; i < last; ++i) log_p[i] = static_cast<float>(static_cast<double>(log_p[i]) - logsum);
    if (slopes == nullptr) return;
    const int64_t truth = first + choices.answers[c];
    for (int64_t i = first; i < last; ++i)
      slopes[i] =
          choices.answers[c] < 0 ? 0.0f : choices.weights[c] * (std::exp(log_p[i]) - (i == truth ? 1.0f : 0.0f));
  });
}

void CpuDevice::cross_entropy(Matrix logits, const int32_t* tokens, const float* weights, float* log_p) {
  each_row(logits.rows, [&](int64_t r) {
    float* row = logits.row(r);
    const float logit = row[tokens[r]];
    log_p[r] = logit - kernel_.softmax(row, logits.cols, logits.cols);
    if (weights == nullptr) return;
    row[tokens[r]] -= 1.0f;
    for (int64_t v = 0; v < logits.cols; ++v) row[v] *= weights[r];
  });
}

void CpuDevice::lstm(const LstmStep& step) {
  const int64_t n = step.n;
  float* gate = step.gates;
  for (int64_t k = 0; k < n; ++k) {
    const float in = gate[k] = sigmoid(gate[k]);
    const float forget = gate[n + k] = sigmoid(gate[n + k]);
    const float update = gate[2 * n + k] = std::tanh(gate[2 * n + k]);
    const float out = gate[3 * n + k] = sigmoid(gate[3 * n + k]);
    const float old = step.before == nullptr ? 0.0f : step.before[k];
    const float state = step.state[k] = forget * old + in * update;
    step.out[k] = out * (step.tanh_state[k] = std::tanh(state));
  }
}

void CpuDevice::lstm_backward(const LstmStep& step, const float* dout, float* dstate, float* dgates) {
  const int64_t n = step.n;
  const float* gate = step.gates;
  for (int64_t k = 0; k < n; ++k) {
    const float in = gate[k], forget = gate[n + k], update = gate[2 * n + k], out = gate[3 * n + k];
    const float squashed = step.tanh_state[k];
    const float ds = dstate[k] += dout[k] * out * (1.0f - squashed * squashed);
    const float old = step.before == nullptr ? 0.0f : step.before[k];
    dgates[k] = ds * update * in * (1.0f - in);
    dgates[n + k] = ds * old * forget * (1.0f - forget);
    dgates[2 * n + k] = ds * in * (1.0f - update * update);
    dgates[3 * n + k] = dout[k] * squashed * out * (1.0f - out);
    dstate[k] = ds * forget;
  }
}

double CpuDevice::norm(const float* values, int64_t count) {
  // Summed in blocks, so that the number of threads makes no difference.
  constexpr int64_t kBlock = 1 << 16;
  const int64_t blocks = (count + kBlock - 1) / kBlock;
  std::vector<double> sums(static_cast<size_t>(blocks));
  parallel_tasks(blocks > 16 ? threads_ : 1, blocks, [&](int64_t block, int) {
    const int64_t first = block * kBlock;
    sums[static_cast<size_t>(block)] = kernel_.squares(values + first, std::min(kBlock, count - first));
  });
  double sum = 0;
  for (const double part : sums) sum += part;
  return std::sqrt(sum);
}

int CpuDevice::optimiser_threads(int64_t count) const {
  // Waking threads for a bias costs more than moving it.
  return count > 1 << 16 ? threads_ : 1;
}

void CpuDevice::adam(const AdamConstants& constants, const float* gradient, float* first, float* second, float* values,
                     int64_t count) {
  parallel_ranges(optimiser_threads(count), count, [&](int64_t begin, int64_t end) {
    kernel_.adam(constants, gradient + begin, first + begin, second + begin, values + begin, end - begin);
  });
}

void CpuDevice::adam8(const AdamConstants& constants, const float* gradient, const Moments8& moments, float* values,
                      int64_t count) {
  plumb::adam8(kernel_, constants, gradient, moments, values, count, optimiser_threads(count));
}

int64_t CpuDevice::attention_bytes(const AttentionShape& shape, int64_t, int64_t longest) const {
  return Attention::scratch_bytes(shape, threads_, longest);
}

int64_t CpuDevice::product_bytes(int64_t rows, int64_t cols) const {
  return precision() == Precision::bfloat16 ? 2 * round_rows(rows) * cols : 0;
}

}  // namespace plumb
