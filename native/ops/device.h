#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "ops/adam.h"
#include "ops/attention.h"
#include "ops/weights.h"
#include "tensor/memory.h"

namespace plumb {

/// Sums of scaled rows, for results that several rows go into. Target row targets[t] gets, in this order, for each j in
/// [starts[t], starts[t + 1]) the row sources[j] times the scale at index scales[j] (at j where `scales` is null).
/// Each target stands there once.
struct RowSums {
  int64_t count = 0;  ///< targets
  const int32_t* targets = nullptr;
  const int32_t* starts = nullptr;  ///< one more than targets
  const int32_t* sources = nullptr;
  const int32_t* scales = nullptr;
};

/// Where each row stands in its text, and the turns of each position, [positions, head size / 2] both.
struct Rotation {
  const int32_t* positions = nullptr;
  const float* cosine = nullptr;
  const float* sine = nullptr;
};

/// Where keys and values of each row go, [*, kv width] both; `rows` null: nowhere.
struct CacheRows {
  const int32_t* rows = nullptr;
  float* keys = nullptr;
  float* values = nullptr;
};

/// Questions that restrict the next-token logits of a row to some candidates. Logit of candidate i in choice c:
/// x.row(rows[c]) · heads.row(places[i]), i in [starts[c], starts[c + 1]).
struct Choices {
  int64_t count = 0;
  const int32_t* rows = nullptr;
  const int32_t* starts = nullptr;  ///< one more than choices
  const int32_t* places = nullptr;
  const int32_t* answers = nullptr;  ///< index within the choice; -1: carries no loss
  const float* weights = nullptr;
};

/// Share of values that are set to zero, the same ones in all calls with one seed.
struct Dropout {
  uint64_t seed = 0;
  double share = 0;
};

/// One step of one direction of an LSTM, n values wide: gates [4n] in PyTorch's order (in, forget, update, out), state,
/// tanh(state) and output [n]. `before` is the state of the step before; null: zero.
struct LstmStep {
  int64_t n = 0;
  float* gates = nullptr;  ///< forward: sums, which become their activations; backward: these
  const float* before = nullptr;
  float* state = nullptr;
  float* tanh_state = nullptr;
  float* out = nullptr;
};

/// The rows of an attention item as the device wants them; made once a pass.
class AttentionPlan {
 public:
  virtual ~AttentionPlan() = default;
};

/// Whole-matrix operations in one memory. All pointers and views are the device's, but for those named host. Calls are
/// made from one thread at a time. They queue their work in order and need not wait for it; what a matrix holds is seen
/// by later calls. Only download() and norm() wait. Same inputs, same bits. An error of the device may come with a
/// later call: "device" (it is gone or failed), "out-of-memory".
///
/// Rows may be 0 everywhere; then nothing happens. Unless a comment says otherwise, a result is overwritten and is none
/// of the inputs, and columns beyond a view's are left alone.
class Device : public Memory {
 public:
  // ---- products

  /// Type of both factors in product_forward and product_backward; sums are float32.
  virtual Precision precision() const = 0;

  /// Products write results in whole groups of this many rows: matrices that take them need room for round_rows(rows)
  /// rows. What stands in the rows beyond is undefined.
  static constexpr int64_t kRowStep = 32;
  static int64_t round_rows(int64_t rows) { return (rows + kRowStep - 1) / kRowStep * kRowStep; }

  /// y[m, out] = x[m, in] · Wᵀ, added to y where `add`.
  virtual void product_forward(ConstMatrix x, const Weights& w, Matrix y, bool add) = 0;
  /// Whether product_from() costs less than to write what y begins with, and then to add the product.
  virtual bool begins_products() const { return false; }
  /// y = residual + bias + x · Wᵀ. The residual [m, out] may be empty, the bias [out] null.
  virtual void product_from(ConstMatrix x, const Weights& w, ConstMatrix residual, const float* bias, Matrix y) {
    const bool begun = residual.data != nullptr || bias != nullptr;
    if (residual.data != nullptr) copy(residual, y);
    if (bias != nullptr) bias_forward(bias, y, residual.data != nullptr);
    product_forward(x, w, y, begun);
  }
  /// dx[m, in] = dy[m, out] · W, added to dx where `add`.
  virtual void product_backward(ConstMatrix dy, const Weights& w, Matrix dx, bool add) = 0;
  /// dw[out, in] += dyᵀ · x of dy [m, out] and x [m, in]; both may be rounded to the products' type.
  virtual void product_gradient(ConstMatrix dy, ConstMatrix x, Matrix dw) {
    multiply(true, false, 1.0f, dy, x, 1.0f, dw);
  }
  /// c[m, n] = alpha · op(a)[m, k] · op(b)[k, n] + beta · c, all float32. Where beta is 0, what c holds does not
  /// matter.
  virtual void multiply(bool transpose_a, bool transpose_b, float alpha, ConstMatrix a, ConstMatrix b, float beta,
                        Matrix c) = 0;

