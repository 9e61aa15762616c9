#include <vector>

#include "ops/cpu/kernels.h"
#include "ops/cuda/kernels.h"
#include "test/cuda/on_device.h"

using namespace plumb;
using test::at;
using test::check_near;
using test::in_each_order;
using test::OnDevice;
using test::Random;

namespace {

float sigmoid(float x) {
  return 1.0f / (1.0f + std::exp(-x));
}

}  // namespace

TEST_CASE("CUDA: the norm is the root of the sum of squares, the same bits each time") {
  cuda::Queue queue;
  for (const int64_t count : {int64_t{0}, int64_t{1}, int64_t{31}, int64_t{257}, int64_t{65537}, int64_t{140000}}) {
    Random random(4);
    const std::vector<float> values = random.values(count);
    double expected = 0;
    for (const float value : values) expected += static_cast<double>(value) * static_cast<double>(value);
    OnDevice<float> device(queue, values);
    const double first = cuda::norm(queue, device.data(), count);
    CHECK(std::abs(first - std::sqrt(expected)) <= 1e-12 * std::sqrt(expected));
    if (count < 1000) in_each_order([&] { CHECK(cuda::norm(queue, device.data(), count) == first); });
  }
}

TEST_CASE("CUDA: a step of Adam equals the processor's") {
  cuda::Queue queue;
  in_each_order([&] {
    for (const int64_t count : {0, 1, 31, 255, 256, 257, 1000}) {
      Random random(8);
      const std::vector<float> gradient = random.values(count);
      std::vector<float> first = random.values(count), second = random.values(count), values = random.values(count);
      for (float& v : second) v = std::abs(v);
      OnDevice<float> device_gradient(queue, gradient), m(queue, first), v(queue, second), x(queue, values);
      const AdamConstants constants{1e-2f, 0.9f, 0.99f, 1e-8f, 0.999f, 0.3f, 0.05f, 0.7f};
      kernels().adam(constants, gradient.data(), first.data(), second.data(), values.data(), count);
      cuda::adam(queue, constants, device_gradient.data(), m.data(), v.data(), x.data(), count);
      check_near(m.read(), first, 1e-6);
      check_near(v.read(), second, 1e-6);
      check_near(x.read(), values, 1e-6);
    }
  });
}

TEST_CASE("CUDA: a step of an LSTM and its way back equal the definition") {
  cuda::Queue queue;
  in_each_order([&] {
    for (const int64_t n : {0, 1, 33, 127, 128, 129})
      for (const bool begins : {false, true}) {
        Random random(8);
        const std::vector<float> sums = random.values(4 * n), before = random.values(n), dout = random.values(n);
        const std::vector<float> dstate = random.values(n);
        std::vector<float> gates = sums, state(at(n)), squashed(at(n)), out(at(n)), dgates(at(4 * n)), dbefore(at(n));
        for (int64_t k = 0; k < n; ++k) {
          const float in = gates[at(k)] = sigmoid(sums[at(k)]);
          const float forget = gates[at(n + k)] = sigmoid(sums[at(n + k)]);
          const float update = gates[at(2 * n + k)] = std::tanh(sums[at(2 * n + k)]);
          const float gate = gates[at(3 * n + k)] = sigmoid(sums[at(3 * n + k)]);
          const float old = begins ? 0.0f : before[at(k)];
          state[at(k)] = forget * old + in * update;
          const float t = squashed[at(k)] = std::tanh(state[at(k)]);
          out[at(k)] = gate * t;
          const float ds = dstate[at(k)] + dout[at(k)] * gate * (1 - t * t);
          dgates[at(k)] = ds * update * in * (1 - in);
          dgates[at(n + k)] = ds * old * forget * (1 - forget);
          dgates[at(2 * n + k)] = ds * in * (1 - update * update);
          dgates[at(3 * n + k)] = dout[at(k)] * t * gate * (1 - gate);
          dbefore[at(k)] = ds * forget;
        }
        OnDevice<float> device_gates(queue, sums), device_before(queue, before), device_state(queue, n);
        OnDevice<float> device_tanh(queue, n), device_out(queue, n), device_dout(queue, dout);
        OnDevice<float> device_dstate(queue, dstate), device_dgates(queue, 4 * n);
        const LstmStep step{n,
                            device_gates.data(),
                            begins ? nullptr : device_before.data(),
                            device_state.data(),
                            device_tanh.data(),
                            device_out.data()};
        cuda::lstm(queue, step);
        check_near(device_gates.read(), gates, 1e-6);
        check_near(device_state.read(), state, 1e-6);
        check_near(device_tanh.read(), squashed, 1e-6);
        check_near(device_out.read(), out, 1e-6);
        cuda::lstm_backward(queue, step, device_dout.data(), device_dstate.data(), device_dgates.data());
        check_near(device_dgates.read(), dgates, 1e-6);
        check_near(device_dstate.read(), dbefore, 1e-6);
      }
  });
}
