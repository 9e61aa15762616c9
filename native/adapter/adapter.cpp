#include "adapter/adapter.h"

namespace plumb {

const LinearMapNames& names_of(LinearMap map) {
  static constexpr LinearMapNames kNames[kLinearMaps] = {
      {"q", "self_attn.q_proj"}, {"k", "self_attn.k_proj"}, {"v", "self_attn.v_proj"}, {"o", "self_attn.o_proj"},
      {"gate", "mlp.gate_proj"}, {"up", "mlp.up_proj"},     {"down", "mlp.down_proj"}};
  return kNames[static_cast<int>(map)];
}

void Adapter::add_parameter(std::string name, std::vector<int64_t> shape, std::string group, bool uneven) {
  int64_t size = 1;
  for (const int64_t extent : shape) size *= extent;
  parameters_.push_back({std::move(name), std::move(shape), size_, size, std::move(group), uneven});
  size_ += size;
}

void Adapter::allocate() {
  values_.resize(size_);
  values_.clear();
}

DeviceBuffer<float>& Adapter::gradients() {
  if (gradients_.size() != size_) {
    gradients_.resize(size_);
    gradients_.clear();
  }
  return gradients_;
}

void Adapter::drop_gradients() noexcept {
  try {
    if (gradients_.size() == size_) gradients_.clear();
  } catch (...) {
    gradients_ = DeviceBuffer<float>(device_);  // they begin anew where they are asked for again
  }
}

}  // namespace plumb
