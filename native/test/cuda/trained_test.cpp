#include <vector>

#include "ops/cpu/adam8.h"
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
      const AdamConstants constants{1e-2f, 0.9f, 0.99f, 1e-8f, 0.999f, 0.3f, 0.05f, 0.7f, 0.1f, 0.01f};
      kernels().adam(constants, gradient.data(), first.data(), second.data(), values.data(), count);
      cuda::adam(queue, constants, device_gradient.data(), m.data(), v.data(), x.data(), count);
      check_near(m.read(), first, 1e-6);
      check_near(v.read(), second, 1e-6);
      check_near(x.read(), values, 1e-6);
    }
  });
}

TEST_CASE("CUDA: steps of Adam with moments of 8 bits are the processor's") {
  cuda::Queue queue;
  in_each_order([&] {
    // The last has more blocks than are computed at once.
    for (const int64_t count : {0, 1, 31, 255, 256, 257, 1000, 256 * 40 + 3}) {
      Random random(8);
      const int64_t blocks = Moments8::blocks(count);
      std::vector<float> gradient = random.values(count), values = random.values(count);
      // What a block may hold besides: values of no size beside the others, and nothing but zeros.
      for (int64_t i = 0; i < count; ++i)
        if (i % 7 == 3 || (i >= 256 && i < 512)) gradient[at(i)] = i % 2 == 0 ? 0.0f : 1e-6f * gradient[at(i)];
      std::vector<uint8_t> first(at(blocks * Moments8::kBlock), 127), second(first.size(), 0);
      std::vector<float> first_scale(at(blocks)), second_scale(at(blocks));
      OnDevice<float> x(queue, values), slope(queue, gradient);
      OnDevice<uint8_t> m(queue, first), v(queue, second);
      OnDevice<float> m_scale(queue, first_scale), v_scale(queue, second_scale);
      for (const float correction : {0.1f, 0.19f, 0.271f}) {
        const AdamConstants constants{1e-2f,           0.9f, 0.99f, 1e-8f, 0.999f, correction,
                                      correction / 10, 0.7f, 0.1f,  0.01f};
        adam8(kernels(), constants, gradient.data(),
              {first.data(), second.data(), first_scale.data(), second_scale.data()}, values.data(), count, 1);
        cuda::adam8(queue, constants, slope.data(), {m.data(), v.data(), m_scale.data(), v_scale.data()}, x.data(),
                    count);
      }
      // A value in the middle between two codes may fall to either: the processor rounds products and sums together,
      // where it can. That moves a step by a hundredth of the rate.
      check_near(x.read(), values, 1e-4);
      check_near(m_scale.read(), first_scale, 1e-6);
      check_near(v_scale.read(), second_scale, 1e-6);
      const std::vector<uint8_t> m_codes = m.read(), v_codes = v.read();
      int64_t other = 0;
      for (int64_t i = 0; i < count; ++i) {
        CHECK(std::abs(m_codes[at(i)] - first[at(i)]) <= 1);
        CHECK(std::abs(v_codes[at(i)] - second[at(i)]) <= 1);
        CHECK((v_codes[at(i)] == 0) == (second[at(i)] == 0));
        other += m_codes[at(i)] != first[at(i)] || v_codes[at(i)] != second[at(i)] ? 1 : 0;
      }
      CHECK(other * 200 <= count);
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
