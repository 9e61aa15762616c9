#pragma once
#include <cstdint>
#include <vector>

#include "ops/attention.h"
#include "ops/cpu/kernels.h"
#include "tensor/buffer.h"

namespace plumb {

/// Grouped-query attention over a tree of segments; scores scaled by 1 / sqrt(head size), softmax in float32.
/// queries [*, heads * size], keys and values [*, kv heads * size] with positions already turned in.
class Attention {
 public:
  Attention(AttentionShape shape, int threads);
  const AttentionShape& shape() const { return shape_; }

  /// Overwrites out[query rows, heads * size]. logsum [query rows, heads], where not empty, takes log(sum(exp(score))).
  void forward(const std::vector<AttentionItem>& items, ConstMatrix queries, ConstMatrix keys, ConstMatrix values,
               Matrix out, Matrix logsum);

  /// Overwrites dqueries; adds to dkeys and dvalues. Here queries, keys and values have the same rows.
  void backward(const std::vector<AttentionItem>& items, ConstMatrix queries, ConstMatrix keys, ConstMatrix values,
                ConstMatrix logsum, ConstMatrix dout, Matrix dqueries, Matrix dkeys, Matrix dvalues);

  /// Bytes of scratch for queries with at most `longest` visible keys.
  static int64_t scratch_bytes(AttentionShape shape, int threads, int64_t longest);

 private:
  struct Scratch {
    Buffer<float> queries, scores, out, slopes, dout, dqueries;
  };
  void forward_block(const AttentionItem& item, int64_t kv_head, int64_t first, int64_t count, ConstMatrix queries,
                     ConstMatrix keys, ConstMatrix values, Matrix out, Matrix logsum, Scratch& scratch) const;
  void backward_item(const AttentionItem& item, int64_t kv_head, ConstMatrix queries, ConstMatrix keys,
                     ConstMatrix values, ConstMatrix logsum, ConstMatrix dout, Matrix dqueries, Matrix dkeys,
                     Matrix dvalues, float* ancestor_gradient, Scratch& scratch) const;

  AttentionShape shape_;
  int threads_;
  const Kernels& kernel_;
  std::vector<Scratch> scratch_;
  Buffer<float> ancestor_gradients_;
};

}  // namespace plumb
