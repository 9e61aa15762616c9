#pragma once
#include <cstdint>
#include <vector>

#include "adapter/adapter.h"

namespace plumb {

/// Shape of a decoder of the LLaMA kind.
struct DecoderConfig {
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t layer_count = 0;
  int64_t head_count = 0;
  int64_t kv_head_count = 0;
  int64_t head_size = 0;
  int64_t vocabulary_size = 0;
  double norm_epsilon = 0;
  double rope_theta = 0;
  std::vector<float> rope_factors;  ///< what each frequency is divided by, [head size / 2]; empty: nothing
  bool query_key_norm = false;      ///< RMS norms over each head's queries and keys, before they are turned
  int64_t context_length = 0;
  bool tied_head = false;

  int64_t query_width() const { return head_count * head_size; }
  int64_t kv_width() const { return kv_head_count * head_size; }
  int64_t qkv_width() const { return query_width() + 2 * kv_width(); }
  int64_t output_width(LinearMap map) const {
    switch (map) {
      case LinearMap::q:
        return query_width();
      case LinearMap::k:
      case LinearMap::v:
        return kv_width();
      case LinearMap::gate:
      case LinearMap::up:
        return intermediate_size;
      case LinearMap::o:
      case LinearMap::down:
        return hidden_size;
    }
    return 0;
  }
  int64_t input_width(LinearMap map) const {
    if (map == LinearMap::o) return query_width();
    return map == LinearMap::down ? intermediate_size : hidden_size;
  }
  /// Throws "config" where a number makes no sense.
  void check() const;
};

}  // namespace plumb
