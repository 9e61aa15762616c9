#include <algorithm>
#include <cmath>

#include "ops/cuda/kernels.h"
#include "ops/cuda/reduce.cuh"
#include "ops/dynamic_map.h"

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

// One value and its moments.
__device__ __forceinline__ void move(const AdamConstants& constants, float gradient, float& m, float& v, float& value) {
  const float g = gradient * constants.scale;
  m = constants.beta1 * m + constants.rest1 * g;
  v = constants.beta2 * v + constants.rest2 * g * g;
  const float step = constants.rate / constants.correction1;
  const float root = 1.0f / sqrtf(constants.correction2);
  value = value * constants.decay - step * m / (sqrtf(v) * root + constants.epsilon);
}

__global__ void adam_kernel(AdamConstants constants, const float* gradient, float* first, float* second, float* values,
                            int64_t count) {
  const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < count) move(constants, gradient[i], first[i], second[i], values[i]);
}

__device__ const DynamicValues first_values = dynamic_values(true);
__device__ const DynamicValues second_values = dynamic_values(false);

// DynamicMap::nearest: the code of the value that is nearest to x; of two, the lower one.
__device__ __forceinline__ int nearest(const float* map, float x) {
  int code = 0;
  for (int step = 128; step > 0; step >>= 1)
    if (x > (map[code + step - 1] + map[code + step]) / 2) code += step;
  return code;
}

// A block of threads has the moments' blocks blockIdx.x, + gridDim.x, ..., a value a thread.
__global__ void adam8_kernel(AdamConstants constants, const float* gradient, Moments8 moments, float* values,
                             int64_t count) {
  SHARED(float, first_map, [Moments8::kBlock]);
  SHARED(float, second_map, [Moments8::kBlock]);
  SHARED(float, first_parts, [32]);
  SHARED(float, second_parts, [32]);
  first_map[threadIdx.x] = first_values.of[threadIdx.x];
  second_map[threadIdx.x] = second_values.of[threadIdx.x];
  __syncthreads();
  for (int64_t b = blockIdx.x; b * Moments8::kBlock < count; b += gridDim.x) {
    const int64_t i = b * Moments8::kBlock + threadIdx.x;
    float m = 0;
    float v = 0;
    if (i < count) {
      m = first_map[moments.first[i]] * moments.first_scale[b];
      v = second_map[moments.second[i]] * moments.second_scale[b];
      move(constants, gradient[i], m, v, values[i]);
    }
    // Each waits for the other's readers, and both for those of the scales.
    const float m_scale = block_max(fabsf(m), first_parts);
    const float v_scale = block_max(v, second_parts);
    if (i < count) {
      moments.first[i] = static_cast<uint8_t>(nearest(first_map, m / (m_scale > 0 ? m_scale : 1)));
      const int code = nearest(second_map, v / (v_scale > 0 ? v_scale : 1));
      moments.second[i] = static_cast<uint8_t>(v > 0 && code == 0 ? 1 : code);
    }
    if (threadIdx.x == 0) {
      moments.first_scale[b] = m_scale;
      moments.second_scale[b] = v_scale;
    }
  }
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

void adam8(Queue& queue, const AdamConstants& constants, const float* gradient, const Moments8& moments, float* values,
           int64_t count) {
  if (count == 0) return;
  // As many as a processor runs at once: each has to fetch the maps.
  const int64_t blocks = std::min<int64_t>(Moments8::blocks(count), int64_t{8} * queue.processors());
  LAUNCH(adam8_kernel, static_cast<unsigned>(blocks), static_cast<unsigned>(Moments8::kBlock), 0, queue.stream(),
         constants, gradient, moments, values, count);
  check(cudaGetLastError(), "adam8");
}

}  // namespace plumb::cuda
