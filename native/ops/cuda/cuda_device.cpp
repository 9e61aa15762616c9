#include "ops/cuda/cuda_device.h"

#include "tensor/error.h"
#include "tensor/shared_library.h"

namespace plumb {
namespace {

void ask(const CudaLibrary& library, int result) {
  if (result == 0) return;
  const char* code = "";
  const char* message = "";
  library.last_error(&code, &message);
  throw EngineError(code, message);
}

CudaWeights view_of(const Weights& w) {
  return {w.out, w.in, w.parts.data(), static_cast<int64_t>(w.parts.size())};
}

class CudaPlan : public AttentionPlan {
 public:
  CudaPlan(const CudaLibrary& library, void* device, void* plan) : library_(library), device_(device), plan_(plan) {}
  ~CudaPlan() override { library_.release_plan(device_, plan_); }
  CudaPlan(const CudaPlan&) = delete;
  CudaPlan& operator=(const CudaPlan&) = delete;
  const void* handle() const { return plan_; }

 private:
  const CudaLibrary& library_;
  void* device_;
  void* plan_;
};

/// Each call is the library's of the same name.
class CudaDevice : public GpuDevice {
 public:
  CudaDevice(const CudaLibrary& library, int32_t index, Precision precision, const std::string& cublas_folder)
      : library_(library), index_(index), precision_(precision) {
    ask(library_.open(index, precision, cublas_folder.c_str(), &device_));
  }
  ~CudaDevice() override { library_.close(device_); }
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;

  void* handle() const { return device_; }

  GpuProducts products() const override {
    CudaProducts products{};
    ask(library_.products(device_, &products));
    return {products.cublas, products.file, products.missing};
  }

  void* allocate(int64_t bytes) override {
    void* data = nullptr;
    ask(library_.allocate(device_, bytes, &data));
    return data;
  }
  void release(void* data) noexcept override { library_.release(device_, data); }
  void upload(const void* host, void* device, int64_t bytes) override {
    ask(library_.upload(device_, host, device, bytes));
  }
  void download(const void* device, void* host, int64_t bytes) override {
    ask(library_.download(device_, device, host, bytes));
  }
  void clear(void* device, int64_t bytes) override { ask(library_.clear(device_, device, bytes)); }
  bool shared() const override { return false; }

  Precision precision() const override { return precision_; }
  void product_forward(ConstMatrix x, const Weights& w, Matrix y, bool add) override {
    ask(library_.product_forward(device_, x, view_of(w), y, add));
  }
  bool begins_products() const override { return true; }
  void product_from(ConstMatrix x, const Weights& w, ConstMatrix residual, const float* bias, Matrix y) override {
    ask(library_.product_from(device_, x, view_of(w), residual, bias, y));
  }
  void product_backward(ConstMatrix dy, const Weights& w, Matrix dx, bool add) override {
    ask(library_.product_backward(device_, dy, view_of(w), dx, add));
  }

  void product_gradient(ConstMatrix dy, ConstMatrix x, Matrix dw) override {
    ask(library_.product_gradient(device_, dy, x, dw));
  }

