#pragma once
#include <cstdint>
#include <vector>

#include "ops/attention.h"

namespace plumb {

/// A batch: runs of tokens (segments) that form a forest, packed one after the other. A token sees all tokens of its
/// ancestors and the earlier ones of its own segment; positions go on from the parent's end.
struct Tree {
  std::vector<int32_t> tokens;  ///< a value below 0 is input vector -1 - value of the adapter
  std::vector<int32_t> lengths;
  std::vector<int32_t> parents;  ///< -1 for a root; a parent comes before its children

  // Filled by index():
  std::vector<int64_t> first_row;    ///< of each segment
  std::vector<int64_t> positions;    ///< of each row
  std::vector<AttentionItem> items;  ///< one a segment, over the batch's own rows
  int64_t longest_path = 0;

  int64_t rows() const { return static_cast<int64_t>(tokens.size()); }
  /// Checks the tree and fills the rest. Throws "batch" naming the field and the index.
  void index(int64_t vocabulary, int64_t prompt_length, int64_t context_length);
};

}  // namespace plumb
