#include "model/tree.h"

#include <algorithm>
#include <string>

#include "tensor/error.h"

namespace plumb {

void Tree::index(int64_t vocabulary, int64_t prompt_length, int64_t context_length) {
  if (lengths.size() != parents.size())
    fail("batch", "batch: segmentLength has " + std::to_string(lengths.size()) + " entries, segmentParent has " +
                      std::to_string(parents.size()));
  for (size_t i = 0; i < tokens.size(); ++i)
    if (tokens[i] >= vocabulary || tokens[i] < -prompt_length)
      fail("batch", "batch: tokens[" + std::to_string(i) + "] is " + std::to_string(tokens[i]) +
                        "; the vocabulary has " + std::to_string(vocabulary) + " tokens, the method " +
                        std::to_string(prompt_length) + " prompt vectors");
  first_row.clear();
  items.clear();
  positions.resize(tokens.size());
  longest_path = 0;
  std::vector<int64_t> ends;  // position after the segment's last token
  int64_t row = 0;
  for (size_t s = 0; s < lengths.size(); ++s) {
    const int64_t length = lengths[s];
    const int32_t parent = parents[s];
    if (length < 0 || length > rows() - row)
      fail("batch", "batch: segmentLength[" + std::to_string(s) + "] is " + std::to_string(length) + ", " +
                        std::to_string(rows() - row) + " tokens are left");
    if (parent < -1 || parent >= static_cast<int32_t>(s))
      fail("batch", "batch: segmentParent[" + std::to_string(s) + "] is " + std::to_string(parent) +
                        ", expected -1 or an earlier segment");
    AttentionItem item{row, length, {}, {row, length}};
    int64_t position = 0;
    if (parent >= 0) {
      const auto p = static_cast<size_t>(parent);
      item.ancestors = items[p].ancestors;
      item.ancestors.push_back(items[p].own);
      position = ends[p];
    }
    for (int64_t i = 0; i < length; ++i) positions[static_cast<size_t>(row + i)] = position + i;
    ends.push_back(position + length);
    longest_path = std::max(longest_path, position + length);
    first_row.push_back(row);
    items.push_back(std::move(item));
    row += length;
  }
  if (row != rows())
    fail("batch",
         "batch: the segments have " + std::to_string(row) + " tokens together, tokens has " + std::to_string(rows()));
  if (longest_path > context_length)
    fail("batch", "batch: a path of " + std::to_string(longest_path) +
                      " tokens is longer than the model's context of " + std::to_string(context_length));
}

}  // namespace plumb
