#pragma once
#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/weight_source.h"
#include "ops/cpu/kernels.h"
#include "ops/device.h"
#include "tensor/element_type.h"
#include "tensor/mapped_file.h"

namespace plumb {

/// One tensor of the model's table: where it lies and how it is written.
struct TensorEntry {
  std::string name;
  ElementType type;
  std::vector<int64_t> shape;
  int64_t file;
  int64_t offset;
  bool interleaved_rows;  ///< rows of q and k in GGUF's order
};

struct ModelTable {
  std::vector<std::string> files;
  std::vector<TensorEntry> tensors;
  DecoderConfig config;
};

/// The frozen weights of a model, mapped from its files. A matrix is turned to the product's type when it is used: kept
/// so, or (`keep` false) made anew in scratch each time. Either way the process lets go of the file's pages behind it.
/// What has that type already is used in place. Calls are made from one thread at a time.
class ModelWeights final : public WeightSource {
 public:
  /// Throws "model-file" or "model-tensor" naming what is missing, misshapen or outside its file.
  ModelWeights(const ModelTable& table, Device& device, bool keep);

  const DecoderConfig& config() const override { return config_; }
  const float* attention_norm(int64_t layer) const override { return norms_[static_cast<size_t>(2 * layer)].data(); }
  const float* mlp_norm(int64_t layer) const override { return norms_[static_cast<size_t>(2 * layer + 1)].data(); }
  const float* final_norm() const override { return norms_.back().data(); }
  const float* query_norm(int64_t layer) const override { return head_norms_[static_cast<size_t>(2 * layer)].data(); }
  const float* key_norm(int64_t layer) const override { return head_norms_[static_cast<size_t>(2 * layer + 1)].data(); }
  const float* bias(int64_t layer, LinearMap map) const override {
    const DeviceBuffer<float>& bias = biases_[static_cast<size_t>(layer)][static_cast<size_t>(map)];
    return bias.empty() ? nullptr : bias.data();
  }
  Weights group(int64_t layer, MapGroup group) override;
  Weights head(int64_t first, int64_t count) override;
  int64_t head_block() const override;
  Encoded embedding_table() override { return placed(embedding_); }
  Encoded head_table() override { return placed(head_); }

  /// One row of the embedding, for the processor.
  void embedding_row(int64_t token, float* out) const;
  /// A map's weights in float32, [out, in], rows in Hugging Face's order; `out` is the device's.
  void decode_map(int64_t layer, LinearMap map, float* out);
  /// Any parameter by its Hugging Face name, in float32, rows in Hugging Face's order, for the processor. Throws
  /// "argument" where there is none of that name.
  std::vector<float> read(const std::string& name) const;

  /// Bytes that matrices take besides the file's once all are in use: converted ones, and copies on a device that has
  /// memory of its own. `head`: whether products with the whole head occur.
  int64_t converted_bytes(bool head) const;

 private:
  /// A matrix in its file.
  struct Stored {
    Encoded encoded;
    const MappedFile* file = nullptr;
    int64_t rows() const { return encoded.rows; }
    int64_t cols() const { return encoded.cols; }
  };
  using Converted = DeviceBuffer<uint8_t>;

  Stored find(const std::map<std::string, const TensorEntry*>& table, const std::string& name, int64_t rows,
              int64_t cols) const;
  /// The matrix where the device reads it: in its file, or copied, for good.
  Encoded placed(const Stored& matrix);
  /// `out` = its rows in a given type. A copy for the device alone is dropped again where `keep_` says so.
  void decode(const Stored& matrix, int64_t first, int64_t count, Precision precision, void* out);
  std::vector<float> decoded(const Stored& matrix) const;
  bool in_place(const Stored& matrix) const;
  Weights gather(const Stored* matrices, size_t count, Converted& target);
  int64_t product_bytes() const { return bytes_of(precision_); }
  /// Bytes of matrices in the file's form, on a device that has memory of its own.
  int64_t placed_bytes() const;

  DecoderConfig config_;
  Precision precision_;
  bool keep_;
  Device& device_;
  const Kernels& kernel_;
  std::vector<std::unique_ptr<MappedFile>> files_;
  std::vector<DeviceBuffer<float>> norms_, head_norms_;
  std::vector<std::vector<DeviceBuffer<float>>> biases_;  ///< a layer's by LinearMap
  std::vector<std::array<Stored, kLinearMaps>> layers_;
  Stored embedding_;
  Stored head_;
  std::map<const uint8_t*, Converted> placed_;
  std::vector<std::vector<Converted>> kept_;  ///< a layer's by MapGroup
  std::vector<Converted> scratch_;
  Converted head_scratch_;
  bool head_kept_ = false;
};

}  // namespace plumb
