#include <cmath>

#include "ops/cuda/kernels.h"
#include "ops/cuda/reduce.cuh"

namespace plumb::cuda {
namespace {

constexpr int kThreads = 256;
/// Values whose squares one block adds up.
constexpr int64_t kPart = 1 << 16;

// One block a part: parts[block] = sum of squares.
__global__ void squares_kernel(const float* values, int64_t count, double* parts) {
  SHARED(double, sums, [32]);
  const int64_t first = blockIdx.x * kPart;
  const int64_t end = first + kPart < count ? first + kPart : count;
  double sum = 0;
  for (int64_t i = first + threadIdx.x; i < end; i += blockDim.x)
    sum += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  sum = block_sum(sum, sums);
  if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

// One block: parts[0] = sum of parts.
__global__ void sum_kernel(double* parts, int64_t count) {
  SHARED(double, sums, [32]);
  double sum = 0;
  for (int64_t i = threadIdx.x; i < count; i += blockDim.x) sum += parts[i];
  sum = block_sum(sum, sums);
  if (threadIdx.x == 0) parts[0] = sum;
}

__global__ void adam_kernel(AdamConstants constants, const float* gradient, float* first, float* second, float* values,
                            int64_t count) {
  const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const float g = gradient[i] * constants.scale;
  const float m = first[i] = constants.beta1 * first[i] + (1.0f - constants.beta1) * g;
  const float v = second[i] = constants.beta2 * second[i] + (1.0f - constants.beta2) * g * g;
  const float step = constants.rate / constants.correction1;
  const float root = 1.0f / sqrtf(constants.correction2);
  values[i] = values[i] * constants.decay - step * m / (sqrtf(v) * root + constants.epsilon);
}

}  // namespace

double norm(Queue& queue, const float* values, int64_t count) {
  if (count == 0) return 0;
  const int64_t blocks = (count + kPart - 1) / kPart;
  double* parts = queue.scratch<double>(blocks);
  LAUNCH(squares_kernel, static_cast<unsigned>(blocks), kThreads, 0, queue.stream(), values, count, parts);
  LAUNCH(sum_kernel, 1, kThreads, 0, queue.stream(), parts, blocks);
  check(cudaGetLastError(), "norm");
  double sum = 0;
  check(cudaMemcpyAsync(&sum, parts, sizeof sum, cudaMemcpyDeviceToHost, queue.stream()), "norm");
  queue.wait();
  return std::sqrt(sum);
}

void adam(Queue& queue, const AdamConstants& constants, const float* gradient, float* first, float* second,
          float* values, int64_t count) {
  if (count == 0) return;
  LAUNCH(adam_kernel, blocks_for(count, kThreads), kThreads, 0, queue.stream(), constants, gradient, first, second,
         values, count);
  check(cudaGetLastError(), "adam");
}

}  // namespace plumb::cuda