  void multiply(bool transpose_a, bool transpose_b, float alpha, ConstMatrix a, ConstMatrix b, float beta,
                Matrix c) override {
    ask(library_.multiply(device_, transpose_a, transpose_b, alpha, a, b, beta, c));
  }
  void decode(const Encoded& source, int64_t first, int64_t count, Precision precision, void* out) override {
    ask(library_.decode(device_, source, first, count, precision, out));
  }
  void embed(const Encoded& table, ConstMatrix prompt, const int32_t* tokens, Matrix out) override {
    ask(library_.embed(device_, table, prompt, tokens, out));
  }
  void round(const float* x, uint16_t* out, int64_t count) override { ask(library_.round(device_, x, out, count)); }
  void copy(ConstMatrix from, Matrix to) override { ask(library_.copy(device_, from, to)); }
  void zero(Matrix m) override { ask(library_.zero(device_, m)); }
  void add(ConstMatrix x, Matrix y) override { ask(library_.add(device_, x, y)); }
  void bias_forward(const float* bias, Matrix y, bool add) override {
    ask(library_.bias_forward(device_, bias, y, add));
  }
  void bias_backward(ConstMatrix dy, float* dbias) override { ask(library_.bias_backward(device_, dy, dbias)); }
  void gather_rows(ConstMatrix from, const int32_t* rows, Matrix to) override {
    ask(library_.gather_rows(device_, from, rows, to));
  }
  void spread_rows(ConstMatrix from, const int32_t* rows, Matrix to) override {
    ask(library_.spread_rows(device_, from, rows, to));
  }
  void add_rows(const RowSums& sums, const float* scale, ConstMatrix source, Matrix target) override {
    ask(library_.add_rows(device_, sums, scale, source, target));
  }
  void dropout(ConstMatrix x, const Dropout& dropout, bool add, Matrix out) override {
    ask(library_.dropout(device_, x, dropout, add, out));
  }
  void relu(Matrix x) override { ask(library_.relu(device_, x)); }
  void relu_backward(ConstMatrix x, Matrix dx) override { ask(library_.relu_backward(device_, x, dx)); }
  void rms_norm(ConstMatrix x, const float* weight, float epsilon, Matrix out, float* rstd) override {
    ask(library_.rms_norm(device_, x, weight, epsilon, out, rstd));
  }
  void rms_norm_backward(ConstMatrix x, const float* weight, const float* rstd, ConstMatrix dy, Matrix dx) override {
    ask(library_.rms_norm_backward(device_, x, weight, rstd, dy, dx));
  }
  void rms_norm_weight_backward(ConstMatrix x, const float* rstd, ConstMatrix dy, float* dweight) override {
    ask(library_.rms_norm_weight_backward(device_, x, rstd, dy, dweight));
  }
  void head_norms(const AttentionShape& shape, Matrix qkv, const float* query_weight, const float* key_weight,
                  float epsilon, float* before, float* rstd) override {
    ask(library_.head_norms(device_, shape, qkv, query_weight, key_weight, epsilon, before, rstd));
  }
  void head_norms_backward(const AttentionShape& shape, const float* before, const float* rstd,
                           const float* query_weight, const float* key_weight, Matrix dqkv, float* dquery_weight,
                           float* dkey_weight) override {
    ask(library_.head_norms_backward(device_, shape, before, rstd, query_weight, key_weight, dqkv, dquery_weight,
                                     dkey_weight));
  }
  void rotate(const AttentionShape& shape, const Rotation& rotation, Matrix qkv, const CacheRows& cache, ConstMatrix x,
              Matrix middle) override {
    ask(library_.rotate(device_, shape, rotation, qkv, cache, x, middle));
  }
  void rotate_backward(const AttentionShape& shape, const Rotation& rotation, Matrix dqkv) override {
    ask(library_.rotate_backward(device_, shape, rotation, dqkv));
  }
  void swiglu(ConstMatrix gate_up, Matrix hidden, ConstMatrix middle, Matrix out) override {
    ask(library_.swiglu(device_, gate_up, hidden, middle, out));
  }
  void swiglu_backward(Matrix gate_up, ConstMatrix dhidden) override {
    ask(library_.swiglu_backward(device_, gate_up, dhidden));
  }
  void choose(const Choices& choices, ConstMatrix x, ConstMatrix heads, float* log_p, float* slopes) override {
    ask(library_.choose(device_, choices, x, heads, log_p, slopes));
  }
  void cross_entropy(Matrix logits, const int32_t* tokens, const float* weights, float* log_p) override {
    ask(library_.cross_entropy(device_, logits, tokens, weights, log_p));
  }
  void lstm(const LstmStep& step) override { ask(library_.lstm(device_, step)); }
  void lstm_backward(const LstmStep& step, const float* dout, float* dstate, float* dgates) override {
    ask(library_.lstm_backward(device_, step, dout, dstate, dgates));
  }
  void adam(const AdamConstants& constants, const float* gradient, float* first, float* second, float* values,
            int64_t count) override {
    ask(library_.adam(device_, constants, gradient, first, second, values, count));
  }
  void adam8(const AdamConstants& constants, const float* gradient, const Moments8& moments, float* values,
             int64_t count) override {
    ask(library_.adam8(device_, constants, gradient, moments, values, count));
  }
  double norm(const float* values, int64_t count) override {
    double result = 0;
    ask(library_.norm(device_, values, count, &result));
    return result;
  }

  std::unique_ptr<AttentionPlan> plan_attention(const AttentionShape& shape,
                                                const std::vector<AttentionItem>& items) override {
    std::vector<CudaAttentionItem> views;
    for (const AttentionItem& item : items)
      views.push_back(
          {item.query, item.count, item.own, item.ancestors.data(), static_cast<int64_t>(item.ancestors.size())});
    void* plan = nullptr;
    ask(library_.plan_attention(device_, shape, views.data(), static_cast<int64_t>(views.size()), &plan));
    return std::make_unique<CudaPlan>(library_, device_, plan);
  }
  void attention_forward(const AttentionPlan& plan, ConstMatrix queries, ConstMatrix keys, ConstMatrix values,
                         Matrix out, Matrix logsum) override {
    ask(library_.attention_forward(device_, handle_of(plan), queries, keys, values, out, logsum));
  }
  bool attention_reads_output() const override { return true; }
  void attention_backward(const AttentionPlan& plan, ConstMatrix qkv, ConstMatrix out, ConstMatrix logsum,
                          ConstMatrix dout, Matrix dqkv) override {
    ask(library_.attention_backward(device_, handle_of(plan), qkv, out, logsum, dout, dqkv));
  }

