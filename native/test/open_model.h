#pragma once
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "ops/cuda/cuda_device.h"
#include "test/random.h"
#include "train/session.h"

namespace plumb::test {

/// The library for GPUs on whose first device the laws are to hold; null: on the processor.
inline const char* gpu_library() {
  return std::getenv("PLUMB_TEST_CUDA");
}

/// A model on the device that the tests run on.
inline std::shared_ptr<Model> open_model(const ModelTable& table, const ModelOptions& options) {
  if (gpu_library() == nullptr) return std::make_shared<Model>(table, options);
  static const CudaRuntime runtime(gpu_library());
  return std::make_shared<Model>(table, runtime.open(0, options.precision), options);
}

/// Types of products that the device has.
inline std::vector<Precision> precisions() {
  return {Precision::float32, gpu_library() == nullptr ? best_precision() : Precision::bfloat16};
}

/// Sets all parameters at random, from -scale to scale.
inline void write_random(Session& session, uint32_t seed, float scale) {
  std::vector<float> values = Random(seed).values(session.adapter().size());
  for (float& value : values) value *= scale;
  session.write(values);
}

/// The slope of the loss along one parameter, from four losses (fourth order), which `loss()` gives.
template <typename Loss>
double slope_at(Session& session, int64_t at, float step, Loss&& loss) {
  std::vector<float> values = session.adapter().values().read();
  float& value = values[static_cast<size_t>(at)];
  const float before = value;
  const auto moved = [&](float by) {
    value = before + by;
    session.write(values);
    return loss();
  };
  const double near = moved(step) - moved(-step);
  const double far = moved(2 * step) - moved(-2 * step);
  value = before;
  session.write(values);
  return (8 * near - far) / (12 * static_cast<double>(step));
}

}  // namespace plumb::test
