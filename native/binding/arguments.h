#pragma once
#include <napi.h>

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "binding/gpus.h"
#include "train/session.h"

/// From JavaScript's values to the engine's, with every type and range checked. Each throws Napi::Error with code
/// "argument" and a sentence that names the field.
namespace plumb {

ModelTable to_table(const Napi::Value& value);
/// How a model is opened, and where. Without a precision the device's best one counts.
struct OpenOptions {
  Place place;
  std::optional<Precision> precision;
  ModelOptions model;
};
OpenOptions to_open_options(const Napi::Value& value);
MethodSpec to_method(const Napi::Value& value);
Tree to_tree(const Napi::Value& value);
Batch to_batch(const Napi::Value& value);
StepOptions to_step_options(const Napi::Value& value);
GenerateOptions to_generate_options(const Napi::Value& value);
SessionOptions to_session_options(const Napi::Object& options);
/// Numbers of a state list.
using StatePart = std::variant<std::vector<float>, std::vector<uint8_t>>;
StatePart to_state_part(const Napi::Value& value, const char* name);

std::string to_string(const Napi::Value& value, const char* name);
std::vector<int32_t> to_int32s(const Napi::Value& value, const char* name);
std::vector<float> to_floats(const Napi::Value& value, const char* name);
int64_t to_integer(const Napi::Value& value, const char* name);
bool to_bool(const Napi::Value& value, const char* name, bool otherwise);
Napi::Object to_object(const Napi::Value& value, const char* name);

Napi::Float32Array from_floats(Napi::Env env, const std::vector<float>& values);
Napi::Int32Array from_int32s(Napi::Env env, const std::vector<int32_t>& values);
Napi::Value from_state_part(Napi::Env env, const StatePart& part);

}  // namespace plumb
