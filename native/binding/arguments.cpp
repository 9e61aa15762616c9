#include "binding/arguments.h"

#include <cmath>
#include <cstring>

#include "binding/engine_thread.h"

namespace plumb {
namespace {

[[noreturn]] void refuse(const Napi::Value& value, const std::string& name, const char* expected) {
  throw make_error(value.Env(), "argument", name + ": expected " + expected);
}

double to_number(const Napi::Value& value, const char* name) {
  if (!value.IsNumber()) refuse(value, name, "a number");
  return value.As<Napi::Number>().DoubleValue();
}

double to_number(const Napi::Value& value, const char* name, double otherwise) {
  return value.IsUndefined() ? otherwise : to_number(value, name);
}

std::string to_string(const Napi::Value& value, const char* name, const char* otherwise) {
  return value.IsUndefined() ? otherwise : plumb::to_string(value, name);
}

Napi::Array to_array(const Napi::Value& value, const char* name) {
  if (!value.IsArray()) refuse(value, name, "an array");
  return value.As<Napi::Array>();
}

template <typename T>
std::vector<T> typed_array(const Napi::Value& value, const char* name, napi_typedarray_type type,
                           const char* expected) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) refuse(value, name, expected);
  const auto array = value.As<Napi::TypedArrayOf<T>>();
  // Copied: the caller may write to its array while the engine works.
  return std::vector<T>(array.Data(), array.Data() + array.ElementLength());
}

}  // namespace

std::string to_string(const Napi::Value& value, const char* name) {
  if (!value.IsString()) refuse(value, name, "a string");
  return value.As<Napi::String>().Utf8Value();
}

std::vector<int32_t> to_int32s(const Napi::Value& value, const char* name) {
  return typed_array<int32_t>(value, name, napi_int32_array, "an Int32Array");
}

std::vector<float> to_floats(const Napi::Value& value, const char* name) {
  return typed_array<float>(value, name, napi_float32_array, "a Float32Array");
}

int64_t to_integer(const Napi::Value& value, const char* name) {
  const double number = to_number(value, name);
  if (number != std::floor(number) || std::abs(number) > 9007199254740991.0) refuse(value, name, "a whole number");
  return static_cast<int64_t>(number);
}

bool to_bool(const Napi::Value& value, const char* name, bool otherwise) {
  if (value.IsUndefined()) return otherwise;
  if (!value.IsBoolean()) refuse(value, name, "true or false");
  return value.As<Napi::Boolean>().Value();
}

Napi::Object to_object(const Napi::Value& value, const char* name) {
  if (!value.IsObject()) refuse(value, name, "an object");
  return value.As<Napi::Object>();
}

ModelTable to_table(const Napi::Value& value) {
  const Napi::Object object = to_object(value, "table");
  ModelTable table;
  const Napi::Array files = to_array(object.Get("files"), "table.files");
  for (uint32_t i = 0; i < files.Length(); ++i) table.files.push_back(to_string(files.Get(i), "table.files"));
  const Napi::Array tensors = to_array(object.Get("tensors"), "table.tensors");
  for (uint32_t i = 0; i < tensors.Length(); ++i) {
    const Napi::Object entry = to_object(tensors.Get(i), "table.tensors");
    TensorEntry tensor;
    tensor.name = to_string(entry.Get("name"), "table.tensors.name");
    tensor.type = element_type(to_string(entry.Get("type"), "table.tensors.type"));
    const Napi::Array shape = to_array(entry.Get("shape"), "table.tensors.shape");
    for (uint32_t d = 0; d < shape.Length(); ++d)
      tensor.shape.push_back(to_integer(shape.Get(d), "table.tensors.shape"));
    tensor.file = to_integer(entry.Get("file"), "table.tensors.file");
    tensor.offset = to_integer(entry.Get("offset"), "table.tensors.offset");
    const std::string rows = to_string(entry.Get("rows"), "table.tensors.rows", "");
    if (!rows.empty() && rows != "interleaved") refuse(value, "table.tensors.rows", "\"interleaved\" or nothing");
    tensor.interleaved_rows = !rows.empty();
    table.tensors.push_back(std::move(tensor));
  }
  const Napi::Object config = to_object(object.Get("config"), "table.config");
  DecoderConfig& c = table.config;
  c.hidden_size = to_integer(config.Get("hiddenSize"), "table.config.hiddenSize");
  c.intermediate_size = to_integer(config.Get("intermediateSize"), "table.config.intermediateSize");
  c.layer_count = to_integer(config.Get("layerCount"), "table.config.layerCount");
  c.head_count = to_integer(config.Get("headCount"), "table.config.headCount");
  c.kv_head_count = to_integer(config.Get("kvHeadCount"), "table.config.kvHeadCount");
  c.head_size = to_integer(config.Get("headSize"), "table.config.headSize");
  c.vocabulary_size = to_integer(config.Get("vocabularySize"), "table.config.vocabularySize");
  c.context_length = to_integer(config.Get("contextLength"), "table.config.contextLength");
  c.norm_epsilon = to_number(config.Get("normEpsilon"), "table.config.normEpsilon");
  c.rope_theta = to_number(config.Get("ropeTheta"), "table.config.ropeTheta");
  c.tied_head = to_bool(config.Get("tiedHead"), "table.config.tiedHead", false);
  c.query_key_norm = to_bool(config.Get("queryKeyNorm"), "table.config.queryKeyNorm", false);
  if (!config.Get("ropeFactors").IsUndefined()) {
    const Napi::Array factors = to_array(config.Get("ropeFactors"), "table.config.ropeFactors");
    for (uint32_t i = 0; i < factors.Length(); ++i)
      c.rope_factors.push_back(static_cast<float>(to_number(factors.Get(i), "table.config.ropeFactors")));
  }
  return table;
}

