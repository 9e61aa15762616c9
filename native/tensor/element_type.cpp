#include "tensor/element_type.h"

#include "tensor/error.h"

namespace plumb {

ElementType element_type(const std::string& name) {
  for (const auto type :
       {ElementType::f32, ElementType::f16, ElementType::bf16, ElementType::q8_0, ElementType::q4_0, ElementType::q4_1})
    if (name == layout_of(type).name) return type;
  fail("element-type", "element type \"" + name + "\" is unknown; known are f32, f16, bf16, q8_0, q4_0, q4_1");
}

}  // namespace plumb
