#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "ops/cpu/kernels.h"
#include "test/random.h"

namespace plumb {
namespace generic_kernels {
extern const Kernels table;
}
#ifdef PLUMB_X86
namespace avx2_kernels {
extern const Kernels table;
}
namespace avx512_kernels {
extern const Kernels table;
}
#endif
}  // namespace plumb

using namespace plumb;
using test::Random;

namespace {

std::vector<const Kernels*> runnable() {
  std::vector<const Kernels*> all{&generic_kernels::table};
#ifdef PLUMB_X86
  if (cpu_features().avx2) all.push_back(&avx2_kernels::table);
  if (cpu_features().avx512) all.push_back(&avx512_kernels::table);
#endif
  return all;
}

const std::vector<int64_t> kSizes = {1, 2, 7, 15, 16, 17, 31, 33, 64, 100, 577};

void check_near(const std::vector<float>& found, const std::vector<double>& expected, double bound) {
  REQUIRE(found.size() == expected.size());
  for (size_t i = 0; i < found.size(); ++i) CHECK(std::abs(static_cast<double>(found[i]) - expected[i]) <= bound);
}

float bf16_value(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

}  // namespace

TEST_CASE("the best instruction set that the processor has is chosen") {
  const std::string name = kernels().name;
  CHECK(name == (cpu_features().avx512 ? "avx512" : cpu_features().avx2 ? "avx2" : "generic"));
}

TEST_CASE("softmax, its gradient and probabilities equal double precision") {
  for (const Kernels* k : runnable())
    for (const int64_t n : kSizes) {
      Random random(1);
      std::vector<float> s = random.values(n + 3);
      for (float& v : s) v *= 30;
      const std::vector<float> scores = s;
      double top = -1e9;
      for (int64_t i = 0; i < n; ++i) top = std::max(top, static_cast<double>(s[static_cast<size_t>(i)]));
      double sum = 0;
      std::vector<double> expected(s.size(), 0.0);
      for (size_t i = 0; i < static_cast<size_t>(n); ++i)
        sum += expected[i] = std::exp(static_cast<double>(s[i]) - top);
      for (double& e : expected) e /= sum;
      const float logsum = k->softmax(s.data(), n, n + 3);
      CHECK(static_cast<double>(logsum) == doctest::Approx(top + std::log(sum)).epsilon(1e-6));
      check_near(s, expected, 5e-7);
      std::vector<float> again = scores;
      k->probabilities(again.data(), n, n + 3, logsum);
      check_near(again, expected, 5e-6);  // exp of a difference of two rounded numbers near 30
      std::vector<float> slopes = random.values(n + 3);
      double mean = 0;
      for (size_t i = 0; i < s.size(); ++i) mean += static_cast<double>(s[i]) * static_cast<double>(slopes[i]);
      std::vector<double> gradient;
      for (size_t i = 0; i < s.size(); ++i)
        gradient.push_back(static_cast<double>(s[i]) * (static_cast<double>(slopes[i]) - mean));
      k->softmax_backward(s.data(), slopes.data(), n + 3);
      check_near(slopes, gradient, 1e-6);
    }
}

TEST_CASE("softmax survives scores far apart") {
  for (const Kernels* k : runnable()) {
    std::vector<float> s = {-3e38f, 0.0f, -200.0f, 88.0f, 87.0f};
    k->softmax(s.data(), 5, 5);
    CHECK(s[0] == 0.0f);
    CHECK(s[3] == doctest::Approx(0.7310586).epsilon(1e-6));
  }
}

TEST_CASE("rms norm and its gradient equal double precision") {
  for (const Kernels* k : runnable())
    for (const int64_t n : kSizes) {
      Random random(2);
      const auto x = random.values(n);
      const auto w = random.values(n);
      const auto dy = random.values(n);
      std::vector<float> out(x.size());
      auto dx = random.values(n);
      const auto before = dx;
      const float rstd = k->rms_norm(x.data(), w.data(), 1e-5f, out.data(), n);
      double square = 0;
      for (const float v : x) square += static_cast<double>(v) * static_cast<double>(v);
      const double r = 1 / std::sqrt(square / static_cast<double>(n) + 1e-5);
      double pull = 0;
      std::vector<double> expected, gradient;
      for (size_t i = 0; i < x.size(); ++i) {
        expected.push_back(static_cast<double>(x[i]) * r * static_cast<double>(w[i]));
        pull += static_cast<double>(w[i]) * static_cast<double>(dy[i]) * static_cast<double>(x[i]);
      }
      for (size_t i = 0; i < x.size(); ++i)
        gradient.push_back(static_cast<double>(before[i]) + r * static_cast<double>(w[i]) * static_cast<double>(dy[i]) -
                           pull * r * r * r / static_cast<double>(n) * static_cast<double>(x[i]));
      check_near(out, expected, 2e-6);
      k->rms_norm_backward(x.data(), w.data(), rstd, dy.data(), dx.data(), n);
      check_near(dx, gradient, 2e-5);
    }
}

TEST_CASE("gated activation equals double precision, and its gradient the numeric one") {
  for (const Kernels* k : runnable())
    for (const int64_t n : kSizes) {
      Random random(3);
      auto gate = random.values(n);
      for (float& g : gate) g *= 20;
      auto up = random.values(n);
      const auto dout = random.values(n);
      const auto value = [](double g, double u) { return g / (1 + std::exp(-g)) * u; };
      std::vector<float> out(gate.size());
      std::vector<double> expected, dgate, dup;
      for (size_t i = 0; i < gate.size(); ++i) {
        const auto g = static_cast<double>(gate[i]);
        const auto u = static_cast<double>(up[i]);
        const auto d = static_cast<double>(dout[i]);
        expected.push_back(value(g, u));
        dgate.push_back(d * (value(g + 1e-5, u) - value(g - 1e-5, u)) / 2e-5);
        dup.push_back(d * (value(g, u + 1e-5) - value(g, u - 1e-5)) / 2e-5);
      }
      k->swiglu(gate.data(), up.data(), out.data(), n);
      check_near(out, expected, 1e-5);
      k->swiglu_backward(gate.data(), up.data(), dout.data(), n);
      check_near(gate, dgate, 1e-5);
      check_near(up, dup, 1e-5);
    }
}

TEST_CASE("a rotation turned back is the identity, and keeps lengths") {
  for (const Kernels* k : runnable())
    for (const int64_t size : {2, 10, 64, 100}) {
      Random random(4);
      const auto row = random.values(3 * size);
      std::vector<float> cosine, sine;
      for (int64_t j = 0; j < size / 2; ++j) {
        cosine.push_back(std::cos(static_cast<float>(j + 1)));
        sine.push_back(std::sin(static_cast<float>(j + 1)));
      }
      auto turned = row;
      k->rotate(turned.data(), 3, size, cosine.data(), sine.data(), 1.0f);
      CHECK(turned != row);
      CHECK(static_cast<double>(k->dot(turned.data(), turned.data(), 3 * size)) ==
            doctest::Approx(static_cast<double>(k->dot(row.data(), row.data(), 3 * size))).epsilon(1e-5));
      k->rotate(turned.data(), 3, size, cosine.data(), sine.data(), -1.0f);
      check_near(turned, std::vector<double>(row.begin(), row.end()), 1e-6);
    }
}

TEST_CASE("rounding to bfloat16 takes the nearest, ties to even") {
  const std::vector<float> values = {0.0f,      -0.0f,  1.0f,    1.00390625f, 1.01171875f,
                                     -3.14159f, 1e-40f, 3.3e38f, INFINITY,    -INFINITY};
  for (const Kernels* k : runnable()) {
    std::vector<uint16_t> found(values.size());
    k->to_bf16(values.data(), found.data(), static_cast<int64_t>(values.size()));
    CHECK(bf16_value(found[3]) == 1.0f);       // halfway: even below
    CHECK(bf16_value(found[4]) == 1.015625f);  // halfway: even above
    CHECK(bf16_value(found[5]) == -3.140625f);
    CHECK(bf16_value(found[8]) == INFINITY);
    CHECK(bf16_value(found[9]) == -INFINITY);
    CHECK(found[1] == 0x8000);
    const float nan = NAN;
    uint16_t bits = 0;
    k->to_bf16(&nan, &bits, 1);
    CHECK(std::isnan(bf16_value(bits)));
  }
}

TEST_CASE("every instruction set dequantises to the same bits") {
  Random random(5);
  for (int t = 0; t < kElementTypes; ++t) {
    const auto type = static_cast<ElementType>(t);
    const int64_t count = 256 * 5;
    const ElementLayout& layout = layout_of(type);
    std::vector<uint8_t> bytes(static_cast<size_t>(count / layout.block_elements * layout.block_bytes + 1));
    for (uint8_t& b : bytes) b = static_cast<uint8_t>(random.below(256));
    std::vector<float> expected(static_cast<size_t>(count));
    generic_kernels::table.dequantize(type, bytes.data() + 1, expected.data(), count);  // + 1: unaligned
    for (const Kernels* k : runnable()) {
      std::vector<float> found(expected.size());
      k->dequantize(type, bytes.data() + 1, found.data(), count);
      int different = 0;
      for (size_t i = 0; i < found.size(); ++i)
        different += std::isnan(expected[i]) ? !std::isnan(found[i]) : found[i] != expected[i];
      CHECK(different == 0);
    }
  }
}

TEST_CASE("half precision is read for every one of its 65,536 values") {
  for (const Kernels* k : runnable()) {
    int wrong = 0;
    for (uint32_t h = 0; h < 65536; ++h) {
      const int exponent = static_cast<int>(h >> 10 & 31);
      const double mantissa = static_cast<double>(h & 1023);
      double expected = exponent == 0    ? std::ldexp(mantissa, -24)
                        : exponent == 31 ? (mantissa == 0 ? HUGE_VAL : NAN)
                                         : std::ldexp(1024 + mantissa, exponent - 25);
      if (h >> 15) expected = -expected;
      const auto half = static_cast<uint16_t>(h);
      uint8_t bytes[2];
      std::memcpy(bytes, &half, 2);
      float found = 0;
      k->dequantize(ElementType::f16, bytes, &found, 1);
      wrong += std::isnan(expected) ? !std::isnan(found) : static_cast<double>(found) != expected;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("sums, products and columns equal double precision") {
  for (const Kernels* k : runnable())
    for (const int64_t n : kSizes) {
      Random random(6);
      const auto a = random.values(5 * n);
      auto out = random.values(n);
      const auto before = out;
      double dot = 0;
      std::vector<double> sums(before.begin(), before.end());
      for (size_t i = 0; i < a.size(); ++i) {
        sums[i % static_cast<size_t>(n)] += static_cast<double>(a[i]);
        if (i < before.size()) dot += static_cast<double>(a[i]) * static_cast<double>(before[i]);
      }
      CHECK(std::abs(static_cast<double>(k->dot(a.data(), before.data(), n)) - dot) <= 1e-5 * static_cast<double>(n));
      double squares = 0;
      for (const float value : a) squares += static_cast<double>(value) * static_cast<double>(value);
      CHECK(k->squares(a.data(), 5 * n) == doctest::Approx(squares).epsilon(1e-12));
      k->column_sum(a.data(), 5, n, n, out.data());
      check_near(out, sums, 2e-6);
      auto y = before;
      k->axpy(2.0f, a.data(), y.data(), n);
      std::vector<double> sum;
      for (size_t i = 0; i < before.size(); ++i)
        sum.push_back(static_cast<double>(before[i]) + 2 * static_cast<double>(a[i]));
      check_near(y, sum, 1e-6);
    }
}

TEST_CASE("an AdamW step equals its formula in double precision") {
  for (const Kernels* k : runnable())
    for (const int64_t n : kSizes) {
      Random random(10);
      const auto gradient = random.values(n);
      auto m = random.values(n);
      auto v = random.values(n);
      for (float& value : v) value *= value;
      auto parameter = random.values(n);
      const AdamConstants c{0.01f, 0.9f, 0.999f, 1e-8f, 0.99f, 0.271f, 0.002997f, 0.5f, 0.1f, 0.001f};
      std::vector<double> first, second, moved;
      for (size_t i = 0; i < gradient.size(); ++i) {
        const double g = static_cast<double>(gradient[i]) * 0.5;
        first.push_back(0.9 * static_cast<double>(m[i]) + 0.1 * g);
        second.push_back(0.999 * static_cast<double>(v[i]) + 0.001 * g * g);
        moved.push_back(0.99 * static_cast<double>(parameter[i]) -
                        0.01 * (first[i] / 0.271) / (std::sqrt(second[i] / 0.002997) + 1e-8));
      }
      k->adam(c, gradient.data(), m.data(), v.data(), parameter.data(), n);
      check_near(m, first, 1e-6);
      check_near(v, second, 1e-6);
      check_near(parameter, moved, 1e-6);
    }
}
