#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "ops/cpu/cpu_device.h"
#include "ops/dynamic_map.h"
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
  c.rest1 = 0.1f;
  c.rest2 = 0.001f;
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

/// A tensor of zeros with its moments, on the processor.
struct Trained {
  Trained(int64_t size, int threads) : device(Precision::float32, threads), parameters(static_cast<size_t>(size)) {
    const auto blocks = static_cast<size_t>(Moments8::blocks(size));
    for (auto* codes : {&first, &second}) codes->resize(blocks * Moments8::kBlock);
    for (auto* scales : {&first_scale, &second_scale}) scales->resize(blocks);
  }
  void step(const AdamConstants& c, const std::vector<float>& slope) {
    device.adam8(c, slope.data(), {first.data(), second.data(), first_scale.data(), second_scale.data()},
                 parameters.data(), static_cast<int64_t>(parameters.size()));
  }
  CpuDevice device;
  std::vector<float> parameters;
  std::vector<uint8_t> first, second;
  std::vector<float> first_scale, second_scale;
};

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
    Trained tensor(kSize, threads);
    for (int step = 1; step <= 4; ++step) tensor.step(constants(step), gradient(step));
    int other_codes = 0;
    for (int64_t i = 0; i < kSize; ++i) {
      const auto at = static_cast<size_t>(i);
      // A value in the middle between two codes may fall to either, which moves a step by a hundredth of the rate.
      CHECK(std::abs(tensor.parameters[at] - recorded::kParameters[at]) <= 1e-4f);
      CHECK(std::abs(tensor.first[at] - recorded::kFirstCodes[at]) <= 1);
      CHECK(std::abs(tensor.second[at] - recorded::kSecondCodes[at]) <= 1);
      other_codes += tensor.first[at] != recorded::kFirstCodes[at] || tensor.second[at] != recorded::kSecondCodes[at];
    }
    CHECK(other_codes <= 6);
    for (size_t b = 0; b < tensor.first_scale.size(); ++b) {
      CHECK(tensor.first_scale[b] == doctest::Approx(recorded::kFirstScales[b]).epsilon(1e-4));
      CHECK(tensor.second_scale[b] == doctest::Approx(recorded::kSecondScales[b]).epsilon(1e-4));
    }
  }
}

TEST_CASE("a second moment that is tiny beside its block's does not throw its parameter away") {
  Trained tensor(Moments8::kBlock, 1);
  std::vector<float> slope(Moments8::kBlock, 1.0f);
  slope[3] = 1e-5f;
  slope[4] = 0;
  tensor.step(constants(1, 1e-3f, 0), slope);
  slope[3] = 0;
  tensor.step(constants(2, 1e-3f, 0), slope);
  CHECK(std::abs(tensor.parameters[3]) <= 2.5e-3f);  // two steps of the rate, and some
  CHECK(tensor.parameters[4] == 0);                  // where nothing was learned, nothing moves
}
