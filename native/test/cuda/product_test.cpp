#include <dlfcn.h>

#include <array>
#include <memory>
#include <vector>

#include "ops/cpu/kernels.h"
#include "ops/cuda/cublas.h"
#include "ops/cuda/kernels.h"
#include "test/cuda/on_device.h"

using namespace plumb;
using test::at;
using test::DeviceMatrix;
using test::OnDevice;
using test::Random;

namespace {

/// c[m, n] = sum over k of a(i, k) b(k, j), in double precision.
template <typename A, typename B>
std::vector<float> by_definition(int64_t m, int64_t n, int64_t k, A&& a, B&& b) {
  std::vector<float> c(at(m * n));
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t l = 0; l < k; ++l) sum += static_cast<double>(a(i, l)) * static_cast<double>(b(l, j));
      c[at(i * n + j)] = static_cast<float>(sum);
    }
  return c;
}

/// Values that bfloat16 has, so that only the order of sums can make a difference.
std::vector<float> short_values(Random& random, int64_t count) {
  std::vector<float> values(at(count));
  for (float& value : values) value = static_cast<float>(random.below(33) - 16) / 16.0f;
  return values;
}

std::vector<uint16_t> rounded(const std::vector<float>& values) {
  std::vector<uint16_t> result(values.size());
  kernels().to_bf16(values.data(), result.data(), static_cast<int64_t>(values.size()));
  return result;
}

/// body(queue) with products by our own kernel in each order of threads, then with cuBLAS: its stand-in, or, on a GPU,
/// the real one where there is one.
template <typename Body>
void with_each_library(Body&& body) {
  cuda::Queue queue;
  test::in_each_order([&] { body(queue); });
#ifdef __CUDACC__
  try {
    queue.use(std::make_unique<cuda::Cublas>(cuda::find_cublas(""), queue.stream(), queue.capability()));
  } catch (const EngineError& error) {
    MESSAGE(error.what());
    return;
  }
  body(queue);
#else
  void* stand_in = dlopen(PLUMB_EMULATED_CUBLAS, RTLD_NOW | RTLD_LOCAL);
  REQUIRE(stand_in != nullptr);
  const auto products = reinterpret_cast<int64_t (*)()>(dlsym(stand_in, "emulated_cublas_products"));
  const int64_t before = products();
  queue.use(std::make_unique<cuda::Cublas>(cuda::CublasLibrary(PLUMB_EMULATED_CUBLAS), queue.stream(), 90));
  body(queue);
  CHECK(products() > before);
#endif
}

#ifndef __CUDACC__
/// How many products the stand-in began with a residual or a bias.
int64_t begun() {
  void* stand_in = dlopen(PLUMB_EMULATED_CUBLAS, RTLD_NOW | RTLD_LOCAL);
  REQUIRE(stand_in != nullptr);
  return reinterpret_cast<int64_t (*)()>(dlsym(stand_in, "emulated_cublas_begun"))();
}
#endif

struct Shape {
  int64_t m, in;
  std::vector<int64_t> parts;
};

/// Products forward and backward with one shape, against the definition.
void check_products(cuda::Queue& queue, const Shape& shape, Precision precision) {
  CAPTURE(shape.m);
  CAPTURE(shape.in);
  Random random(2);
  int64_t out = 0;
  for (const int64_t rows : shape.parts) out += rows;
  const std::vector<float> x = short_values(random, shape.m * shape.in), dy = short_values(random, shape.m * out);
  const std::vector<float> weights = short_values(random, out * shape.in);
  std::vector<float> y = by_definition(
      shape.m, out, shape.in, [&](int64_t i, int64_t k) { return x[at(i * shape.in + k)]; },
      [&](int64_t k, int64_t j) { return weights[at(j * shape.in + k)]; });
  std::vector<float> dx = by_definition(
      shape.m, shape.in, out, [&](int64_t i, int64_t k) { return dy[at(i * out + k)]; },
      [&](int64_t k, int64_t j) { return weights[at(k * shape.in + j)]; });

  OnDevice<float> long_weights(queue, weights);
  OnDevice<uint16_t> short_weights(queue, rounded(weights));
  Weights w;
  w.out = out;
  w.in = shape.in;
  int64_t column = 0;
  for (const int64_t rows : shape.parts) {
    const void* data = precision == Precision::float32
                           ? static_cast<const void*>(long_weights.data() + column * shape.in)
                           : static_cast<const void*>(short_weights.data() + column * shape.in);
    w.parts.push_back({data, rows, column});
    column += rows;
  }
  DeviceMatrix device_x(queue, shape.m, shape.in, x), device_dy(queue, shape.m, out, dy);
  DeviceMatrix device_y(queue, shape.m, out, y), device_dx(queue, shape.m, shape.in, dx);
  cuda::product_forward(queue, precision, device_x.view(), w, device_y.view(), true);
  cuda::product_backward(queue, precision, device_dy.view(), w, device_dx.view(), true);
  for (float& value : y) value *= 2;
  for (float& value : dx) value *= 2;
  CHECK(device_y.read() == y);  // sums of multiples of 1/256 below 2^16: exact in any order
  CHECK(device_dx.read() == dx);
  cuda::product_forward(queue, precision, device_x.view(), w, device_y.view(), false);
  cuda::product_backward(queue, precision, device_dy.view(), w, device_dx.view(), false);
  for (float& value : y) value /= 2;
  for (float& value : dx) value /= 2;
  CHECK(device_y.read() == y);
  CHECK(device_dx.read() == dx);

  std::vector<float> dw = by_definition(
      out, shape.in, shape.m, [&](int64_t i, int64_t k) { return dy[at(k * out + i)]; },
      [&](int64_t k, int64_t j) { return x[at(k * shape.in + j)]; });
  DeviceMatrix device_dw(queue, out, shape.in, dw);
  cuda::product_gradient(queue, precision, device_dy.view(), device_x.view(), device_dw.view());
  for (float& value : dw) value *= 2;
  CHECK(device_dw.read() == dw);
}

