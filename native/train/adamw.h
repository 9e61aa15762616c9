#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "adapter/adapter.h"
#include "ops/cpu/kernels.h"

namespace plumb {

struct StepOptions {
  std::map<std::string, double> rates;  ///< by parameter group; a group that is not named does not move
  double max_norm = 0;                  ///< 0: no clipping
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
  /// Throws "argument" for a value that makes no sense.
  void check() const;
};

struct StepResult {
  double gradient_norm = 0;  ///< before clipping
  double parameter_norm = 0;
};

/// AdamW (Loshchilov and Hutter, Decoupled weight decay regularization, 2019) over an adapter's flat buffers, with the
/// gradient clipped by its whole norm. All float32.
class AdamW {
 public:
  AdamW(int64_t size, int threads);

  /// Moves the parameters and sets the gradient to zero. A gradient that is not finite moves nothing.
  StepResult step(Adapter& adapter, const StepOptions& options);

  Buffer<float>& first_moment() { return first_; }
  Buffer<float>& second_moment() { return second_; }
  int64_t steps = 0;

 private:
  const Kernels& kernel_;
  int threads_;
  Buffer<float> first_;
  Buffer<float> second_;
};

}  // namespace plumb
