#pragma once
#include <cstdint>

#include "ops/cuda/queue.h"
#include "ops/device.h"

/// The operations of plumb::Device on a GPU; what each does stands there. All pointers are the GPU's.
namespace plumb::cuda {

// ---- rows.cu
void copy(Queue& queue, ConstMatrix from, Matrix to);
void zero(Queue& queue, Matrix m);
void add(Queue& queue, ConstMatrix x, Matrix y);
void bias_forward(Queue& queue, const float* bias, Matrix y, bool add);
void bias_backward(Queue& queue, ConstMatrix dy, float* dbias);
void gather_rows(Queue& queue, ConstMatrix from, const int32_t* rows, Matrix to);
void spread_rows(Queue& queue, ConstMatrix from, const int32_t* rows, Matrix to);
void add_rows(Queue& queue, const RowSums& sums, const float* scale, ConstMatrix source, Matrix target);
void dropout(Queue& queue, ConstMatrix x, const Dropout& dropout, bool add, Matrix out);
void relu(Queue& queue, Matrix x);
void relu_backward(Queue& queue, ConstMatrix x, Matrix dx);

// ---- layer.cu
void rms_norm(Queue& queue, ConstMatrix x, const float* weight, float epsilon, Matrix out, float* rstd);
void rms_norm_backward(Queue& queue, ConstMatrix x, const float* weight, const float* rstd, ConstMatrix dy, Matrix dx);
void rms_norm_weight_backward(Queue& queue, ConstMatrix x, const float* rstd, ConstMatrix dy, float* dweight);
void head_norms(Queue& queue, const AttentionShape& shape, Matrix qkv, const float* query_weight,
                const float* key_weight, float epsilon, float* before, float* rstd);
void head_norms_backward(Queue& queue, const AttentionShape& shape, const float* before, const float* rstd,
                         const float* query_weight, const float* key_weight, Matrix dqkv, float* dquery_weight,
                         float* dkey_weight);
void rotate(Queue& queue, const AttentionShape& shape, const Rotation& rotation, Matrix qkv, const CacheRows& cache,
            ConstMatrix x, Matrix middle);
void rotate_backward(Queue& queue, const AttentionShape& shape, const Rotation& rotation, Matrix dqkv);
void swiglu(Queue& queue, ConstMatrix gate_up, Matrix hidden, ConstMatrix middle, Matrix out);
void swiglu_backward(Queue& queue, Matrix gate_up, ConstMatrix dhidden);

// ---- weights.cu
void decode(Queue& queue, const Encoded& source, int64_t first, int64_t count, Precision precision, void* out);
void embed(Queue& queue, const Encoded& table, ConstMatrix prompt, const int32_t* tokens, Matrix out);
void round(Queue& queue, const float* x, uint16_t* out, int64_t count);
/// out [rows, cols] without gaps.
void round_rows(Queue& queue, ConstMatrix x, uint16_t* out);
/// `x` in bfloat16: the copy that there is, or one that is made; holds as the queue's copies do.
Copy rounded_rows(Queue& queue, ConstMatrix x);

// ---- head.cu
void choose(Queue& queue, const Choices& choices, ConstMatrix x, ConstMatrix heads, float* log_p, float* slopes);
void cross_entropy(Queue& queue, Matrix logits, const int32_t* tokens, const float* weights, float* log_p);

// ---- encoder.cu
void lstm(Queue& queue, const LstmStep& step);
void lstm_backward(Queue& queue, const LstmStep& step, const float* dout, float* dstate, float* dgates);

// ---- optimiser.cu
double norm(Queue& queue, const float* values, int64_t count);
void adam(Queue& queue, const AdamConstants& constants, const float* gradient, float* first, float* second,
          float* values, int64_t count);
void adam8(Queue& queue, const AdamConstants& constants, const float* gradient, const Moments8& moments, float* values,
           int64_t count);

// ---- product.cu
void product_forward(Queue& queue, Precision precision, ConstMatrix x, const Weights& w, Matrix y, bool add);
void product_from(Queue& queue, Precision precision, ConstMatrix x, const Weights& w, ConstMatrix residual,
                  const float* bias, Matrix y);
void product_backward(Queue& queue, Precision precision, ConstMatrix dy, const Weights& w, Matrix dx, bool add);
/// In bfloat16 by cuBLAS alone; our own kernel makes these sums in float32.
void product_gradient(Queue& queue, Precision precision, ConstMatrix dy, ConstMatrix x, Matrix dw);
void multiply(Queue& queue, bool transpose_a, bool transpose_b, float alpha, ConstMatrix a, ConstMatrix b, float beta,
              Matrix c);

}  // namespace plumb::cuda
