#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "ops/cuda/attention.h"
#include "ops/cuda/attention_tile.cuh"
#include "tensor/error.h"

namespace plumb::cuda {
namespace {

/// Visits whose gradients one block of threads adds up for its keys; more make a part each.
constexpr int64_t kVisits = 32;
constexpr int32_t kSeesAll = 1 << 30;

int32_t narrow(int64_t value) {
  return static_cast<int32_t>(value);
}

}  // namespace

struct Attention::Lists {
  std::vector<int32_t> ancestor_rows;
  std::vector<QueryBlock> blocks;
  std::vector<KeyBlock> key_blocks;
  std::vector<Visit> visits;
  std::vector<KeySum> sums;
};

Attention::Attention(Queue& queue, Staging& staging, Precision precision, const AttentionShape& shape,
                     const std::vector<AttentionItem>& items, int tile)
    : queue_(queue), precision_(precision), shape_(shape), tile_(tile) {
  const int padded = in_sixteens(static_cast<int>(shape.head_size));
  if (tile_ == 0) {
    tile_ = kMostTile;
    while (precision == Precision::float32 && tile_ > 16 && !attention_float_fits(tile_, padded, queue.shared_limit()))
      tile_ -= 16;
  }
  if (shape.group() > tile_ || shape.head_size > kMostHead)
    fail("device", "GPU: attention with heads of " + std::to_string(shape.head_size) + " in groups of " +
                       std::to_string(shape.group()) + " is not supported; up to " + std::to_string(kMostHead) +
                       " and " + std::to_string(tile_) + " are");

  for (const AttentionItem& item : items) {
    own_rows_ += item.own.count;
    whole_ = whole_ && item.query == item.own.first && item.count == item.own.count;
  }
  Lists lists = list_blocks(items);
  if (whole_) list_keys(items, lists);
  upload(lists, staging);
}

Attention::~Attention() {
  queue_.take_back(memory_);
}

Attention::Lists Attention::list_blocks(const std::vector<AttentionItem>& items) const {
  Lists lists;
  std::map<std::vector<std::pair<int64_t, int64_t>>, int32_t> places;  // equal ancestors are listed once
  const int64_t each = tile_ / shape_.group();
  for (const AttentionItem& item : items) {
    std::vector<std::pair<int64_t, int64_t>> spans;
    for (const RowSpan& span : item.ancestors)
      if (span.count > 0) spans.emplace_back(span.first, span.count);
    const auto [place, is_new] = places.emplace(spans, narrow(static_cast<int64_t>(lists.ancestor_rows.size())));
    if (is_new)
      for (const auto& [first, count] : spans)
        for (int64_t r = first; r < first + count; ++r) lists.ancestor_rows.push_back(narrow(r));
    for (int64_t first = 0; first < item.count; first += each)
      lists.blocks.push_back({narrow(item.query + first), narrow(std::min(each, item.count - first)), place->second,
                              narrow(item.ancestor_rows()), narrow(item.own.first),
                              narrow(item.own.count - item.count + first)});
  }
  return lists;
}

void Attention::list_keys(const std::vector<AttentionItem>& items, Lists& lists) const {
  // Keys are cut where some segment begins or ends: whoever sees one key of a piece sees all, but for its own segment.
  std::vector<int64_t> cuts;
  for (const AttentionItem& item : items) {
    cuts.insert(cuts.end(), {item.own.first, item.own.first + item.own.count});
    for (const RowSpan& span : item.ancestors) cuts.insert(cuts.end(), {span.first, span.first + span.count});
  }
  std::sort(cuts.begin(), cuts.end());
  struct Piece {
    int64_t first, count;
    std::vector<Visit> visits;
  };
  std::vector<Piece> pieces;
  for (const AttentionItem& item : items)
    for (int64_t first = item.own.first; first < item.own.first + item.own.count;) {
      const auto cut = std::upper_bound(cuts.begin(), cuts.end(), first);
      const int64_t count = std::min<int64_t>(tile_, *cut - first);
      pieces.push_back({first, count, {}});
      first += count;
    }
  std::sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.first < b.first; });

  const int64_t each = tile_ / shape_.group();
  const auto visit = [&](const AttentionItem& item, int64_t first, int64_t count, bool own) {
    const auto begin = std::lower_bound(pieces.begin(), pieces.end(), first,
                                        [](const Piece& piece, int64_t row) { return piece.first < row; });
    for (auto piece = begin; piece != pieces.end() && piece->first < first + count; ++piece)
      for (int64_t query = 0; query < item.count; query += each) {
        const int64_t queries = std::min(each, item.count - query);
        const int64_t diagonal = own ? query - (piece->first - first) : kSeesAll;
        if (diagonal + queries > 0)
          piece->visits.push_back({narrow(item.query + query), narrow(queries), narrow(diagonal)});
      }
  };
  for (const AttentionItem& item : items) {
    visit(item, item.own.first, item.own.count, true);
    for (const RowSpan& span : item.ancestors) visit(item, span.first, span.count, false);
  }

  int32_t parts = 0;
  for (const Piece& piece : pieces) {
    const auto count = static_cast<int64_t>(piece.visits.size());
    const bool whole = count <= kVisits;
    if (!whole) lists.sums.push_back({narrow(piece.first), narrow(piece.count), parts, 0});
    for (int64_t first = 0; first < std::max<int64_t>(1, count); first += kVisits) {
      lists.key_blocks.push_back({narrow(piece.first), narrow(piece.count),
                                  narrow(static_cast<int64_t>(lists.visits.size()) + first),
                                  narrow(std::min(kVisits, count - first)), whole ? -1 : parts});
      if (whole) continue;
      ++parts;
      ++lists.sums.back().parts;
    }
    lists.visits.insert(lists.visits.end(), piece.visits.begin(), piece.visits.end());
  }
}

