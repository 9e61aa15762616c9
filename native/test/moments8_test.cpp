#include "train/moments8.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "test/moments8_reference.h"
#include "test/random.h"

using namespace plumb;
using test::Random;
namespace recorded = plumb::test::moments8;

namespace {

constexpr int64_t kSize = 600;

AdamConstants constants(int step, float rate = 0.01f, float decay = 0.1f) {
  AdamConstants c{};
  c.rate = rate;
  c.beta1 = 0.9f;
  c.beta2 = 0.999f;
  c.epsilon = 1e-8f;
  c.decay = 1 - rate * decay;
  c.correction1 = static_cast<float>(1 - std::pow(0.9, step));
  c.correction2 = static_cast<float>(1 - std::pow(0.999, step));
  c.scale = 1;
  return c;
}

/// As in test/fixtures/moments8_reference.py.
std::vector<float> gradient(int64_t step) {
  std::vector<float> result;
  for (int64_t i = 0; i < kSize; ++i) {
    const auto noise = static_cast<double>((i * 7919 + step * 104729) % 1009 + 10);
    const double sign = (i * 31 + step * 17) % 7 < 3 ? -1 : 1;
    result.push_back(static_cast<float>(sign * noise / 1024 / std::pow(16.0, static_cast<double>(i / 256))));
  }
  return result;
}

}  // namespace

TEST_CASE("the maps of 8-bit moments are bitsandbytes', and a number's code is the nearest one") {
  for (const bool has_sign : {true, false}) {
    const DynamicMap map(has_sign);
    const float* expected = has_sign ? recorded::kSigned : recorded::kUnsigned;
    for (int code = 0; code < 256; ++code) {
      const float value = map.value(static_cast<uint8_t>(code));
      CHECK(value == doctest::Approx(expected[code]).epsilon(1e-6));
      CHECK(map.nearest(value) == code);
    }
    Random random(71);
    for (int i = 0; i < 20000; ++i) {
      // All sizes from 1 down to 2^-30.
      float x = std::ldexp(std::abs(random.value()), -static_cast<int>(random.below(31)));
      x = std::min(x, 1.0f);
      if (has_sign && random.below(2) == 0) x = -x;
      float least = std::numeric_limits<float>::infinity();
      for (int code = 0; code < 256; ++code)
        least = std::min(least, std::abs(x - map.value(static_cast<uint8_t>(code))));
      CHECK(std::abs(x - map.value(map.nearest(x))) <= least + 1e-7f);  // float32 next to 1
    }
  }
}

TEST_CASE("steps with moments of 8 bits are bitsandbytes', on any number of threads") {
  for (const int threads : {1, 3}) {
    Moments8 moments;
    moments.resize(Moments8::blocks(kSize) * Moments8::kBlock);
    std::vector<float> parameters(kSize);
    for (int step = 1; step <= 4; ++step)
      moments.step(kernels(), constants(step), gradient(step).data(), parameters.data(), 0, kSize, threads);
    int other_codes = 0;
    for (int64_t i = 0; i < kSize; ++i) {
      const auto at = static_cast<size_t>(i);
      // A value in the middle between two codes may fall to either, which moves a step by a hundredth of the rate.
      CHECK(std::abs(parameters[at] - recorded::kParameters[at]) <= 1e-4f);
      CHECK(std::abs(moments.first[i] - recorded::kFirstCodes[at]) <= 1);
      CHECK(std::abs(moments.second[i] - recorded::kSecondCodes[at]) <= 1);
      other_codes += moments.first[i] != recorded::kFirstCodes[at] || moments.second[i] != recorded::kSecondCodes[at];
    }
    CHECK(other_codes <= 6);
    for (int64_t b = 0; b < Moments8::blocks(kSize); ++b) {
      CHECK(moments.first_scale[b] == doctest::Approx(recorded::kFirstScales[b]).epsilon(1e-4));
      CHECK(moments.second_scale[b] == doctest::Approx(recorded::kSecondScales[b]).epsilon(1e-4));
    }
  }
}

TEST_CASE("a second moment that is tiny beside its block's does not throw its parameter away") {
  Moments8 moments;
  moments.resize(Moments8::kBlock);
  std::vector<float> gradient(Moments8::kBlock, 1.0f);
  std::vector<float> parameters(Moments8::kBlock);
  gradient[3] = 1e-5f;
  gradient[4] = 0;
  moments.step(kernels(), constants(1, 1e-3f, 0), gradient.data(), parameters.data(), 0, Moments8::kBlock, 1);
  gradient[3] = 0;
  moments.step(kernels(), constants(2, 1e-3f, 0), gradient.data(), parameters.data(), 0, Moments8::kBlock, 1);
  CHECK(std::abs(parameters[3]) <= 2.5e-3f);  // two steps of the rate, and some
  CHECK(parameters[4] == 0);                  // where nothing was learned, nothing moves
}
