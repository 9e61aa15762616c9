#pragma once
#include <cstdint>
#include <string>

namespace plumb {

/// How the elements of a stored tensor are written. The block types are those of GGUF.
enum class ElementType { f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1, iq4_nl, q2_k, q3_k, q4_k, q5_k, q6_k };
inline constexpr int kElementTypes = 14;

struct ElementLayout {
  const char* name;
  int64_t block_elements;
  int64_t block_bytes;
};

inline const ElementLayout& layout_of(ElementType type) {
  static constexpr ElementLayout kLayouts[kElementTypes] = {
      {"f32", 1, 4},      {"f16", 1, 2},      {"bf16", 1, 2},     {"q8_0", 32, 34},   {"q4_0", 32, 18},
      {"q4_1", 32, 20},   {"q5_0", 32, 22},   {"q5_1", 32, 24},   {"iq4_nl", 32, 18}, {"q2_k", 256, 84},
      {"q3_k", 256, 110}, {"q4_k", 256, 144}, {"q5_k", 256, 176}, {"q6_k", 256, 210}};
  return kLayouts[static_cast<int>(type)];
}

/// Throws "element-type" for a name that is none.
ElementType element_type(const std::string& name);

}  // namespace plumb
