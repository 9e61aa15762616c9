#pragma once
#include <cstdint>
#include <vector>

namespace plumb {

/// Consecutive rows of keys and values.
struct RowSpan {
  int64_t first;
  int64_t count;
};

/// One segment's queries: rows [query, query + count). They see all rows of `ancestors`, and of `own` the first
/// `own.count - count` rows and one more with each query (causal).
struct AttentionItem {
  int64_t query;
  int64_t count;
  std::vector<RowSpan> ancestors;
  RowSpan own;

  int64_t ancestor_rows() const {
    int64_t sum = 0;
    for (const RowSpan& span : ancestors) sum += span.count;
    return sum;
  }
};

struct AttentionShape {
  int64_t heads;
  int64_t kv_heads;
  int64_t head_size;
  int64_t group() const { return heads / kv_heads; }
  int64_t query_width() const { return heads * head_size; }
  int64_t kv_width() const { return kv_heads * head_size; }
};

}  // namespace plumb