void Attention::upload(const Lists& lists, Staging& staging) {
  int64_t bytes = 0;
  const auto room = [&](const auto& list) {
    const int64_t at = bytes;
    bytes += (static_cast<int64_t>(list.size() * sizeof list[0]) + 15) / 16 * 16;
    return at;
  };
  const int64_t ancestors = room(lists.ancestor_rows);
  const int64_t blocks = room(lists.blocks);
  const int64_t key_blocks = room(lists.key_blocks);
  const int64_t visits = room(lists.visits);
  const int64_t sums = room(lists.sums);
  if (lists.blocks.empty()) return;
  std::vector<uint8_t> host(static_cast<size_t>(bytes));
  const auto put = [&](int64_t at, const auto& list) {
    std::copy_n(reinterpret_cast<const uint8_t*>(list.data()), list.size() * sizeof list[0],
                host.data() + static_cast<size_t>(at));
  };
  put(ancestors, lists.ancestor_rows);
  put(blocks, lists.blocks);
  put(key_blocks, lists.key_blocks);
  put(visits, lists.visits);
  put(sums, lists.sums);
  memory_ = queue_.lend(bytes);
  staging.upload(host.data(), memory_.data, bytes);

  auto* base = static_cast<uint8_t*>(memory_.data);
  ancestor_rows_ = reinterpret_cast<const int32_t*>(base + ancestors);
  blocks_ = reinterpret_cast<const QueryBlock*>(base + blocks);
  key_blocks_ = reinterpret_cast<const KeyBlock*>(base + key_blocks);
  visits_ = reinterpret_cast<const Visit*>(base + visits);
  sums_ = reinterpret_cast<const KeySum*>(base + sums);
  block_count_ = static_cast<int64_t>(lists.blocks.size());
  key_block_count_ = static_cast<int64_t>(lists.key_blocks.size());
  sum_count_ = static_cast<int64_t>(lists.sums.size());
  for (const KeySum& sum : lists.sums) part_count_ += sum.parts;
}

}  // namespace plumb::cuda
