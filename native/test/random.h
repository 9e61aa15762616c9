#pragma once
#include <cstdint>
#include <random>
#include <vector>

namespace plumb::test {

/// Numbers around 0; the same on every machine.
class Random {
 public:
  explicit Random(uint32_t seed) : generator_(seed) {}
  float value() { return static_cast<float>(generator_() % 20001) / 10000.0f - 1.0f; }
  int64_t below(int64_t end) { return static_cast<int64_t>(generator_()) % end; }
  std::vector<float> values(int64_t count) {
    std::vector<float> result(static_cast<size_t>(count));
    for (float& v : result) v = value();
    return result;
  }

 private:
  std::mt19937 generator_;
};

}  // namespace plumb::test
