#include "ops/cuda/library.h"

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "ops/cuda/attention.h"
#include "ops/cuda/cublas.h"
#include "ops/cuda/kernels.h"
#include "ops/cuda/nccl.h"
#include "ops/cuda/staging.h"
#include "tensor/error.h"

namespace plumb::cuda {
namespace {

struct Instance {
  Instance(int index_in, Precision precision_in) : index(index_in), precision(precision_in), queue(index_in) {}
  int index;
  Precision precision;
  Queue queue;
  Staging staging{queue};
  std::string no_cublas;  ///< why, and what to do; empty where the queue has it
};

thread_local std::string error_code;
thread_local std::string error_message;

/// Nothing thrown leaves the library.
template <typename Body>
int guarded(Body&& body) noexcept {
  try {
    body();
    return 0;
  } catch (const EngineError& error) {
    error_code = error.code;
    error_message = error.what();
  } catch (const std::bad_alloc&) {
    error_code = "out-of-memory";
    error_message = "the system has no memory left for the GPU's lists";
  } catch (const std::exception& error) {
    error_code = "device";
    error_message = std::string("GPU: ") + error.what();
  } catch (...) {
    error_code = "device";
    error_message = "GPU: unknown exception";
  }
  return 1;
}

/// body(instance), with its device the current one of whatever thread this is. kKeeps: what the queue has a copy of is
/// still what it was.
template <bool kKeeps = false, typename Body>
int on_device(void* device, Body&& body) noexcept {
  return guarded([&] {
    auto& instance = *static_cast<Instance*>(device);
    check(cudaSetDevice(instance.index), "choosing the device");
    if (!kKeeps) instance.queue.forget();
    body(instance);
  });
}

/// A function of kernels.h as an entry of the table: the queue becomes the device, references become values.
template <auto kFunction, typename... Arguments>
int entry(void* device, Arguments... arguments) noexcept {
  return on_device(device, [&](Instance& instance) { kFunction(instance.queue, arguments...); });
}

template <auto kFunction, typename... Arguments>
constexpr auto entry_of(void (*)(Queue&, Arguments...)) {
  return &entry<kFunction, std::remove_cv_t<std::remove_reference_t<Arguments>>...>;
}
#define PLUMB_ENTRY(name) entry_of<&cuda::name>(&cuda::name)

std::vector<AttentionItem> items_of(const CudaAttentionItem* items, int64_t count) {
  std::vector<AttentionItem> result;
  for (int64_t i = 0; i < count; ++i)
    result.push_back({items[i].query, items[i].count,
                      std::vector<RowSpan>(items[i].ancestors, items[i].ancestors + items[i].ancestor_count),
                      items[i].own});
  return result;
}

Weights weights_of(const CudaWeights& w) {
  Weights weights;
  weights.out = w.out;
  weights.in = w.in;
  weights.parts.assign(w.parts, w.parts + w.part_count);
  return weights;
}

int device_count(int32_t* count) {
  return guarded([&] { check(cudaGetDeviceCount(count), "counting the devices"); });
}

int describe(int32_t index, CudaDeviceInfo* info) {
  return guarded([&] {
    cudaDeviceProp properties;
    size_t free_bytes = 0;
    size_t total_bytes = 0;
    check(cudaGetDeviceProperties(&properties, index), "asking for the device's name");
    check(cudaSetDevice(index), "choosing the device");
    check(cudaMemGetInfo(&free_bytes, &total_bytes), "asking for the device's memory");
    check(cudaDriverGetVersion(&info->driver), "asking for the driver's version");
    std::snprintf(info->name, sizeof info->name, "%s", properties.name);
    info->capability = 10 * properties.major + properties.minor;
    info->memory = static_cast<int64_t>(total_bytes);
    info->free_memory = static_cast<int64_t>(free_bytes);
  });
}

/// Gives the products to cuBLAS where that can be had. Where it cannot, they are our own kernel's, whatever the reason.
void take_cublas(Instance& instance, const char* folder) {
  const int capability = instance.queue.capability();
  if (capability < 80) {
    instance.no_cublas = "cuBLAS is used from compute capability 8.0 on, and this device has " +
                         std::to_string(capability / 10) + "." + std::to_string(capability % 10) +
                         ". Plumb's own kernel does the products";
    return;
  }
  try {
    instance.queue.use(std::make_unique<Cublas>(find_cublas(folder), instance.queue.stream(), capability));
  } catch (const EngineError& error) {
    cudaGetLastError();  // what failed here fails nothing else
    instance.no_cublas = std::string(error.what()) + ". " + without_cublas();
  }
}

int open(int32_t index, Precision precision, const char* cublas_folder, void** device) {
  return guarded([&] {
    auto instance = std::make_unique<Instance>(index, precision);
    if (precision == Precision::bfloat16) instance->queue.keep_copies();
    take_cublas(*instance, cublas_folder);
    *device = instance.release();
  });
}

void close(void* device) {
  const std::unique_ptr<Instance> instance(static_cast<Instance*>(device));
  cudaSetDevice(instance->index);
}

void last_error(const char** code, const char** message) {
  *code = error_code.c_str();
  *message = error_message.c_str();
}

template <size_t size>
void put(char (&to)[size], const std::string& text) {
  std::snprintf(to, size, "%s", text.c_str());
}

int products(void* device, CudaProducts* products) {
  return guarded([&] {
    const auto& instance = *static_cast<const Instance*>(device);
    const Cublas* cublas = instance.queue.cublas();
    put(products->cublas, cublas == nullptr ? "" : cublas->library().version);
    put(products->file, cublas == nullptr ? "" : cublas->library().path);
    put(products->missing, instance.no_cublas);
  });
}

int allocate(void* device, int64_t bytes, void** data) {
  return on_device(device, [&](Instance&) { check(cudaMalloc(data, static_cast<size_t>(bytes)), "reserving memory"); });
}

int release(void* device, void* data) {
  return on_device(device, [&](Instance&) { check(cudaFree(data), "releasing memory"); });
}

int upload(void* device, const void* host, void* data, int64_t bytes) {
  return on_device(device, [&](Instance& instance) { instance.staging.upload(host, data, bytes); });
}

int download(void* device, const void* data, void* host, int64_t bytes) {
  return on_device<true>(device, [&](Instance& instance) {
    check(cudaMemcpyAsync(host, data, static_cast<size_t>(bytes), cudaMemcpyDeviceToHost, instance.queue.stream()),
          "download");
    instance.queue.wait();
  });
}

int clear(void* device, void* data, int64_t bytes) {
  return on_device(device, [&](Instance& instance) {
    check(cudaMemsetAsync(data, 0, static_cast<size_t>(bytes), instance.queue.stream()), "clear");
  });
}

// What stands between a kernel and the product that takes its result: biases that the sums begin with.
int bias_forward_entry(void* device, const float* bias, Matrix y, bool add) {
  return on_device<true>(device, [&](Instance& instance) {
    instance.queue.forget(y);
    bias_forward(instance.queue, bias, y, add);
  });
}

int product_forward_entry(void* device, ConstMatrix x, CudaWeights w, Matrix y, bool add) {
  return on_device<true>(device, [&](Instance& instance) {
    product_forward(instance.queue, instance.precision, x, weights_of(w), y, add);
    instance.queue.forget(y);
  });
}

int product_from_entry(void* device, ConstMatrix x, CudaWeights w, ConstMatrix residual, const float* bias, Matrix y) {
  return on_device<true>(device, [&](Instance& instance) {
    product_from(instance.queue, instance.precision, x, weights_of(w), residual, bias, y);
    instance.queue.forget(y);
  });
}

int product_backward_entry(void* device, ConstMatrix dy, CudaWeights w, Matrix dx, bool add) {
  return on_device<true>(device, [&](Instance& instance) {
    product_backward(instance.queue, instance.precision, dy, weights_of(w), dx, add);
    instance.queue.forget(dx);
  });
}

int product_gradient_entry(void* device, ConstMatrix dy, ConstMatrix x, Matrix dw) {
  return on_device<true>(device, [&](Instance& instance) {
    product_gradient(instance.queue, instance.precision, dy, x, dw);
    instance.queue.forget(dw);
  });
}

int plan_attention(void* device, AttentionShape shape, const CudaAttentionItem* items, int64_t count, void** plan) {
  return on_device(device, [&](Instance& instance) {
    *plan =
        std::make_unique<Attention>(instance.queue, instance.staging, instance.precision, shape, items_of(items, count))
            .release();
  });
}

int release_plan(void* device, void* plan) {
  return on_device(device, [&](Instance&) { const std::unique_ptr<Attention> owned(static_cast<Attention*>(plan)); });
}

int attention_forward(void* device, const void* plan, ConstMatrix queries, ConstMatrix keys, ConstMatrix values,
                      Matrix out, Matrix logsum) {
  return on_device<true>(device, [&](Instance& instance) {
    instance.queue.forget(out);
    instance.queue.forget(logsum);
    static_cast<const Attention*>(plan)->forward(queries, keys, values, out, logsum);
  });
}

int attention_backward(void* device, const void* plan, ConstMatrix qkv, ConstMatrix out, ConstMatrix logsum,
                       ConstMatrix dout, Matrix dqkv) {
  return on_device(device,
                   [&](Instance&) { static_cast<const Attention*>(plan)->backward(qkv, out, logsum, dout, dqkv); });
}

int norm_entry(void* device, const float* values, int64_t count, double* result) {
  return on_device(device, [&](Instance& instance) { *result = norm(instance.queue, values, count); });
}

int nccl(CudaNccl* nccl) {
  return guarded([&] {
    *nccl = {};
    try {
      const NcclLibrary library = find_nccl();
      put(nccl->version, library.version);
      put(nccl->file, library.path);
    } catch (const EngineError& error) {
      put(nccl->missing, std::string(error.what()) + ". " + without_nccl());
    }
  });
}

int open_clique(const int32_t* indices, int32_t count, void** clique) {
  return guarded(
      [&] { *clique = std::make_unique<Clique>(find_nccl(), std::vector<int>(indices, indices + count)).release(); });
}

void close_clique(void* clique) {
  const std::unique_ptr<Clique> owned(static_cast<Clique*>(clique));
}

int all_reduce(void* clique, void* const* devices, float* const* values, int64_t count) {
  return guarded([&] {
    auto& owner = *static_cast<Clique*>(clique);
    std::vector<Queue*> queues;
    for (size_t i = 0; i < owner.size(); ++i) queues.push_back(&static_cast<Instance*>(devices[i])->queue);
    owner.all_reduce(queues, values, count);
  });
}

const CudaLibrary table = {
    kCudaLibraryVersion,
    sizeof(CudaLibrary),
    &device_count,
    &describe,
    &open,
    &close,
    &last_error,
    &products,
    &allocate,
    &release,
    &upload,
    &download,
    &clear,
    &product_forward_entry,
    &product_from_entry,
    &product_backward_entry,
    &product_gradient_entry,
    PLUMB_ENTRY(multiply),
    PLUMB_ENTRY(decode),
    PLUMB_ENTRY(embed),
    PLUMB_ENTRY(round),
    PLUMB_ENTRY(copy),
    PLUMB_ENTRY(zero),
    PLUMB_ENTRY(add),
    &bias_forward_entry,
    PLUMB_ENTRY(bias_backward),
    PLUMB_ENTRY(gather_rows),
    PLUMB_ENTRY(spread_rows),
    PLUMB_ENTRY(add_rows),
    PLUMB_ENTRY(dropout),
    PLUMB_ENTRY(relu),
    PLUMB_ENTRY(relu_backward),
    PLUMB_ENTRY(rms_norm),
    PLUMB_ENTRY(rms_norm_backward),
    PLUMB_ENTRY(rms_norm_weight_backward),
    PLUMB_ENTRY(head_norms),
    PLUMB_ENTRY(head_norms_backward),
    PLUMB_ENTRY(rotate),
    PLUMB_ENTRY(rotate_backward),
    PLUMB_ENTRY(swiglu),
    PLUMB_ENTRY(swiglu_backward),
    &plan_attention,
    &release_plan,
    &attention_forward,
    &attention_backward,
    PLUMB_ENTRY(choose),
    PLUMB_ENTRY(cross_entropy),
    PLUMB_ENTRY(lstm),
    PLUMB_ENTRY(lstm_backward),
    &norm_entry,
    PLUMB_ENTRY(adam),
    &nccl,
    &open_clique,
    &close_clique,
    &all_reduce,
    PLUMB_ENTRY(adam8),
};

/// Empty where there is a device.
std::string missing() {
  int count = 0;
  int driver = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  const auto version = [](int number) {
    return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
  };
  if (error == cudaErrorInsufficientDriver) {
    if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0)
      return "no NVIDIA driver was found; where there is an NVIDIA GPU, install one for CUDA " +
             version(CUDART_VERSION);
    return "the NVIDIA driver knows CUDA " + version(driver) + ", and " + version(CUDART_VERSION) +
           " is needed: install a newer driver";
  }
  if (error != cudaSuccess) return std::string("the NVIDIA driver says: ") + cudaGetErrorString(error);
  return count == 0 ? "the NVIDIA driver finds no GPU" : "";
}

}  // namespace
}  // namespace plumb::cuda

extern "C" __attribute__((visibility("default"))) const plumb::CudaLibrary* plumb_cuda_library(uint32_t version,
                                                                                               char* reason,
                                                                                               uint32_t reason_size) {
  const auto refuse = [&](const std::string& why) {
    std::snprintf(reason, reason_size, "%s", why.c_str());
    return nullptr;
  };
  if (version != plumb::kCudaLibraryVersion)
    return refuse("the library for NVIDIA GPUs has version " + std::to_string(plumb::kCudaLibraryVersion) +
                  ", and the engine wants " + std::to_string(version) + ": build both anew");
  const std::string why = plumb::cuda::missing();
  return why.empty() ? &plumb::cuda::table : refuse(why);
}