  int64_t attention_bytes(const AttentionShape& shape, int64_t rows, int64_t longest) const override {
    // The inner products, and what a prefix of `longest` rows gets from all queries, in parts of 32 tiles of 64 each.
    const int64_t keys = (longest + 63) / 64 * 64;
    const int64_t parts = (rows * shape.group() + 64 * 32 - 1) / (64 * 32);
    return 4 * (rows * shape.heads + (parts > 1 ? parts * keys * 2 * shape.kv_width() : 0));
  }
  std::optional<int64_t> free_bytes() const override {
    CudaDeviceInfo info{};
    ask(library_.describe(index_, &info));
    return info.free_memory;
  }
  int64_t product_bytes(int64_t rows, int64_t cols) const override {
    return precision_ == Precision::bfloat16 ? 2 * 2 * rows * cols : 0;  // two copies
  }

 private:
  void ask(int result) const { plumb::ask(library_, result); }
  static const void* handle_of(const AttentionPlan& plan) { return static_cast<const CudaPlan&>(plan).handle(); }

  const CudaLibrary& library_;
  int32_t index_;
  Precision precision_;
  void* device_ = nullptr;
};

class CudaTeam : public Team {
 public:
  CudaTeam(const CudaLibrary& library, const std::vector<int32_t>& indices) : library_(library) {
    ask(library_, library_.open_clique(indices.data(), static_cast<int32_t>(indices.size()), &clique_));
  }
  ~CudaTeam() override { library_.close_clique(clique_); }
  CudaTeam(const CudaTeam&) = delete;
  CudaTeam& operator=(const CudaTeam&) = delete;

  void all_reduce(const std::vector<Device*>& devices, const std::vector<float*>& values, int64_t count) override {
    std::vector<void*> handles;
    for (const Device* device : devices) handles.push_back(static_cast<const CudaDevice*>(device)->handle());
    ask(library_, library_.all_reduce(clique_, handles.data(), values.data(), count));
  }

 private:
  const CudaLibrary& library_;
  void* clique_ = nullptr;
};

}  // namespace

CudaRuntime::CudaRuntime(const std::string& path) {
  const OpenedLibrary file = open_library(path);
  if (file.missing) fail("cuda-not-built", "this build has no library for NVIDIA GPUs, " + path + " is missing");
  if (file.library == nullptr) fail("cuda-not-built", "the library for NVIDIA GPUs cannot be opened: " + file.why);
  const auto open = reinterpret_cast<OpenCudaLibrary>(function_in(file.library, kOpenCudaLibrary));
  if (open == nullptr) fail("cuda-unavailable", path + " is not the library for NVIDIA GPUs");
  char reason[512] = "";
  library_ = open(kCudaLibraryVersion, reason, sizeof reason);
  if (library_ == nullptr) fail("cuda-unavailable", reason);
  if (library_->version != kCudaLibraryVersion || library_->size != sizeof(CudaLibrary))
    fail("cuda-unavailable", path + " was built for another version of the engine");
}

std::vector<CudaDeviceInfo> CudaRuntime::devices() const {
  int32_t count = 0;
  ask(*library_, library_->device_count(&count));
  std::vector<CudaDeviceInfo> devices(static_cast<size_t>(count));
  for (int32_t i = 0; i < count; ++i) ask(*library_, library_->describe(i, &devices[static_cast<size_t>(i)]));
  return devices;
}

GpuNccl CudaRuntime::nccl() const {
  CudaNccl nccl{};
  ask(*library_, library_->nccl(&nccl));
  return {nccl.version, nccl.file, nccl.missing};
}

std::shared_ptr<Team> CudaRuntime::team(const std::vector<int32_t>& indices) const {
  return std::make_shared<CudaTeam>(*library_, indices);
}

std::unique_ptr<GpuDevice> CudaRuntime::open(int32_t index, Precision precision,
                                             const std::string& cublas_folder) const {
  return std::make_unique<CudaDevice>(*library_, index, precision, cublas_folder);
}

}  // namespace plumb
