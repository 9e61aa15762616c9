// The library as the engine opens it: another file, behind a table of functions.
#include <dlfcn.h>
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "adapter/prompt_bias.h"
#include "ops/cpu/kernels.h"
#include "ops/cuda/cuda_device.h"
#include "tensor/error.h"
#include "test/random.h"
#include "train/adamw.h"

using namespace plumb;
using test::Random;

namespace {

template <typename Body>
std::string code_of(Body&& body) {
  try {
    body();
  } catch (const EngineError& error) {
    CHECK(std::string(error.what()).size() > 10);
    return error.code;
  }
  return "";
}

std::vector<float> read(Device& device, const float* data, int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  device.download(data, values.data(), count * 4);
  return values;
}

}  // namespace

TEST_CASE("CUDA: a library that is missing, is none or is another version gives a sentence") {
  CHECK(code_of([] { CudaRuntime("/nowhere/libplumb_cuda.so"); }) == "cuda-not-built");
  CHECK(code_of([] { CudaRuntime(PLUMB_NO_CUDA); }) == "cuda-unavailable");
  void* file = dlopen(PLUMB_EMULATED_CUDA, RTLD_NOW | RTLD_LOCAL);
  REQUIRE(file != nullptr);
  const auto open = reinterpret_cast<OpenCudaLibrary>(dlsym(file, kOpenCudaLibrary));
  char reason[200] = "";
  CHECK(open(kCudaLibraryVersion + 1, reason, sizeof reason) == nullptr);
  CHECK(std::string(reason).find("version") != std::string::npos);
}

TEST_CASE("CUDA: a device of the library computes what it is given, and says when it cannot") {
  const CudaRuntime runtime(PLUMB_EMULATED_CUDA);
  REQUIRE(runtime.devices().size() == 1);
  CHECK(runtime.devices()[0].capability == 90);
  CHECK(code_of([&] { runtime.open(7, Precision::float32); }) == "device");
  const std::unique_ptr<Device> device = runtime.open(0, Precision::bfloat16);
  CHECK(device->precision() == Precision::bfloat16);
  CHECK(code_of([&] { device->allocate(int64_t{1} << 50); }) == "out-of-memory");

  // More than the memory for uploads holds, in pieces, while the host's own copy changes.
  Random random(3);
  const int64_t count = (int64_t{9} << 20) / 4 + 5;
  const std::vector<float> values = random.values(count);
  DeviceBuffer<float> buffer(*device, count);
  std::vector<float> host = values;
  for (int64_t first = 0; first < count; first += 1000000) {
    const int64_t part = std::min<int64_t>(1000000, count - first);
    buffer.write(host.data() + first, part, first);
    std::fill_n(host.begin() + first, part, 0.0f);
  }
  CHECK(buffer.read() == values);
  buffer.clear();
  CHECK(read(*device, buffer.data(), 3) == std::vector<float>(3, 0.0f));

  // Attention through a plan, and a product: the sum of values, since all keys are equal.
  const AttentionShape shape{1, 1, 4};
  DeviceBuffer<float> qkv(*device, 3 * 12), out(*device, 3 * 4), logsum(*device, 3);
  std::vector<float> rows(36, 1.0f);
  for (size_t r = 0; r < 3; ++r)
    for (size_t c = 8; c < 12; ++c) rows[r * 12 + c] = static_cast<float>(r);
  qkv.write(rows.data(), 36);
  const Matrix view = matrix(qkv, 3, 12);
  const auto plan = device->plan_attention(shape, {{0, 1, {}, {0, 1}}, {1, 2, {{0, 1}}, {1, 2}}});
  device->attention_forward(*plan, view.columns(0, 4), view.columns(4, 4), view.columns(8, 4), matrix(out, 3, 4),
                            matrix(logsum, 3, 1));
  const std::vector<float> found = out.read();
  CHECK(found[0] == 0.0f);
  CHECK(found[4] == doctest::Approx(0.5f));
  CHECK(found[8] == doctest::Approx(1.0f));
  CHECK(device->norm(out.data(), 12) == doctest::Approx(std::sqrt(4 * 0.25 + 4)));
  CHECK(code_of([&] { device->plan_attention({1, 1, 4096}, {}); }) == "device");
}