OpenOptions to_open_options(const Napi::Value& value) {
  OpenOptions options;
  options.model.precision = best_precision();
  if (value.IsUndefined()) return options;
  const Napi::Object object = to_object(value, "options");
  const double threads = to_number(object.Get("threads"), "options.threads", 0);
  if (!(threads >= 0 && threads <= 1024) || threads != std::floor(threads))
    refuse(value, "options.threads", "a whole number from 1 to 1024");
  options.model.threads = static_cast<int>(threads);
  options.place = to_place(to_string(object.Get("device"), "options.device", "cpu"));
  const std::string precision = to_string(object.Get("precision"), "options.precision", "auto");
  if (precision == "float32")
    options.precision = Precision::float32;
  else if (precision == "bfloat16")
    options.precision = Precision::bfloat16;
  else if (precision != "auto")
    refuse(value, "options.precision", "\"auto\", \"float32\" or \"bfloat16\"");
  if (options.place.gpus.empty() && options.precision == Precision::bfloat16 && !cpu_features().avx512_bf16)
    throw make_error(
        value.Env(), "precision",
        "this processor has no bfloat16 products (AVX512-BF16); use the precision \"float32\" or \"auto\"");
  options.model.precision = options.precision.value_or(options.model.precision);
  const std::string weights = to_string(object.Get("weights"), "options.weights", "keep");
  if (weights != "keep" && weights != "stream") refuse(value, "options.weights", "\"keep\" or \"stream\"");
  options.model.keep_weights = weights == "keep";
  return options;
}

MethodSpec to_method(const Napi::Value& value) {
  const Napi::Object object = to_object(value, "method");
  const auto to_maps = [&](const Napi::Value& names, const char* field) {
    const Napi::Array array = to_array(names, field);
    std::vector<LinearMap> maps;
    for (uint32_t i = 0; i < array.Length(); ++i) {
      const std::string name = to_string(array.Get(i), field);
      int map = 0;
      while (map < kLinearMaps && name != names_of(static_cast<LinearMap>(map)).name) ++map;
      if (map == kLinearMaps) refuse(value, field, "names among q, k, v, o, gate, up, down");
      maps.push_back(static_cast<LinearMap>(map));
    }
    return maps;
  };
  MethodSpec method;
  method.prompt.left = to_integer(object.Get("promptLength"), "method.promptLength");
  if (!object.Get("promptRight").IsUndefined())
    method.prompt.right = to_integer(object.Get("promptRight"), "method.promptRight");
  const std::string encoder = to_string(object.Get("promptEncoder"), "method.promptEncoder", "none");
  if (encoder == "mlp")
    method.prompt.encoder = EncoderKind::mlp;
  else if (encoder == "lstm")
    method.prompt.encoder = EncoderKind::lstm;
  else if (encoder != "none")
    refuse(value, "method.promptEncoder", "\"none\", \"mlp\" or \"lstm\"");
  method.biases = to_maps(object.Get("biases"), "method.biases");
  method.full = to_bool(object.Get("full"), "method.full", false);
  if (!object.Get("lora").IsUndefined()) {
    const Napi::Object lora = to_object(object.Get("lora"), "method.lora");
    method.lora = {to_integer(lora.Get("rank"), "method.lora.rank"), to_number(lora.Get("alpha"), "method.lora.alpha"),
                   to_number(lora.Get("dropout"), "method.lora.dropout"),
                   to_maps(lora.Get("maps"), "method.lora.maps")};
  }
  return method;
}

Tree to_tree(const Napi::Value& value) {
  const Napi::Object object = to_object(value, "batch");
  Tree tree;
  tree.tokens = to_int32s(object.Get("tokens"), "batch.tokens");
  tree.lengths = to_int32s(object.Get("segmentLength"), "batch.segmentLength");
  tree.parents = to_int32s(object.Get("segmentParent"), "batch.segmentParent");
  return tree;
}

