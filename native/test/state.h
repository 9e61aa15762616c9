#pragma once
#include <vector>

#include "train/session.h"

namespace plumb::test {

/// Makes a session go on where another one of the same method stands.
inline void go_on(Session& session, Session& from) {
  std::vector<StateList> to = session.state();
  const std::vector<StateList> source = from.state();
  for (size_t i = 0; i < to.size(); ++i)
    std::visit(
        [&](auto* values) {
          const auto* other = std::get<std::decay_t<decltype(values)>>(source[i].values);
          values->write(other->read().data(), other->size());
        },
        to[i].values);
  session.resume(from.steps());
}

/// Whether two sessions would go on in the same way.
inline bool same_state(Session& a, Session& b) {
  const std::vector<StateList> left = a.state();
  const std::vector<StateList> right = b.state();
  bool same = left.size() == right.size() && a.steps() == b.steps();
  for (size_t i = 0; same && i < left.size(); ++i)
    same = std::visit(
        [&](auto* values) {
          const auto* const* other = std::get_if<std::decay_t<decltype(values)>>(&right[i].values);
          return other != nullptr && values->read() == (*other)->read();
        },
        left[i].values);
  return same;
}

}  // namespace plumb::test