/// product_from() with one shape, against the definition.
void check_product_from(cuda::Queue& queue, const Shape& shape, Precision precision, bool residual, bool bias) {
  CAPTURE(shape.m);
  CAPTURE(shape.in);
  CAPTURE(residual);
  CAPTURE(bias);
  int64_t out = 0;
  for (const int64_t rows : shape.parts) out += rows;
  Random random(6);
  const std::vector<float> x = short_values(random, shape.m * shape.in), weights = short_values(random, out * shape.in);
  const std::vector<float> start = short_values(random, shape.m * out), biases = short_values(random, out);
  std::vector<float> expected = by_definition(
      shape.m, out, shape.in, [&](int64_t i, int64_t k) { return x[at(i * shape.in + k)]; },
      [&](int64_t k, int64_t j) { return weights[at(j * shape.in + k)]; });
  for (int64_t i = 0; i < shape.m * out; ++i)
    expected[at(i)] += (residual ? start[at(i)] : 0.0f) + (bias ? biases[at(i % out)] : 0.0f);

  OnDevice<float> long_weights(queue, weights), device_bias(queue, biases);
  OnDevice<uint16_t> short_weights(queue, rounded(weights));
  Weights w;
  w.out = out;
  w.in = shape.in;
  int64_t column = 0;
  for (const int64_t rows : shape.parts) {
    const void* data = precision == Precision::float32
                           ? static_cast<const void*>(long_weights.data() + column * shape.in)
                           : static_cast<const void*>(short_weights.data() + column * shape.in);
    w.parts.push_back({data, rows, column});
    column += rows;
  }
  DeviceMatrix device_x(queue, shape.m, shape.in, x), device_start(queue, shape.m, out, start, 5);
  DeviceMatrix y(queue, shape.m, out, std::vector<float>(expected.size(), NAN));
  cuda::product_from(queue, precision, device_x.view(), w, residual ? device_start.view() : Matrix{},
                     bias ? device_bias.data() : nullptr, y.view());
  CHECK(y.read() == expected);  // exact in any order
  CHECK(device_start.read() == start);
}

}  // namespace

TEST_CASE("CUDA: products with weights equal their definition at all edges of tiles") {
  const std::vector<Shape> shapes = {
      {0, 8, {8}},           {1, 1, {1}},         {3, 7, {5}},     {17, 33, {16, 15, 1}},
      {129, 40, {64, 8, 8}}, {16, 96, {128, 16}}, {2, 200, {129}},
  };
  with_each_library([&](cuda::Queue& queue) {
    for (const Shape& shape : shapes)
      for (const Precision precision : {Precision::float32, Precision::bfloat16})
        check_products(queue, shape, precision);
  });
}