  // ---- weights in the form of a file

  /// out = rows [first, first + count) of `source` in Hugging Face's order, as `precision`, without gaps.
  virtual void decode(const Encoded& source, int64_t first, int64_t count, Precision precision, void* out) = 0;
  /// out.row(r) = row tokens[r] of the table; where tokens[r] < 0, row -1 - tokens[r] of the prompt.
  virtual void embed(const Encoded& table, ConstMatrix prompt, const int32_t* tokens, Matrix out) = 0;
  /// Rounds to bfloat16, to nearest even.
  virtual void round(const float* x, uint16_t* out, int64_t count) = 0;

  // ---- rows and columns

  virtual void copy(ConstMatrix from, Matrix to) = 0;
  virtual void zero(Matrix m) = 0;
  /// y += x.
  virtual void add(ConstMatrix x, Matrix y) = 0;
  /// Every row of y is the bias, or has it added where `add`.
  virtual void bias_forward(const float* bias, Matrix y, bool add) = 0;
  /// dbias[c] += sum over rows of dy[r, c].
  virtual void bias_backward(ConstMatrix dy, float* dbias) = 0;
  /// to.row(i) = from.row(rows[i]).
  virtual void gather_rows(ConstMatrix from, const int32_t* rows, Matrix to) = 0;
  /// to.row(rows[i]) = from.row(i); all other rows of `to` become 0. The rows ascend.
  virtual void spread_rows(ConstMatrix from, const int32_t* rows, Matrix to) = 0;
  /// Adds to the target's rows. `scale` null: 1.
  virtual void add_rows(const RowSums& sums, const float* scale, ConstMatrix source, Matrix target) = 0;
  /// out = x with dropped values 0 and all others divided by 1 - share; added to out where `add`. out may be x. Value
  /// (r, c) of [*, cols] has number i = r * cols + c, and goes where the low (i even) or high half of the 64 bits
  /// mixed_bits(seed + i / 2) is below share * 2^32, as unsigned 32 bits.
  virtual void dropout(ConstMatrix x, const Dropout& dropout, bool add, Matrix out) = 0;
  /// x = max(x, 0).
  virtual void relu(Matrix x) = 0;
  /// dx = 0 where x is not above 0.
  virtual void relu_backward(ConstMatrix x, Matrix dx) = 0;

  // ---- a layer

  /// out = x * rstd * weight, rstd[r] = 1 / sqrt(mean(x.row(r)^2) + epsilon).
  virtual void rms_norm(ConstMatrix x, const float* weight, float epsilon, Matrix out, float* rstd) = 0;
  /// Adds the gradient of x to dx.
  virtual void rms_norm_backward(ConstMatrix x, const float* weight, const float* rstd, ConstMatrix dy, Matrix dx) = 0;
  /// dweight[c] += sum over rows of dy[r, c] * x[r, c] * rstd[r].
  virtual void rms_norm_weight_backward(ConstMatrix x, const float* rstd, ConstMatrix dy, float* dweight) = 0;

  /// RMS norms of each head's queries and keys, in place in qkv [rows, q, k, v]. `before` [rows, heads + kv heads,
  /// size] takes what they were, rstd [rows, heads + kv heads].
  virtual void head_norms(const AttentionShape& shape, Matrix qkv, const float* query_weight, const float* key_weight,
                          float epsilon, float* before, float* rstd) = 0;
  /// In place: the gradient of what the norms gave becomes that of what they were given. dquery_weight and dkey_weight
  /// [size], where not null, have their gradients added.
  virtual void head_norms_backward(const AttentionShape& shape, const float* before, const float* rstd,
                                   const float* query_weight, const float* key_weight, Matrix dqkv,
                                   float* dquery_weight, float* dkey_weight) = 0;

