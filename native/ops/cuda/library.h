#pragma once
#include <cstdint>

#include "ops/device.h"

/// The library for NVIDIA GPUs, as the engine sees it: a table of C functions, since the two may come from different
/// compilers. Only plain structs go through it.
namespace plumb {

/// Another number with any change of this table or of a struct that goes through it.
inline constexpr uint32_t kCudaLibraryVersion = 6;

/// A GPU, and what one must know before choosing it.
struct CudaDeviceInfo {
  char name[256];
  int32_t capability;  ///< 10 * major + minor
  int32_t driver;      ///< newest CUDA that the driver knows, 1000 * major + 10 * minor
  int64_t memory;      ///< bytes
  int64_t free_memory;
};

/// What multiplies matrices on a device.
struct CudaProducts {
  char cublas[32];     ///< version of cuBLAS, "13.0.2"; empty: the library's own kernel
  char file[1024];     ///< of cuBLAS
  char missing[2048];  ///< why it is our own kernel, and what to do, as a part of a sentence; empty where it is cuBLAS
};

/// What several devices add up with.
struct CudaNccl {
  char version[32];  ///< "2.32.3"; empty: there is none
  char file[1024];
  char missing[2048];  ///< why there is none, and what to do, as a part of a sentence; empty where there is one
};

/// The processor's lists of an AttentionItem each.
struct CudaAttentionItem {
  int64_t query, count;
  RowSpan own;
  const RowSpan* ancestors;
  int64_t ancestor_count;
};

struct CudaWeights {
  int64_t out, in;
  const WeightPart* parts;
  int64_t part_count;
};

/// Functions give 0, or another number where they failed: last_error() says why. `device` is what open() made; the rest
/// is as in plumb::Device.
struct CudaLibrary {
  uint32_t version;
  uint32_t size;  ///< of this struct

  int (*device_count)(int32_t* count);
  int (*describe)(int32_t index, CudaDeviceInfo* info);
  /// `cublas_folder`: where cuBLAS is looked for besides the usual places; may be empty.
  int (*open)(int32_t index, Precision precision, const char* cublas_folder, void** device);
  void (*close)(void* device);
  /// Of this thread's last call that failed. Both hold until its next call.
  void (*last_error)(const char** code, const char** message);

  int (*products)(void* device, CudaProducts* products);

  int (*allocate)(void* device, int64_t bytes, void** data);
  int (*release)(void* device, void* data);
  int (*upload)(void* device, const void* host, void* data, int64_t bytes);
  int (*download)(void* device, const void* data, void* host, int64_t bytes);
  int (*clear)(void* device, void* data, int64_t bytes);

  int (*product_forward)(void* device, ConstMatrix x, CudaWeights w, Matrix y, bool add);
  int (*product_from)(void* device, ConstMatrix x, CudaWeights w, ConstMatrix residual, const float* bias, Matrix y);
  int (*product_backward)(void* device, ConstMatrix dy, CudaWeights w, Matrix dx, bool add);
  int (*product_gradient)(void* device, ConstMatrix dy, ConstMatrix x, Matrix dw);
  int (*multiply)(void* device, bool transpose_a, bool transpose_b, float alpha, ConstMatrix a, ConstMatrix b,
                  float beta, Matrix c);
  int (*decode)(void* device, Encoded source, int64_t first, int64_t count, Precision precision, void* out);
  int (*embed)(void* device, Encoded table, ConstMatrix prompt, const int32_t* tokens, Matrix out);
  int (*round)(void* device, const float* x, uint16_t* out, int64_t count);

  int (*copy)(void* device, ConstMatrix from, Matrix to);
  int (*zero)(void* device, Matrix m);
  int (*add)(void* device, ConstMatrix x, Matrix y);
  int (*bias_forward)(void* device, const float* bias, Matrix y, bool add);
  int (*bias_backward)(void* device, ConstMatrix dy, float* dbias);
  int (*gather_rows)(void* device, ConstMatrix from, const int32_t* rows, Matrix to);
  int (*spread_rows)(void* device, ConstMatrix from, const int32_t* rows, Matrix to);
  int (*add_rows)(void* device, RowSums sums, const float* scale, ConstMatrix source, Matrix target);
  int (*dropout)(void* device, ConstMatrix x, Dropout dropout, bool add, Matrix out);
  int (*relu)(void* device, Matrix x);
  int (*relu_backward)(void* device, ConstMatrix x, Matrix dx);

  int (*rms_norm)(void* device, ConstMatrix x, const float* weight, float epsilon, Matrix out, float* rstd);
  int (*rms_norm_backward)(void* device, ConstMatrix x, const float* weight, const float* rstd, ConstMatrix dy,
                           Matrix dx);
  int (*rms_norm_weight_backward)(void* device, ConstMatrix x, const float* rstd, ConstMatrix dy, float* dweight);
  int (*head_norms)(void* device, AttentionShape shape, Matrix qkv, const float* query_weight, const float* key_weight,
                    float epsilon, float* before, float* rstd);
  int (*head_norms_backward)(void* device, AttentionShape shape, const float* before, const float* rstd,
                             const float* query_weight, const float* key_weight, Matrix dqkv, float* dquery_weight,
                             float* dkey_weight);
  int (*rotate)(void* device, AttentionShape shape, Rotation rotation, Matrix qkv, CacheRows cache, ConstMatrix x,
                Matrix middle);
  int (*rotate_backward)(void* device, AttentionShape shape, Rotation rotation, Matrix dqkv);
  int (*swiglu)(void* device, ConstMatrix gate_up, Matrix hidden, ConstMatrix middle, Matrix out);
  int (*swiglu_backward)(void* device, Matrix gate_up, ConstMatrix dhidden);

  int (*plan_attention)(void* device, AttentionShape shape, const CudaAttentionItem* items, int64_t count, void** plan);
  int (*release_plan)(void* device, void* plan);
  int (*attention_forward)(void* device, const void* plan, ConstMatrix queries, ConstMatrix keys, ConstMatrix values,
                           Matrix out, Matrix logsum);
  int (*attention_backward)(void* device, const void* plan, ConstMatrix qkv, ConstMatrix out, ConstMatrix logsum,
                            ConstMatrix dout, Matrix dqkv);

  int (*choose)(void* device, Choices choices, ConstMatrix x, ConstMatrix heads, float* log_p, float* slopes);
  int (*cross_entropy)(void* device, Matrix logits, const int32_t* tokens, const float* weights, float* log_p);
  int (*lstm)(void* device, LstmStep step);
  int (*lstm_backward)(void* device, LstmStep step, const float* dout, float* dstate, float* dgates);
  int (*norm)(void* device, const float* values, int64_t count, double* result);
  int (*adam)(void* device, AdamConstants constants, const float* gradient, float* first, float* second, float* values,
              int64_t count);

  int (*nccl)(CudaNccl* nccl);
  int (*open_clique)(const int32_t* indices, int32_t count, void** clique);
  void (*close_clique)(void* clique);
  /// `devices` and `values`: one for each index that it was opened with, in their order.
  int (*all_reduce)(void* clique, void* const* devices, float* const* values, int64_t count);
  int (*adam8)(void* device, AdamConstants constants, const float* gradient, Moments8 moments, float* values,
               int64_t count);
};

/// The one function that the library exports. Null where there is nothing to compute on; `reason` then says why.
using OpenCudaLibrary = const CudaLibrary* (*)(uint32_t version, char* reason, uint32_t reason_size);
inline constexpr const char* kOpenCudaLibrary = "plumb_cuda_library";

}  // namespace plumb
