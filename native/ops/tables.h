#pragma once
#include <algorithm>
#include <cstring>
#include <vector>

#include "ops/device.h"

namespace plumb {

/// Lists of numbers that a pass needs, brought to the device in one go. Pointers are good from upload() to clear().
class Tables {
 public:
  /// Where a list stands.
  struct Place {
    size_t first = 0;
  };
  /// Where the lists of a RowSums stand.
  struct Sums {
    int64_t count = 0;
    Place targets, starts, sources, scales;
  };

  explicit Tables(Memory& memory) : memory_(memory), data_(memory) {}

  void clear() { host_.clear(); }
  template <typename T>
  Place add(const std::vector<T>& list) {
    const Place place{host_.size()};
    for (const T value : list) host_.push_back(static_cast<int32_t>(value));
    return place;
  }
  Place add(const std::vector<float>& list) {
    const Place place{host_.size()};
    host_.resize(host_.size() + list.size());
    if (!list.empty()) std::memcpy(host_.data() + place.first, list.data(), list.size() * sizeof(float));
    return place;
  }
  /// Entry i adds row sources[i], times the scale at index i, to row targets[i]; nothing where that is below 0.
  Sums add_sums(const std::vector<int64_t>& targets, const std::vector<int64_t>& sources) {
    std::vector<size_t> order;
    for (size_t i = 0; i < targets.size(); ++i)
      if (targets[i] >= 0) order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return targets[a] < targets[b]; });
    std::vector<int64_t> unique, starts, rows, entries;
    for (const size_t entry : order) {
      if (unique.empty() || unique.back() != targets[entry]) {
        unique.push_back(targets[entry]);
        starts.push_back(static_cast<int64_t>(rows.size()));
      }
      rows.push_back(sources[entry]);
      entries.push_back(static_cast<int64_t>(entry));
    }
    starts.push_back(static_cast<int64_t>(rows.size()));
    return {static_cast<int64_t>(unique.size()), add(unique), add(starts), add(rows), add(entries)};
  }
  void upload() {
    data_.resize(static_cast<int64_t>(host_.size()));
    memory_.upload(host_.data(), data_.data(), bytes_of<int32_t>(static_cast<int64_t>(host_.size())));
  }

  const int32_t* ints(Place place) const { return data_.data() + place.first; }
  const float* floats(Place place) const { return reinterpret_cast<const float*>(ints(place)); }
  RowSums sums(const Sums& at) const {
    return {at.count, ints(at.targets), ints(at.starts), ints(at.sources), ints(at.scales)};
  }

 private:
  Memory& memory_;
  std::vector<int32_t> host_;
  DeviceBuffer<int32_t> data_;
};

}  // namespace plumb