  /// Turns queries and keys of qkv [rows, q, k, v], each head's halves (a, b) into (a cos - b sin, b cos + a sin), and
  /// puts keys and values into the cache. Besides, where middle is not empty, middle = x, for the product that adds to
  /// it.
  virtual void rotate(const AttentionShape& shape, const Rotation& rotation, Matrix qkv, const CacheRows& cache,
                      ConstMatrix x, Matrix middle) = 0;
  /// Turns the gradients of queries and keys back.
  virtual void rotate_backward(const AttentionShape& shape, const Rotation& rotation, Matrix dqkv) = 0;

  /// hidden = silu(gate) * up of gate_up [rows, gate, up]. Besides, where out is not empty, out = middle.
  virtual void swiglu(ConstMatrix gate_up, Matrix hidden, ConstMatrix middle, Matrix out) = 0;
  /// gate and up become their own gradients.
  virtual void swiglu_backward(Matrix gate_up, ConstMatrix dhidden) = 0;

  // ---- attention over a tree of segments: grouped queries, scores scaled by 1 / sqrt(head size), softmax in float32

  virtual std::unique_ptr<AttentionPlan> plan_attention(const AttentionShape& shape,
                                                        const std::vector<AttentionItem>& items) = 0;
  /// queries [*, q], keys and values [*, kv], positions already turned in. Overwrites out [query rows, q] and logsum
  /// [query rows, heads], which takes log(sum(exp(score))).
  virtual void attention_forward(const AttentionPlan& plan, ConstMatrix queries, ConstMatrix keys, ConstMatrix values,
                                 Matrix out, Matrix logsum) = 0;
  /// Whether attention_backward reads what attention_forward gave as `out`; it may be empty where not.
  virtual bool attention_reads_output() const = 0;
  /// qkv and dqkv [rows, q, k, v] have the same rows; all of dqkv is overwritten.
  virtual void attention_backward(const AttentionPlan& plan, ConstMatrix qkv, ConstMatrix out, ConstMatrix logsum,
                                  ConstMatrix dout, Matrix dqkv) = 0;

  // ---- the head

  /// log_p[i] = log P(candidate i) within its choice. slopes[i], where `slopes` is not null: gradient of the loss,
  /// which is the sum over answered choices of -weight * log P(answer), by the logit of candidate i; 0 where nothing is
  /// asked.
  virtual void choose(const Choices& choices, ConstMatrix x, ConstMatrix heads, float* log_p, float* slopes) = 0;
  /// log_p[i] = log softmax(logits.row(i))[tokens[i]]. Where weights is not null, each row of logits becomes the
  /// gradient of -weights[i] * log_p[i]; else it is used up.
  virtual void cross_entropy(Matrix logits, const int32_t* tokens, const float* weights, float* log_p) = 0;

  // ---- the prompt's encoder

  virtual void lstm(const LstmStep& step) = 0;
  /// `dout` [n] is the gradient of the step's output, dstate [n] that of its state from the step behind it; it becomes
  /// the one for the step before. Overwrites dgates [4n].
  virtual void lstm_backward(const LstmStep& step, const float* dout, float* dstate, float* dgates) = 0;

  // ---- the optimiser

  /// Root of the sum of squares, summed in float64. Waits.
  virtual double norm(const float* values, int64_t count) = 0;
  virtual void adam(const AdamConstants& constants, const float* gradient, float* first, float* second, float* values,
                    int64_t count) = 0;
  /// The same with moments of 8 bits.
  virtual void adam8(const AdamConstants& constants, const float* gradient, const Moments8& moments, float* values,
                     int64_t count) = 0;

  // ---- forecasts

  /// Bytes of scratch for attention over so many rows, whose queries see at most `longest` keys.
  virtual int64_t attention_bytes(const AttentionShape& shape, int64_t rows, int64_t longest) const = 0;
  /// Bytes of scratch for products with inputs of at most [rows, cols].
  virtual int64_t product_bytes(int64_t rows, int64_t cols) const = 0;
  /// Bytes that its own memory has left; nothing where it computes in the processor's.
  virtual std::optional<int64_t> free_bytes() const = 0;
};

/// Devices that add up what each of them holds.
class Team {
 public:
  virtual ~Team() = default;
  /// Gives each device the sum of all of theirs, in place, the same bits to each. Waits for it. Where one of them
  /// fails, it throws "device", and nobody waits for it any longer.
  virtual void all_reduce(const std::vector<Device*>& devices, const std::vector<float*>& values, int64_t count) = 0;
};

/// SplitMix64 (Steele, Lea and Flood, Fast splittable pseudorandom number generators, 2014).
constexpr uint64_t mixed_bits(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

}  // namespace plumb
