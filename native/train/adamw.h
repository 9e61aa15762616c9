#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "adapter/adapter.h"

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

/// Numbers that going on to the bit needs, where they lie in the device's memory.
struct StateList {
  std::string name;
  std::variant<DeviceBuffer<float>*, DeviceBuffer<uint8_t>*> values;
  int64_t size() const {
    return std::visit([](const auto* buffer) { return buffer->size(); }, values);
  }
};

/// In how many bits AdamW keeps its two moments.
enum class MomentBits { all32, most8 };

/// AdamW (Loshchilov and Hutter, Decoupled weight decay regularization, 2019) over an adapter's flat buffers, with the
/// gradient clipped by its whole norm. All float32, or (`most8`) the moments of large tensors in a byte each. Memory
/// for the moments is taken by the first step, or lists().
class AdamW {
 public:
  AdamW(Device& device, const Adapter& adapter, MomentBits bits);

  /// Moves the parameters and sets the gradient to zero. A gradient that is not finite moves nothing.
  StepResult step(Adapter& adapter, const StepOptions& options);

  /// Its state, besides `steps`.
  std::vector<StateList> lists();
  int64_t steps = 0;

  /// Smaller tensors (norms, biases) keep moments of 32 bits: rounding them would save nothing.
  static constexpr int64_t kLeastRounded = 4096;

 private:
  struct Place {
    bool rounded;
    int64_t at;  ///< first element of first_ and second_, or first block of the codes
  };
  void allocate();

  Device& device_;
  std::vector<Place> places_;  ///< as the adapter's parameters
  int64_t exact_size_ = 0, rounded_blocks_ = 0;
  DeviceBuffer<float> first_, second_;
  DeviceBuffer<uint8_t> first_codes_, second_codes_;
  DeviceBuffer<float> first_scales_, second_scales_;
};

}  // namespace plumb
