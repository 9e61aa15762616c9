#pragma once
#include <cstdint>
#include <vector>

#include "ops/cuda/queue.h"
#include "ops/cuda/staging.h"
#include "ops/device.h"

namespace plumb::cuda {

/// Queries [query, query + count) of an item. They see the rows [first_ancestor, first_ancestor + ancestors) of the
/// plan's list, and of the rows from `own` on the first `visible` and one more with each query.
struct QueryBlock {
  int32_t query, count;
  int32_t first_ancestor, ancestors;
  int32_t own, visible;
};

/// Keys [key, key + count), all of one segment, and the queries of visits [first_visit, first_visit + visits). What
/// they give goes to the part `part` of scratch memory, or to the gradient itself where that is -1.
struct KeyBlock {
  int32_t key, count;
  int32_t first_visit, visits;
  int32_t part;
};

/// Queries that look at a block of keys: query i sees key j where j <= i + diagonal.
struct Visit {
  int32_t query, count;
  int32_t diagonal;
};

/// Parts [first_part, first_part + parts) that belong to the same keys, in order.
struct KeySum {
  int32_t key, count;
  int32_t first_part, parts;
};

struct Setting;

/// Whether the kernels in float32 have room in shared memory for tiles of so many rows, head sizes in whole sixteens.
bool attention_float_fits(int tile, int padded, int64_t shared_limit);

/// Grouped-query attention over a tree of segments, in the same order of sums each time: no two blocks add to one
/// value. Keys and values of ancestors are read where they lie, once for each block of queries.
class Attention {
 public:
  /// Rows of queries (those of a group's heads one after the other) that a block of threads has at once, and keys in
  /// the way back: `tile`, a multiple of 16 up to 64, or 0: as many as the device's shared memory allows.
  Attention(Queue& queue, Staging& staging, Precision precision, const AttentionShape& shape,
            const std::vector<AttentionItem>& items, int tile = 0);
  ~Attention();
  Attention(const Attention&) = delete;
  Attention& operator=(const Attention&) = delete;

  void forward(ConstMatrix queries, ConstMatrix keys, ConstMatrix values, Matrix out, Matrix logsum) const;
  /// The plan's items must be whole segments: as many queries as own rows.
  void backward(ConstMatrix qkv, ConstMatrix out, ConstMatrix logsum, ConstMatrix dout, Matrix dqkv) const;

 private:
  struct Lists;
  Lists list_blocks(const std::vector<AttentionItem>& items) const;
  void list_keys(const std::vector<AttentionItem>& items, Lists& lists) const;
  void upload(const Lists& lists, Staging& staging);
  Setting setting() const;
  void forward_float(const Setting& setting, ConstMatrix queries, ConstMatrix keys, ConstMatrix values, Matrix out,
                     Matrix logsum) const;
  void forward_bfloat16(const Setting& setting, ConstMatrix queries, ConstMatrix keys, ConstMatrix values, Matrix out,
                        Matrix logsum) const;
  void backward_float(const Setting& setting, ConstMatrix qkv, ConstMatrix logsum, ConstMatrix dout, Matrix dqkv,
                      const float* inner, float* parts) const;
  void backward_bfloat16(const Setting& setting, ConstMatrix qkv, ConstMatrix logsum, ConstMatrix dout, Matrix dqkv,
                         const float* inner, float* parts) const;

  Queue& queue_;
  Precision precision_;
  AttentionShape shape_;
  int tile_;
  bool whole_ = true;     ///< every item is a whole segment
  int64_t own_rows_ = 0;  ///< of all items together

  Loan memory_;  ///< the lists, one behind the other
  const int32_t* ancestor_rows_ = nullptr;
  const QueryBlock* blocks_ = nullptr;
  int64_t block_count_ = 0;
  const KeyBlock* key_blocks_ = nullptr;
  int64_t key_block_count_ = 0;
  const Visit* visits_ = nullptr;
  const KeySum* sums_ = nullptr;
  int64_t sum_count_ = 0;
  int64_t part_count_ = 0;
};

}  // namespace plumb::cuda
