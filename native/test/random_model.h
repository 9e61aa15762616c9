#pragma once
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "model/weights.h"
#include "test/random.h"

namespace plumb::test {

/// A LLaMA with random float32 weights in a file of its own, which goes with the object.
class RandomModel {
 public:
  explicit RandomModel(bool tied_head = false, int64_t intermediate = 40) {
    DecoderConfig& c = table.config;
    c.hidden_size = 24;
    c.intermediate_size = intermediate;
    c.layer_count = 3;
    c.head_count = 4;
    c.kv_head_count = 2;
    c.head_size = 6;
    c.vocabulary_size = 50;
    c.norm_epsilon = 1e-5;
    c.rope_theta = 10000;
    c.context_length = 128;
    c.tied_head = tied_head;
    add("model.embed_tokens.weight", {c.vocabulary_size, c.hidden_size}, 1.0f);
    add("model.norm.weight", {c.hidden_size}, 1.0f);
    if (!tied_head) add("lm_head.weight", {c.vocabulary_size, c.hidden_size}, 1.0f);
    for (int64_t layer = 0; layer < c.layer_count; ++layer) {
      const std::string prefix = "model.layers." + std::to_string(layer) + ".";
      add(prefix + "input_layernorm.weight", {c.hidden_size}, 1.0f);
      add(prefix + "post_attention_layernorm.weight", {c.hidden_size}, 1.0f);
      for (int m = 0; m < kLinearMaps; ++m) {
        const auto map = static_cast<LinearMap>(m);
        const int64_t in = map == LinearMap::o      ? c.query_width()
                           : map == LinearMap::down ? c.intermediate_size
                                                    : c.hidden_size;
        add(prefix + names_of(map).module + ".weight", {c.output_width(map), in}, 0.4f);
      }
    }
    path_ = (std::filesystem::temp_directory_path() / ("plumb-test-" + std::to_string(::getpid()) + ".bin")).string();
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(values_.data()),
               static_cast<std::streamsize>(values_.size() * sizeof(float)));
    table.files = {path_};
  }
  ~RandomModel() { std::remove(path_.c_str()); }
  RandomModel(const RandomModel&) = delete;
  RandomModel& operator=(const RandomModel&) = delete;

  std::vector<char> file_bytes() const {
    std::ifstream in(path_, std::ios::binary);
    return std::vector<char>(std::istreambuf_iterator<char>(in), {});
  }

  ModelTable table;

 private:
  void add(const std::string& name, const std::vector<int64_t>& shape, float scale) {
    int64_t size = 1;
    for (const int64_t extent : shape) size *= extent;
    table.tensors.push_back(
        {name, ElementType::f32, shape, 0, static_cast<int64_t>(values_.size() * sizeof(float)), false});
    for (int64_t i = 0; i < size; ++i) values_.push_back(random_.value() * scale);
  }

  Random random_{11};
  std::vector<float> values_;
  std::string path_;
};

}  // namespace plumb::test
