#include "ops/cuda/kernels.h"
#include "ops/cuda/reduce.cuh"
#include "ops/cuda/row_grid.cuh"

namespace plumb::cuda {
namespace {

// One block a choice, one warp a candidate at a time; then the softmax over the candidates.
__global__ void choose_kernel(Choices choices, ConstMatrix x, ConstMatrix heads, float* log_p, float* slopes) {
  SHARED(float, maxima, [32]);
  SHARED(double, sums, [32]);
  const int64_t choice = blockIdx.x;
  const int32_t first = choices.starts[choice];
  const int32_t end = choices.starts[choice + 1];
  const float* row = x.data + choices.rows[choice] * x.stride;
  const int warp = static_cast<int>(threadIdx.x / 32);
  const int warps = static_cast<int>(blockDim.x / 32);
  const int threads = static_cast<int>(blockDim.x);
  const int thread = static_cast<int>(threadIdx.x);
  for (int32_t i = first + warp; i < end; i += warps) {
    const float* head = heads.data + choices.places[i] * heads.stride;
    float sum = 0.0f;
    for (int64_t c = threadIdx.x % 32; c < x.cols; c += 32) sum += row[c] * head[c];
    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0) log_p[i] = sum;
  }
  __syncthreads();
  float top = kLeast;
  for (int32_t i = first + thread; i < end; i += threads) top = fmaxf(top, log_p[i]);
  top = block_max(top, maxima);
  double sum = 0;
  for (int32_t i = first + thread; i < end; i += threads) sum += exp(static_cast<double>(log_p[i] - top));
  const double logsum = static_cast<double>(top) + log(block_sum(sum, sums));
  const int32_t answer = choices.answers[choice];
  for (int32_t i = first + thread; i < end; i += threads) {
    const float value = static_cast<float>(static_cast<double>(log_p[i]) - logsum);
    log_p[i] = value;
    if (slopes != nullptr)
      slopes[i] = answer < 0 ? 0.0f : choices.weights[choice] * (expf(value) - (i == first + answer ? 1.0f : 0.0f));
  }
}

// One block a row.
__global__ void cross_entropy_kernel(Matrix logits, const int32_t* tokens, const float* weights, float* log_p) {
  SHARED(float, maxima, [32]);
  SHARED(float, sums, [32]);
  float* row = logits.data + int64_t{blockIdx.x} * logits.stride;
  float top = kLeast;
  for (int64_t c = threadIdx.x; c < logits.cols; c += blockDim.x) top = fmaxf(top, row[c]);
  top = block_max(top, maxima);
  float sum = 0.0f;
  for (int64_t c = threadIdx.x; c < logits.cols; c += blockDim.x) sum += expf(row[c] - top);
  const float logsum = top + logf(block_sum(sum, sums));
  const int32_t token = tokens[blockIdx.x];
  // The thread that has the token's logit gives its probability, before it becomes a slope.
  if (token % static_cast<int32_t>(blockDim.x) == static_cast<int32_t>(threadIdx.x))
    log_p[blockIdx.x] = row[token] - logsum;
  if (weights == nullptr) return;
  const float weight = weights[blockIdx.x];
  for (int64_t c = threadIdx.x; c < logits.cols; c += blockDim.x)
    row[c] = weight * (expf(row[c] - logsum) - (c == token ? 1.0f : 0.0f));
}

}  // namespace

void choose(Queue& queue, const Choices& choices, ConstMatrix x, ConstMatrix heads, float* log_p, float* slopes) {
  if (choices.count == 0) return;
  LAUNCH(choose_kernel, static_cast<unsigned>(choices.count), 128, 0, queue.stream(), choices, x, heads, log_p, slopes);
  check(cudaGetLastError(), "choose");
}

void cross_entropy(Queue& queue, Matrix logits, const int32_t* tokens, const float* weights, float* log_p) {
  if (logits.rows == 0) return;
  LAUNCH(cross_entropy_kernel, static_cast<unsigned>(logits.rows), threads_for(logits.cols, 1024), 0, queue.stream(),
         logits, tokens, weights, log_p);
  check(cudaGetLastError(), "cross_entropy");
}

}  // namespace plumb::cuda
