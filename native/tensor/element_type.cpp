#include "tensor/element_type.h"

#include "tensor/error.h"

namespace plumb {

ElementType element_type(const std::string& name) {
  std::string known;
  for (int i = 0; i < kElementTypes; ++i) {
    const auto type = static_cast<ElementType>(i);
    if (name == layout_of(type).name) return type;
    known += (i == 0 ? "" : ", ") + std::string(layout_of(type).name);
  }
  fail("element-type", "element type \"" + name + "\" is unknown; known are " + known);
}

}  // namespace plumb
