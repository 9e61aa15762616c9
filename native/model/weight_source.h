#pragma once
#include <cstdint>

#include "model/config.h"
#include "ops/weights.h"

namespace plumb {

/// Maps that share an input and are computed in one product.
enum class MapGroup { qkv, o, gate_up, down };
inline constexpr int kMapGroups = 4;

/// Maps of a group: so many from `first` on, in the order of LinearMap.
struct GroupMaps {
  LinearMap first;
  int count;
};
constexpr GroupMaps maps_of(MapGroup group) {
  switch (group) {
    case MapGroup::qkv:
      return {LinearMap::q, 3};
    case MapGroup::o:
      return {LinearMap::o, 1};
    case MapGroup::gate_up:
      return {LinearMap::gate, 2};
    case MapGroup::down:
      break;
  }
  return {LinearMap::down, 1};
}

/// Where decoder and head take a model's weights from: its files, or masters that train. All pointers are the device's.
/// Calls are made from one thread at a time.
class WeightSource {
 public:
  virtual ~WeightSource() = default;

  virtual const DecoderConfig& config() const = 0;
  virtual const float* attention_norm(int64_t layer) const = 0;
  virtual const float* mlp_norm(int64_t layer) const = 0;
  virtual const float* final_norm() const = 0;
  /// Over one head's queries or keys; only where the config has them.
  virtual const float* query_norm(int64_t layer) const = 0;
  virtual const float* key_norm(int64_t layer) const = 0;
  /// The model's own bias of a map; null where it has none.
  virtual const float* bias(int64_t layer, LinearMap map) const = 0;

  /// Valid until the next call for the same group.
  virtual Weights group(int64_t layer, MapGroup group) = 0;
  /// Rows [first, first + count) of the output head. Valid until the next call.
  virtual Weights head(int64_t first, int64_t count) = 0;
  /// Rows of the head that one product takes.
  virtual int64_t head_block() const = 0;

  /// The embedding, and the output head, [vocabulary, hidden], for rows of single tokens.
  virtual Encoded embedding_table() = 0;
  virtual Encoded head_table() = 0;
};

}  // namespace plumb
