#include "adapter/lora.h"

#include <doctest/doctest.h>

#include <cmath>
#include <memory>

#include "ops/cpu/cpu_device.h"
#include "test/open_model.h"
#include "test/random_model.h"
#include "test/state.h"
#include "train/session.h"

using namespace plumb;
using test::Random;
using test::RandomModel;

namespace {

const std::vector<LinearMap> kAll = {LinearMap::q,    LinearMap::k,  LinearMap::v,   LinearMap::o,
                                     LinearMap::gate, LinearMap::up, LinearMap::down};
const StepOptions kStep{{{"lora", 0.01}}, 1.0, 0.9, 0.999, 1e-8, 0.01};

MethodSpec method(double dropout, std::vector<LinearMap> maps = kAll) {
  return {{}, {}, LoraSpec{3, 6.0, dropout, std::move(maps)}};
}

std::unique_ptr<Session> session_on(const RandomModel& random, const MethodSpec& spec, bool checkpoint = false,
                                    int threads = 2) {
  const auto model = test::open_model(random.table, ModelOptions{threads, Precision::float32, true});
  auto session = std::make_unique<Session>(model, spec, SessionOptions{checkpoint});
  test::write_random(*session, 21, 0.3f);
  return session;
}

/// A prefix with two texts; a choice and a target behind each.
Batch sample() {
  Batch b;
  b.tree.lengths = {4, 5, 7};
  b.tree.parents = {-1, 0, 0};
  Random random(22);
  while (b.tree.tokens.size() < 16) b.tree.tokens.push_back(static_cast<int32_t>(random.below(50)));
  b.questions.choice_row = {8, 15};
  b.questions.choice_start = {0, 2, 5};
  b.questions.candidates = {3, 4, 3, 9, 12};
  b.questions.choice_answer = {1, 0};
  b.questions.choice_weight = {0.5f, 1.0f};
  b.questions.target_row = {14, 3};
  b.questions.target_token = {33, 2};
  b.questions.target_weight = {0.7f, 0.2f};
  return b;
}

std::vector<double> losses(Session& session, int steps) {
  std::vector<double> result;
  for (int i = 0; i < steps; ++i) {
    for (int pass = 0; pass < 2; ++pass) {
      Batch batch = sample();
      result.push_back(session.accumulate(batch));
    }
    session.step(kStep);
  }
  return result;
}

}  // namespace

TEST_CASE("low-rank updates: the gradient equals the numeric one, with and without dropout") {
  const RandomModel random(true);
  for (const double dropout : {0.0, 0.4}) {
    const auto session = session_on(random, method(dropout));
    Batch batch = sample();
    session->accumulate(batch);
    const auto gradient = session->adapter().gradients().read();
    Random probe(23);
    for (int i = 0; i < 60; ++i) {
      const int64_t at = probe.below(session->adapter().size());
      const double numeric = test::slope_at(*session, at, 1.0f / 128, [&] {
        session->resume(0);  // the next pass draws the same elements again
        return session->accumulate(batch);
      });
      CHECK(std::abs(static_cast<double>(gradient[static_cast<size_t>(at)]) - numeric) <= 2e-3);
    }
  }
}

TEST_CASE("low-rank updates: gradients of micro-batches add") {
  const RandomModel random;
  const auto session = session_on(random, method(0.0));
  Batch batch = sample();
  session->accumulate(batch);
  const auto once = session->adapter().gradients().read();
  session->accumulate(batch);
  const auto twice = session->adapter().gradients().read();
  for (size_t i = 0; i < once.size(); ++i) CHECK(twice[i] == doctest::Approx(2 * once[i]).epsilon(1e-4));
}

TEST_CASE("low-rank updates with B at zero leave the base model as it is") {
  const RandomModel random;
  const auto plain = session_on(random, {{}, {}});
  const auto session = session_on(random, method(0.5));
  std::vector<float> values = session->adapter().values().read();
  for (const Parameter& parameter : session->adapter().parameters())
    if (parameter.name.find("lora_B") != std::string::npos)
      std::fill_n(values.begin() + parameter.offset, parameter.size, 0.0f);
  session->write(values);
  Batch batch = sample();
  const Answers expected = plain->score(batch);
  const Answers found = session->score(batch);
  for (size_t i = 0; i < expected.choices.size(); ++i)
    CHECK(found.choices[i] == doctest::Approx(expected.choices[i]).epsilon(1e-5));
}

TEST_CASE("low-rank updates: checkpointing changes no bit, a resumed session goes on to the bit, passes draw anew") {
  const RandomModel random;
  const auto straight = session_on(random, method(0.3));
  const auto expected = losses(*straight, 4);
  CHECK(losses(*session_on(random, method(0.3), true), 4) == expected);
  const auto first = session_on(random, method(0.3));
  auto found = losses(*first, 2);
  const auto resumed = session_on(random, method(0.3));
  test::go_on(*resumed, *first);
  const auto rest = losses(*resumed, 2);
  found.insert(found.end(), rest.begin(), rest.end());
  CHECK(found == expected);
  CHECK(expected[0] != expected[1]);  // the same batch before any step: another mask
  const auto sure = session_on(random, method(0.0));
  const auto twice = losses(*sure, 1);
  CHECK(twice[0] == twice[1]);
}

TEST_CASE("dropout leaves out the share it is given, and keeps the mean") {
  const RandomModel random;
  CpuDevice device(Precision::float32, 2);
  Lora lora(device, random.table.config, {1, 1.0, 0.25, {LinearMap::q}});
  const int64_t width = random.table.config.hidden_size;
  std::fill_n(lora.values().data(), lora.size(), 0.0f);
  std::fill_n(lora.values().data(), width, 1.0f);  // A sums what is left of a row
  const int64_t out = random.table.config.query_width();
  std::fill_n(lora.values().data() + width, out, 1.0f);
  const int64_t rows = 4000;
  Buffer<float> x(rows * width), y(rows * out);
  std::fill_n(x.data(), x.size(), 1.0f);
  lora.begin(true, 7);
  lora.forward({0, LinearMap::q}, matrix(x, rows, width), matrix(y, rows, out), false);
  double sum = 0;
  for (int64_t r = 0; r < rows; ++r) sum += static_cast<double>(y[r * out]);
  const double mean = sum / static_cast<double>(rows * width);
  const double deviation = std::sqrt(0.25 / 0.75 / static_cast<double>(rows * width));
  CHECK(std::abs(mean - 1) < 4 * deviation);
  lora.begin(false, 7);
  lora.forward({0, LinearMap::q}, matrix(x, rows, width), matrix(y, rows, out), false);
  CHECK(y[0] == doctest::Approx(static_cast<double>(width)));
}