Batch to_batch(const Napi::Value& value) {
  Batch batch;
  batch.tree = to_tree(value);
  const Napi::Object object = value.As<Napi::Object>();
  Questions& q = batch.questions;
  q.choice_row = to_int32s(object.Get("choiceRow"), "batch.choiceRow");
  q.choice_start = to_int32s(object.Get("choiceStart"), "batch.choiceStart");
  q.candidates = to_int32s(object.Get("candidates"), "batch.candidates");
  q.choice_answer = to_int32s(object.Get("choiceAnswer"), "batch.choiceAnswer");
  q.choice_weight = to_floats(object.Get("choiceWeight"), "batch.choiceWeight");
  q.target_row = to_int32s(object.Get("targetRow"), "batch.targetRow");
  q.target_token = to_int32s(object.Get("targetToken"), "batch.targetToken");
  q.target_weight = to_floats(object.Get("targetWeight"), "batch.targetWeight");
  return batch;
}

StepOptions to_step_options(const Napi::Value& value) {
  const Napi::Object object = to_object(value, "step");
  StepOptions options;
  const Napi::Object rates = to_object(object.Get("rates"), "step.rates");
  const Napi::Array groups = rates.GetPropertyNames();
  for (uint32_t i = 0; i < groups.Length(); ++i) {
    const std::string group = groups.Get(i).ToString().Utf8Value();
    const Napi::Value rate = rates.Get(group);
    if (!rate.IsUndefined()) options.rates[group] = to_number(rate, "step.rates");
  }
  options.max_norm = to_number(object.Get("maxNorm"), "step.maxNorm");
  options.beta1 = to_number(object.Get("beta1"), "step.beta1");
  options.beta2 = to_number(object.Get("beta2"), "step.beta2");
  options.epsilon = to_number(object.Get("epsilon"), "step.epsilon");
  options.weight_decay = to_number(object.Get("weightDecay"), "step.weightDecay");
  return options;
}

GenerateOptions to_generate_options(const Napi::Value& value) {
  const Napi::Object object = to_object(value, "generate");
  GenerateOptions options;
  options.leaves = to_int32s(object.Get("leaves"), "generate.leaves");
  options.max_tokens = to_integer(object.Get("maxTokens"), "generate.maxTokens");
  options.end_tokens = to_int32s(object.Get("endTokens"), "generate.endTokens");
  options.temperature = to_number(object.Get("temperature"), "generate.temperature");
  options.top_p = to_number(object.Get("topP"), "generate.topP");
  const int64_t seed = to_integer(object.Get("seed"), "generate.seed");
  if (seed < 0) refuse(value, "generate.seed", "a whole number from 0");
  options.seed = static_cast<uint64_t>(seed);
  return options;
}

SessionOptions to_session_options(const Napi::Object& object) {
  SessionOptions options;
  options.checkpoint = to_bool(object.Get("checkpoint"), "options.checkpoint", false);
  const std::string optimizer = to_string(object.Get("optimizer"), "options.optimizer", "adamw");
  if (optimizer == "adamw-8bit")
    options.moments = MomentBits::most8;
  else if (optimizer != "adamw")
    refuse(object, "options.optimizer", "\"adamw\" or \"adamw-8bit\"");
  return options;
}

StatePart to_state_part(const Napi::Value& value, const char* name) {
  if (value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array)
    return typed_array<uint8_t>(value, name, napi_uint8_array, "a Uint8Array");
  return typed_array<float>(value, name, napi_float32_array, "a Float32Array or a Uint8Array");
}

Napi::Float32Array from_floats(Napi::Env env, const std::vector<float>& values) {
  Napi::Float32Array array = Napi::Float32Array::New(env, values.size());
  if (!values.empty()) std::memcpy(array.Data(), values.data(), values.size() * sizeof(float));
  return array;
}

Napi::Value from_state_part(Napi::Env env, const StatePart& part) {
  if (const auto* floats = std::get_if<std::vector<float>>(&part)) return from_floats(env, *floats);
  const auto& bytes = std::get<std::vector<uint8_t>>(part);
  Napi::Uint8Array array = Napi::Uint8Array::New(env, bytes.size());
  if (!bytes.empty()) std::memcpy(array.Data(), bytes.data(), bytes.size());
  return array;
}

Napi::Int32Array from_int32s(Napi::Env env, const std::vector<int32_t>& values) {
  Napi::Int32Array array = Napi::Int32Array::New(env, values.size());
  if (!values.empty()) std::memcpy(array.Data(), values.data(), values.size() * sizeof(int32_t));
  return array;
}

}  // namespace plumb
