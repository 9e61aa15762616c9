#pragma once
#include <memory>
#include <vector>

#include "ops/cpu/attention.h"
#include "ops/cpu/kernels.h"
#include "ops/cpu/product.h"
#include "ops/device.h"

namespace plumb {

/// The processor, with its own memory. Every call is done when it returns; results do not depend on the number of
/// threads, but for float32 products.
class CpuDevice final : public Device {
 public:
  CpuDevice(Precision precision, int threads);

  void* allocate(int64_t bytes) override;
  void release(void* data) noexcept override;
  void upload(const void* host, void* device, int64_t bytes) override;
  void download(const void* device, void* host, int64_t bytes) override;
  void clear(void* device, int64_t bytes) override;
  bool shared() const override { return true; }

  Precision precision() const override { return products_.precision(); }
  void product_forward(ConstMatrix x, const Weights& w, Matrix y, bool add) override;
  void product_backward(ConstMatrix dy, const Weights& w, Matrix dx, bool add) override;
  void product_gradient(ConstMatrix dy, ConstMatrix x, Matrix dw) override;
  void multiply(bool transpose_a, bool transpose_b, float alpha, ConstMatrix a, ConstMatrix b, float beta,
                Matrix c) override;

  void decode(const Encoded& source, int64_t first, int64_t count, Precision precision, void* out) override;
  void embed(const Encoded& table, ConstMatrix prompt, const int32_t* tokens, Matrix out) override;
  void round(const float* x, uint16_t* out, int64_t count) override;

  void copy(ConstMatrix from, Matrix to) override;
  void zero(Matrix m) override;
  void add(ConstMatrix x, Matrix y) override;
  void bias_forward(const float* bias, Matrix y, bool add) override;
  void bias_backward(ConstMatrix dy, float* dbias) override;
  void gather_rows(ConstMatrix from, const int32_t* rows, Matrix to) override;
  void spread_rows(ConstMatrix from, const int32_t* rows, Matrix to) override;
  void add_rows(const RowSums& sums, const float* scale, ConstMatrix source, Matrix target) override;
  void dropout(ConstMatrix x, const Dropout& dropout, bool add, Matrix out) override;
  void relu(Matrix x) override;
  void relu_backward(ConstMatrix x, Matrix dx) override;

  void rms_norm(ConstMatrix x, const float* weight, float epsilon, Matrix out, float* rstd) override;
  void rms_norm_backward(ConstMatrix x, const float* weight, const float* rstd, ConstMatrix dy, Matrix dx) override;
  void rms_norm_weight_backward(ConstMatrix x, const float* rstd, ConstMatrix dy, float* dweight) override;
  void head_norms(const AttentionShape& shape, Matrix qkv, const float* query_weight, const float* key_weight,
                  float epsilon, float* before, float* rstd) override;
  void head_norms_backward(const AttentionShape& shape, const float* before, const float* rstd,
                           const float* query_weight, const float* key_weight, Matrix dqkv, float* dquery_weight,
                           float* dkey_weight) override;
  void rotate(const AttentionShape& shape, const Rotation& rotation, Matrix qkv, const CacheRows& cache, ConstMatrix x,
              Matrix middle) override;
  void rotate_backward(const AttentionShape& shape, const Rotation& rotation, Matrix dqkv) override;
  void swiglu(ConstMatrix gate_up, Matrix hidden, ConstMatrix middle, Matrix out) override;
  void swiglu_backward(Matrix gate_up, ConstMatrix dhidden) override;

  std::unique_ptr<AttentionPlan> plan_attention(const AttentionShape& shape,
                                                const std::vector<AttentionItem>& items) override;
  void attention_forward(const AttentionPlan& plan, ConstMatrix queries, ConstMatrix keys, ConstMatrix values,
                         Matrix out, Matrix logsum) override;
  bool attention_reads_output() const override { return false; }
  void attention_backward(const AttentionPlan& plan, ConstMatrix qkv, ConstMatrix out, ConstMatrix logsum,
                          ConstMatrix dout, Matrix dqkv) override;

  void choose(const Choices& choices, ConstMatrix x, ConstMatrix heads, float* log_p, float* slopes) override;
  void cross_entropy(Matrix logits, const int32_t* tokens, const float* weights, float* log_p) override;
  void lstm(const LstmStep& step) override;
  void lstm_backward(const LstmStep& step, const float* dout, float* dstate, float* dgates) override;
  double norm(const float* values, int64_t count) override;
  void adam(const AdamConstants& constants, const float* gradient, float* first, float* second, float* values,
            int64_t count) override;
  void adam8(const AdamConstants& constants, const float* gradient, const Moments8& moments, float* values,
             int64_t count) override;

  int64_t attention_bytes(const AttentionShape& shape, int64_t rows, int64_t longest) const override;
  int64_t product_bytes(int64_t rows, int64_t cols) const override;
  std::optional<int64_t> free_bytes() const override { return std::nullopt; }

 private:
  struct Plan;
  /// Calls body(row) for each row, in parallel.
  template <typename F>
  void each_row(int64_t rows, F&& body) const;
  template <typename F>
  static void each_row(int threads, int64_t rows, F&& body);
  /// Threads for a call that copies or adds so many values: waking others for few takes longer than the work.
  int copy_threads(int64_t values) const;

  int optimiser_threads(int64_t count) const;

  const Kernels& kernel_;
  int threads_;
  Products products_;
  std::vector<std::unique_ptr<Attention>> attentions_;  ///< one a shape: they keep scratch
};

}  // namespace plumb
