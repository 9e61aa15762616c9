#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ops/device.h"

namespace plumb {

enum class LinearMap { q, k, v, o, gate, up, down };
inline constexpr int kLinearMaps = 7;

/// Name of a map in a task's settings, and in a Hugging Face LLaMA.
struct LinearMapNames {
  const char* name;
  const char* module;
};
const LinearMapNames& names_of(LinearMap map);

/// One linear map inside the decoder.
struct Site {
  int64_t layer;
  LinearMap map;
};

/// Norms of a decoder; `last` is the one behind the layers.
enum class Norm { attention, query, key, mlp, last };

class WeightSource;

/// One named tensor of the adapter, a range of the flat buffers of values and gradients.
struct Parameter {
  std::string name;
  std::vector<int64_t> shape;
  int64_t offset;
  int64_t size;
  std::string group;    ///< parameters of one group share a rate
  bool uneven = false;  ///< in most steps only some of its rows have a gradient: its moments are never rounded
};

/// What a method adds to the frozen decoder. A method is a class of this kind in a file of its own: it names its
/// parameters and says where they enter; the decoder knows none of them.
class Adapter {
 public:
  explicit Adapter(Device& device) : device_(device), values_(device), gradients_(device) {}
  virtual ~Adapter() = default;
  Adapter(const Adapter&) = delete;
  Adapter& operator=(const Adapter&) = delete;

  const std::vector<Parameter>& parameters() const { return parameters_; }
  int64_t size() const { return size_; }
  /// Flat, in the order of parameters(). Gradients add until someone sets them to zero; they take memory from the first
  /// call on.
  const DeviceBuffer<float>& values() const { return values_; }
  DeviceBuffer<float>& values() { return values_; }
  DeviceBuffer<float>& gradients();
  /// Sets gradients to zero where there are any, for one who has an error to tell: this adds none.
  void drop_gradients() noexcept;

  /// Number of input vectors that a batch may name.
  virtual int64_t prompt_length() const { return 0; }
  /// They, [prompt length, hidden], and where their gradients add.
  virtual ConstMatrix prompt() const { return {}; }
  virtual Matrix prompt_gradient() { return {}; }

  /// Called before y = x·Wᵀ is computed: writes the method's own term into y, or adds it where `holds_value` (a
  /// residual is there already). Returns whether y now holds a value that the product must be added to.
  virtual bool forward(Site site, ConstMatrix x, Matrix y, bool holds_value) = 0;
  /// The bias [width] that forward() adds at a site where it adds nothing else, null where it adds nothing: the product
  /// may begin with it, and forward() is not called then. None: it adds more.
  virtual std::optional<const float*> bias(Site) { return std::nullopt; }
  /// Called once dy is known and dx holds what flows through the frozen map: adds to the gradients of the method's
  /// parameters at this site, and to dx what flows through the method's own term. `x` is empty unless reads_inputs().
  virtual void backward(Site site, ConstMatrix x, ConstMatrix dy, Matrix dx) = 0;
  /// Whether backward() reads the maps' inputs, which the decoder then keeps or computes again.
  virtual bool reads_inputs() const { return false; }

  /// Called before each pass. A training pass has a number of its own, which says what is drawn at random in it; the
  /// way forward and the way back, and a pass repeated after a resume, have the same one.
  virtual void begin(bool /*training*/, uint64_t /*number*/) {}
  /// Called behind the way back of a training pass.
  virtual void end() {}
  /// Called where values() were changed from outside.
  virtual void changed() {}

  /// Weights of the method's own, in place of the model's; null: the model's.
  virtual WeightSource* weights() { return nullptr; }
  /// Where the gradients add of everything that is no linear map inside the layers; null or empty: it does not train.
  virtual Matrix embedding_gradient() { return {}; }
  virtual Matrix head_gradient() { return {}; }
  virtual float* norm_gradient(Norm /*norm*/, int64_t /*layer*/) { return nullptr; }

 protected:
  void add_parameter(std::string name, std::vector<int64_t> shape, std::string group, bool uneven = false);
  /// Allocates the values, all zero. Called once, after the last add_parameter().
  void allocate();

  Device& device_;

 private:
  std::vector<Parameter> parameters_;
  int64_t size_ = 0;
  DeviceBuffer<float> values_;
  DeviceBuffer<float> gradients_;
};

}  // namespace plumb