TEST_CASE("CUDA: the optimiser moves parameters with moments of 32 bits and of 8") {
  const CudaRuntime runtime(PLUMB_EMULATED_CUDA);
  const std::unique_ptr<Device> device = runtime.open(0, Precision::float32);
  DecoderConfig config;
  config.hidden_size = 3000;  // two vectors are large enough to be rounded
  for (const MomentBits bits : {MomentBits::all32, MomentBits::most8}) {
    PromptBias adapter(*device, config, {2, 0}, {});
    AdamW optimizer(*device, adapter, bits);
    const std::vector<float> gradient(static_cast<size_t>(adapter.size()), 1.0f);
    adapter.gradients().write(gradient.data(), adapter.size());
    StepOptions options;
    options.rates["prompt"] = 0.5;
    CHECK(optimizer.step(adapter, options).gradient_norm == doctest::Approx(std::sqrt(6000.0)));
    CHECK(adapter.values().read()[4321] == doctest::Approx(-0.5));
    CHECK(adapter.gradients().read() == std::vector<float>(gradient.size()));
    CHECK(optimizer.lists().size() == (bits == MomentBits::all32 ? 2 : 6));
  }
}

TEST_CASE("CUDA: a device says what multiplies on it: cuBLAS, or our own kernel and why") {
  const CudaRuntime runtime(PLUMB_EMULATED_CUDA);
  setenv("PLUMB_CUBLAS", PLUMB_EMULATED_CUBLAS, 1);
  const GpuProducts by_cublas = runtime.open(0, Precision::bfloat16)->products();
  CHECK(by_cublas.cublas == "13.0.2");
  CHECK(by_cublas.file == PLUMB_EMULATED_CUBLAS);
  CHECK(by_cublas.missing.empty());

  setenv("PLUMB_CUBLAS", "none", 1);
  const GpuProducts own = runtime.open(0, Precision::bfloat16)->products();
  CHECK(own.cublas.empty());
  CHECK(own.missing.find("PLUMB_CUBLAS=none") == 0);
  CHECK(own.missing.find("own kernel") != std::string::npos);
}

TEST_CASE("CUDA: a product takes what its input holds now, whatever was kept of it") {
  const CudaRuntime runtime(PLUMB_EMULATED_CUDA);
  const std::unique_ptr<Device> device = runtime.open(0, Precision::bfloat16);
  constexpr int64_t kRows = 40, kCols = 64;
  Random random(2);
  DeviceBuffer<float> x(*device), normed(*device), y(*device), norm(*device), rstd(*device), bias(*device);
  DeviceBuffer<uint16_t> table(*device);
  for (auto* buffer : {&x, &normed, &y}) buffer->resize(Device::round_rows(kRows) * kCols);
  norm.resize(kCols);
  bias.resize(kCols);
  rstd.resize(kRows);
  table.resize(kCols * kCols);
  const std::vector<float> values = random.values(kRows * kCols), ones(kCols, 1.0f), none(kCols, 0.0f);
  const std::vector<uint16_t> weights(kCols * kCols, 0x3F80);  // 1
  x.write(values.data(), kRows * kCols);
  norm.write(ones.data(), kCols);
  bias.write(none.data(), kCols);
  table.write(weights.data(), kCols * kCols);
  Weights map;
  map.out = map.in = kCols;
  map.parts = {{table.data(), kCols, 0}};
  const Matrix in = matrix(normed, kRows, kCols), out = matrix(y, kRows, kCols);
  const auto product = [&] {
    device->bias_forward(bias.data(), out, false);
    device->product_forward(in, map, out, true);
    return read(*device, out.data, kRows * kCols);
  };
  device->rms_norm(matrix(x, kRows, kCols), norm.data(), 1e-6f, in, rstd.data());
  const std::vector<float> with_copy = product();
  device->rms_norm(matrix(x, kRows, kCols), norm.data(), 1e-6f, in, rstd.data());
  device->add(ConstMatrix(matrix(x, 0, kCols)), matrix(y, 0, kCols));  // another operation: the copy is forgotten
  CHECK(product() == with_copy);
  device->rms_norm(matrix(x, kRows, kCols), norm.data(), 1e-6f, in, rstd.data());
  device->bias_forward(bias.data(), in, false);  // writes what the copy is of
  for (const float value : product()) REQUIRE(value == 0.0f);
}
