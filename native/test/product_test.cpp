#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "ops/cpu/kernels.h"
#include "ops/cpu/product.h"
#include "ops/device.h"
#include "test/random.h"

using namespace plumb;
using test::Random;

namespace {

/// Rounds as the product does before it multiplies.
float rounded(float value, Precision precision) {
  if (precision == Precision::float32) return value;
  uint16_t bits = 0;
  kernels().to_bf16(&value, &bits, 1);
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

/// A weight matrix in the product's type, cut into two parts that stand apart in memory.
struct SplitWeights {
  SplitWeights(const std::vector<float>& values, int64_t out, int64_t in, Precision precision) : weights{out, in, {}} {
    const int64_t bytes = precision == Precision::bfloat16 ? 2 : 4;
    int64_t row = 0;
    for (const int64_t rows : {out / 2, out - out / 2}) {
      if (rows == 0) continue;
      auto& buffer = buffers.emplace_back(rows * in * bytes);
      for (int64_t i = 0; i < rows * in; ++i) {
        const float value = values[static_cast<size_t>(row * in + i)];
        if (precision == Precision::bfloat16)
          kernels().to_bf16(&value, reinterpret_cast<uint16_t*>(buffer.data()) + i, 1);
        else
          reinterpret_cast<float*>(buffer.data())[i] = value;
      }
      weights.parts.push_back({buffer.data(), rows, row});
      row += rows;
    }
  }
  std::vector<Buffer<uint8_t>> buffers;
  Weights weights;
};

}  // namespace

TEST_CASE("products equal plain loops, in both types, whole and in parts, overwriting and adding") {
  std::vector<Precision> precisions{Precision::float32};
  if (cpu_features().avx512_bf16) precisions.push_back(Precision::bfloat16);
  for (const Precision precision : precisions) {
    Products products(precision, 2);
    for (const int64_t m : {0, 1, 5, 32, 33, 70})
      for (const auto& [out, in] : {std::pair<int64_t, int64_t>{1, 8}, {24, 10}, {60, 100}, {65, 33}})
        for (const bool add : {false, true}) {
          Random random(7);
          const auto w = random.values(out * in);
          const SplitWeights split(w, out, in, precision);
          const int64_t room = Device::round_rows(m);
          const auto fill = [&](Buffer<float>& buffer, int64_t cols) {
            buffer.resize(room * cols + 1);
            for (int64_t i = 0; i < buffer.size(); ++i) buffer[i] = random.value();
          };
          Buffer<float> x, y, dx;
          fill(x, in);
          fill(y, out);
          fill(dx, in);
          const auto at = [&](const Buffer<float>& b, int64_t r, int64_t c, int64_t cols) {
            return static_cast<double>(rounded(b[r * cols + c], precision));
          };
          const auto weight = [&](int64_t r, int64_t c) {
            return static_cast<double>(rounded(w[static_cast<size_t>(r * in + c)], precision));
          };
          std::vector<double> expected;
          for (int64_t r = 0; r < m; ++r)
            for (int64_t o = 0; o < out; ++o) {
              double sum = add ? static_cast<double>(y[r * out + o]) : 0;
              for (int64_t i = 0; i < in; ++i) sum += at(x, r, i, in) * weight(o, i);
              expected.push_back(sum);
            }
          const float behind_y = y[room * out];
          const float behind_dx = dx[room * in];
          products.forward(matrix(x, m, in), split.weights, matrix(y, m, out), add);
          CHECK(y[room * out] == behind_y);
          double worst = 0;
          for (int64_t i = 0; i < m * out; ++i)
            worst = std::max(worst, std::abs(static_cast<double>(y[i]) - expected[static_cast<size_t>(i)]));
          CHECK(worst <= 2e-5);
          worst = 0;
          std::vector<double> back;
          for (int64_t r = 0; r < m; ++r)
            for (int64_t i = 0; i < in; ++i) {
              double sum = add ? static_cast<double>(dx[r * in + i]) : 0;
              for (int64_t o = 0; o < out; ++o) sum += at(y, r, o, out) * weight(o, i);
              back.push_back(sum);
            }
          products.backward(matrix(y, m, out), split.weights, matrix(dx, m, in), add);
          CHECK(dx[room * in] == behind_dx);
          for (int64_t i = 0; i < m * in; ++i)
            worst = std::max(worst, std::abs(static_cast<double>(dx[i]) - back[static_cast<size_t>(i)]));
          CHECK(worst <= 1e-4);
        }
  }
}

TEST_CASE("gradients of weights in bfloat16 equal plain loops over rounded rows, and are added") {
  if (!cpu_features().avx512_bf16) return;
  Products products(Precision::bfloat16, 2);
  for (const int64_t m : {0, 1, 33, 70})
    for (const auto& [out, in] : {std::pair<int64_t, int64_t>{1, 8}, {24, 10}, {65, 33}}) {
      Random random(11);
      const int64_t stride = out + 3;  // a part of wider rows
      const auto dy = random.values((m + 1) * stride);
      const auto x = random.values((m + 1) * in);
      const auto before = random.values(out * in + 1);
      auto dw = before;
      products.gradient({dy.data(), m, out, stride}, {x.data(), m, in, in}, {dw.data(), out, in, in});
      CHECK(dw.back() == before.back());
      double worst = 0;
      for (int64_t o = 0; o < out; ++o)
        for (int64_t i = 0; i < in; ++i) {
          const auto at = static_cast<size_t>(o * in + i);
          auto sum = static_cast<double>(before[at]);
          for (int64_t r = 0; r < m; ++r)
            sum += static_cast<double>(rounded(dy[static_cast<size_t>(r * stride + o)], Precision::bfloat16)) *
                   static_cast<double>(rounded(x[static_cast<size_t>(r * in + i)], Precision::bfloat16));
          worst = std::max(worst, std::abs(static_cast<double>(dw[at]) - sum));
        }
      CHECK(worst <= 2e-5);
    }
}
