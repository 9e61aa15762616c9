#pragma once
#include <cstdint>
#include <vector>

#include "ops/cuda/queue.h"
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

/// Bytes of shared memory that a block of threads takes, head sizes in whole sixteens.
int64_t attention_forward_bytes(Precision precision, int tile, int keys, int padded);
int64_t attention_backward_bytes(Precision precision, int tile, int padded);

/// Grouped-query attention over a tree of segments, in the same order of sums each time: no two blocks add to one
/// value. Keys and values of ancestors are read where they lie, once for each block of queries.
class Attention {
 public:
  /// Rows of queries (those of a group's heads one after the other) that a block of threads has at once, and keys in
  /// the way back: `tile`, a multiple of 16 up to 64, or 0: as many as the device's shared memory allows. Texts with up
  /// to `short_keys` keys have them all there at once.
  Attention(Queue& queue, Precision precision, const AttentionShape& shape, const std::vector<AttentionItem>& items,
            int tile = 0, int short_keys = 128);
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
  void upload(const Lists& lists);
  template <typename T>
  void run_forward(ConstMatrix queries, ConstMatrix keys, ConstMatrix values, Matrix out, Matrix logsum) const;
  template <typename T>
  void run_backward(ConstMatrix qkv, ConstMatrix logsum, ConstMatrix dout, Matrix dqkv, const float* inner) const;

  Queue& queue_;
  Precision precision_;
  AttentionShape shape_;
  int tile_;
  int short_keys_;
  bool whole_ = true;     ///< every item is a whole segment
  int64_t own_rows_ = 0;  ///< of all items together

  void* memory_ = nullptr;  ///< the lists, one behind the other
  const int32_t* ancestor_rows_ = nullptr;
  const QueryBlock* blocks_ = nullptr;  ///< those of short texts first
  int64_t short_blocks_ = 0;
  int64_t block_count_ = 0;
  const KeyBlock* key_blocks_ = nullptr;
  int64_t key_block_count_ = 0;
  const Visit* visits_ = nullptr;
  const KeySum* sums_ = nullptr;
  int64_t sum_count_ = 0;
  int64_t part_count_ = 0;
};

}  // namespace plumb::cuda
