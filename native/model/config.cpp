#include "model/config.h"

#include <string>

#include "tensor/error.h"

namespace plumb {

void DecoderConfig::check() const {
  struct Field {
    const char* name;
    int64_t value;
    int64_t most;
  };
  const Field fields[] = {{"hiddenSize", hidden_size, 1 << 20},
                          {"intermediateSize", intermediate_size, 1 << 22},
                          {"layerCount", layer_count, 4096},
                          {"headCount", head_count, 4096},
                          {"kvHeadCount", kv_head_count, 4096},
                          {"headSize", head_size, 4096},
                          {"vocabularySize", vocabulary_size, 1 << 24},
                          {"contextLength", context_length, 1 << 26}};
  for (const Field& field : fields)
    if (field.value < 1 || field.value > field.most)
      fail("config", std::string("model config: ") + field.name + " is " + std::to_string(field.value) +
                         ", expected 1 to " + std::to_string(field.most));
  if (head_count % kv_head_count != 0)
    fail("config", "model config: headCount " + std::to_string(head_count) + " is no multiple of kvHeadCount " +
                       std::to_string(kv_head_count));
  if (head_size % 2 != 0) fail("config", "model config: headSize " + std::to_string(head_size) + " is odd");
  if (!(norm_epsilon > 0 && norm_epsilon < 1)) fail("config", "model config: normEpsilon is not between 0 and 1");
  if (!(rope_theta > 0 && rope_theta < 1e12)) fail("config", "model config: ropeTheta is not a positive number");
  if (!rope_factors.empty() && static_cast<int64_t>(rope_factors.size()) != head_size / 2)
    fail("config", "model config: ropeFactors has " + std::to_string(rope_factors.size()) + " numbers, expected " +
                       std::to_string(head_size / 2));
  for (const float factor : rope_factors)
    if (!(factor > 0 && factor < 1e6f)) fail("config", "model config: ropeFactors holds a number that is no factor");
}

}  // namespace plumb
