#include "ops/cuda/kernels.h"

namespace plumb::cuda {
namespace {

constexpr int kThreads = 128;

__device__ __forceinline__ float sigmoid_of(float x) {
  return 1.0f / (1.0f + expf(-x));
}

__global__ void lstm_kernel(LstmStep step) {
  const int64_t k = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (k >= step.n) return;
  float* gates = step.gates;
  const int64_t n = step.n;
  const float in = gates[k] = sigmoid_of(gates[k]);
  const float forget = gates[n + k] = sigmoid_of(gates[n + k]);
  const float update = gates[2 * n + k] = tanhf(gates[2 * n + k]);
  const float out = gates[3 * n + k] = sigmoid_of(gates[3 * n + k]);
  const float state = step.state[k] = forget * (step.before == nullptr ? 0.0f : step.before[k]) + in * update;
  step.out[k] = out * (step.tanh_state[k] = tanhf(state));
}

__global__ void lstm_backward_kernel(LstmStep step, const float* dout, float* dstate, float* dgates) {
  const int64_t k = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (k >= step.n) return;
  const int64_t n = step.n;
  const float in = step.gates[k], forget = step.gates[n + k], update = step.gates[2 * n + k];
  const float out = step.gates[3 * n + k];
  const float squashed = step.tanh_state[k];
  const float d = dout[k];
  const float ds = dstate[k] + d * out * (1.0f - squashed * squashed);
  const float old = step.before == nullptr ? 0.0f : step.before[k];
  dgates[k] = ds * update * in * (1.0f - in);
  dgates[n + k] = ds * old * forget * (1.0f - forget);
  dgates[2 * n + k] = ds * in * (1.0f - update * update);
  dgates[3 * n + k] = d * squashed * out * (1.0f - out);
  dstate[k] = ds * forget;
}

}  // namespace

void lstm(Queue& queue, const LstmStep& step) {
  if (step.n == 0) return;
  LAUNCH(lstm_kernel, blocks_for(step.n, kThreads), kThreads, 0, queue.stream(), step);
  check(cudaGetLastError(), "lstm");
}

void lstm_backward(Queue& queue, const LstmStep& step, const float* dout, float* dstate, float* dgates) {
  if (step.n == 0) return;
  LAUNCH(lstm_backward_kernel, blocks_for(step.n, kThreads), kThreads, 0, queue.stream(), step, dout, dstate, dgates);
  check(cudaGetLastError(), "lstm_backward");
}

}  // namespace plumb::cuda
