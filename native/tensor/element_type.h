#pragma once
#include <cstdint>
#include <string>

namespace plumb {

/// How the elements of a stored tensor are written. The block types are those of GGUF.
enum class ElementType { f32, f16, bf16, q8_0, q4_0, q4_1 };

struct ElementLayout {
  const char* name;
  int64_t block_elements;
  int64_t block_bytes;
};

inline const ElementLayout& layout_of(ElementType type) {
  static constexpr ElementLayout kLayouts[] = {{"f32", 1, 4},    {"f16", 1, 2},    {"bf16", 1, 2},
                                               {"q8_0", 32, 34}, {"q4_0", 32, 18}, {"q4_1", 32, 20}};
  return kLayouts[static_cast<int>(type)];
}

/// Throws "element-type" for a name that is none.
ElementType element_type(const std::string& name);

}  // namespace plumb