TEST_CASE("CUDA: general float32 products equal their definition, transposed or not") {
  with_each_library([&](cuda::Queue& queue) {
    for (const auto& [m, n, k] :
         std::vector<std::array<int64_t, 3>>{{0, 3, 3}, {1, 1, 1}, {5, 7, 0}, {65, 3, 17}, {8, 66, 33}})
      for (const bool ta : {false, true})
        for (const bool tb : {false, true}) {
          Random random(2);
          const std::vector<float> a = random.values(m * k), b = random.values(k * n), c = random.values(m * n);
          const int64_t rows = m, cols = n, depth = k;
          std::vector<float> product = by_definition(
              m, n, k, [&](int64_t i, int64_t l) { return a[at(ta ? l * rows + i : i * depth + l)]; },
              [&](int64_t l, int64_t j) { return b[at(tb ? j * depth + l : l * cols + j)]; });
          DeviceMatrix device_a(queue, ta ? k : m, ta ? m : k, a), device_b(queue, tb ? n : k, tb ? k : n, b);
          DeviceMatrix device_c(queue, m, n, std::vector<float>(c.size(), NAN));
          for (float& value : product) value *= 0.5f;
          cuda::multiply(queue, ta, tb, 0.5f, device_a.view(), device_b.view(), 0.0f, device_c.view());
          test::check_near(device_c.read(), product, 1e-6);
          for (float& value : product) value *= 3;
          cuda::multiply(queue, ta, tb, 0.5f, device_a.view(), device_b.view(), 2.0f, device_c.view());
          test::check_near(device_c.read(), product, 1e-6);
        }
  });
}

TEST_CASE(
    "CUDA: a product that begins with a residual and a bias equals these and the product, for all or part of it") {
  // The stand-in for cuBLASLt has no kernel for the odd parts of the last two: all of those are computed the other way.
  const std::vector<Shape> shapes = {{0, 8, {8}},      {1, 8, {8}},  {17, 32, {16, 8, 8}}, {5, 16, {6, 2, 2}},
                                     {130, 40, {130}}, {9, 24, {7}}, {4, 24, {4, 3}}};
  with_each_library([&](cuda::Queue& queue) {
    for (const Shape& shape : shapes)
      for (const Precision precision : {Precision::float32, Precision::bfloat16})
        for (const bool residual : {true, false})
          for (const bool bias : {true, false}) check_product_from(queue, shape, precision, residual, bias);
  });
}

#ifndef __CUDACC__
TEST_CASE("CUDA: cuBLASLt computes a part of a map with its residual and its bias in one product") {
  cuda::Queue queue;
  queue.use(std::make_unique<cuda::Cublas>(cuda::CublasLibrary(PLUMB_EMULATED_CUBLAS), queue.stream(), 90));
  const int64_t before = begun();
  for (int i = 0; i < 2; ++i) check_product_from(queue, {6, 16, {8, 8}}, Precision::bfloat16, true, true);
  CHECK(begun() == before + 4);
}

TEST_CASE("CUDA: what a product writes with cuBLAS is what our own kernel writes, as stream work in its turn") {
  cuda::Queue own, other;
  other.use(std::make_unique<cuda::Cublas>(cuda::CublasLibrary(PLUMB_EMULATED_CUBLAS), other.stream(), 80));
  Random random(4);
  const std::vector<float> x = short_values(random, 200 * 96), w = short_values(random, 130 * 96);
  std::vector<std::vector<float>> results;
  for (cuda::Queue* queue : {&own, &other}) {
    OnDevice<uint16_t> weights(*queue, rounded(w));
    Weights map;
    map.out = 130;
    map.in = 96;
    map.parts = {{weights.data(), 130, 0}};
    DeviceMatrix in(*queue, 200, 96, x), out(*queue, 200, 130, std::vector<float>(200 * 130, NAN));
    cuda::product_forward(*queue, Precision::bfloat16, in.view(), map, out.view(), false);
    cuda::zero(*queue, in.view());  // after the product, not before
    cuda::add(*queue, out.view(), out.view());
    results.push_back(out.read());
  }
  CHECK(results[0] == results[1]);
}

TEST_CASE("CUDA: sizes that cuBLAS does not take are left to our own kernel") {
  cuda::Queue queue;
  queue.use(std::make_unique<cuda::Cublas>(cuda::CublasLibrary(PLUMB_EMULATED_CUBLAS), queue.stream(), 80));
  float value = 0;
  const auto takes = [&](int64_t m, int64_t n, int64_t k, int64_t a, int64_t b, int64_t c) {
    const cuda::Product product = {m,    n,      k, 1.0f, {&value, a, false}, {&value, b, false}, Precision::float32,
                                   0.0f, &value, c};
    return queue.cublas()->multiply(product);
  };
  CHECK(takes(1, 1, 1, 1, 1, 1));
  queue.wait();
  CHECK_FALSE(takes(0, 1, 1, 1, 1, 1));
  CHECK_FALSE(takes(1, 1, 0, 1, 1, 1));
  CHECK_FALSE(takes(1, 1, int64_t{1} << 31, int64_t{1} << 31, 1, 1));
  CHECK_FALSE(takes(1, 3, 1, 1, 2, 3));  // rows of b that reach into each other
}
#endif
