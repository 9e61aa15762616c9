#include <vector>

#include "ops/cpu/kernels.h"
#include "ops/cuda/kernels.h"
#include "test/cuda/on_device.h"

using namespace plumb;
using test::at;
using test::check_near;
using test::DeviceMatrix;
using test::in_each_order;
using test::OnDevice;
using test::Random;

TEST_CASE("CUDA: choices are a softmax over their candidates, with its slopes") {
  cuda::Queue queue;
  in_each_order([&] {
    for (const int64_t width : {1, 33, 100, 300}) {
      Random random(5);
      std::vector<float> x = random.values(4 * width);
      const std::vector<float> heads = random.values(200 * width);
      if (width == 33)
        for (float& value : x) value *= 5000;  // logits whose exponentials nothing holds
      // One candidate, a few, more than a block has threads, and one choice that is only scored.
      const std::vector<int32_t> sizes = {1, 3, 150, 2}, rows = {3, 0, 0, 1}, answers = {0, 2, 149, -1};
      const std::vector<float> weights = {1.0f, 0.5f, 2.0f, 1.0f};
      std::vector<int32_t> starts{0}, places;
      for (const int32_t size : sizes) {
        for (int32_t i = 0; i < size; ++i) places.push_back((i * 7 + size) % 200);
        starts.push_back(static_cast<int32_t>(places.size()));
      }
      std::vector<float> log_p(places.size()), slopes(places.size());
      for (size_t c = 0; c < sizes.size(); ++c) {
        double top = -INFINITY;
        for (int32_t i = starts[c]; i < starts[c + 1]; ++i) {
          log_p[at(i)] = kernels().dot(&x[at(rows[c] * width)], &heads[at(places[at(i)] * width)], width);
          top = std::max(top, static_cast<double>(log_p[at(i)]));
        }
        double sum = 0;
        for (int32_t i = starts[c]; i < starts[c + 1]; ++i) sum += std::exp(static_cast<double>(log_p[at(i)]) - top);
        for (int32_t i = starts[c]; i < starts[c + 1]; ++i) {
          log_p[at(i)] = static_cast<float>(static_cast<double>(log_p[at(i)]) - top - std::log(sum));
          const float truth = i == starts[c] + answers[c] ? 1.0f : 0.0f;
          slopes[at(i)] = answers[c] < 0 ? 0.0f : weights[c] * (std::exp(log_p[at(i)]) - truth);
        }
      }
      DeviceMatrix device_x(queue, 4, width, x), device_heads(queue, 200, width, heads);
      OnDevice<int32_t> device_rows(queue, rows), device_starts(queue, starts), device_places(queue, places);
      OnDevice<int32_t> device_answers(queue, answers);
      OnDevice<float> device_weights(queue, weights);
      OnDevice<float> device_log_p(queue, static_cast<int64_t>(places.size()));
      OnDevice<float> device_slopes(queue, static_cast<int64_t>(places.size()));
      Choices choices{4,
                      device_rows.data(),
                      device_starts.data(),
                      device_places.data(),
                      device_answers.data(),
                      device_weights.data()};
      cuda::choose(queue, choices, device_x.view(), device_heads.view(), device_log_p.data(), device_slopes.data());
      check_near(device_log_p.read(), log_p, 3e-6);
      check_near(device_slopes.read(), slopes, 3e-6);
      cuda::choose(queue, choices, device_x.view(), device_heads.view(), device_log_p.data(), nullptr);
      check_near(device_log_p.read(), log_p, 3e-6);
      choices.count = 0;
      cuda::choose(queue, choices, device_x.view(), device_heads.view(), device_log_p.data(), nullptr);
    }
  });
}

TEST_CASE("CUDA: cross-entropy over the vocabulary and its gradient equal the processor's softmax") {
  cuda::Queue queue;
  in_each_order([&] {
    for (const int64_t cols : {1, 31, 33, 1023, 1024, 1025, 2500})
      for (const int64_t rows : {0, 1, 3}) {
        CAPTURE(cols);
        Random random(5);
        std::vector<float> logits = random.values(rows * cols);
        for (float& value : logits) value *= 30;
        const std::vector<float> weights = random.values(rows);
        std::vector<int32_t> tokens;
        for (int64_t r = 0; r < rows; ++r) tokens.push_back(static_cast<int32_t>(r == 1 ? cols - 1 : cols / 2));
        std::vector<float> slopes = logits, log_p(at(rows));
        for (int64_t r = 0; r < rows; ++r) {
          float* row = &slopes[at(r * cols)];
          const float logit = row[tokens[at(r)]];
          log_p[at(r)] = logit - kernels().softmax(row, cols, cols);
          row[tokens[at(r)]] -= 1.0f;
          for (int64_t c = 0; c < cols; ++c) row[c] *= weights[at(r)];
        }
        DeviceMatrix device_logits(queue, rows, cols, logits), again(queue, rows, cols, logits);
        OnDevice<int32_t> device_tokens(queue, tokens);
        OnDevice<float> device_weights(queue, weights), device_log_p(queue, rows);
        cuda::cross_entropy(queue, device_logits.view(), device_tokens.data(), device_weights.data(),
                            device_log_p.data());
        check_near(device_log_p.read(), log_p, 1e-6);
        check_near(device_logits.read(), slopes, 5e-6);  // exp of a difference of two rounded numbers near 30
        cuda::cross_entropy(queue, again.view(), device_tokens.data(), nullptr, device_log_p.data());
        check_near(device_log_p.read(), log_p, 1e-6);
      }
  });
}
