#include <napi.h>

#include <algorithm>
#include <memory>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "binding/arguments.h"
#include "binding/engine_thread.h"
#include "ops/cpu/product.h"

namespace plumb {
namespace {

/// What one JavaScript environment holds of the addon.
struct Addon {
  explicit Addon(Napi::Env env) : thread(env) {}
  EngineThread thread;
  Napi::FunctionReference model_class;
  Napi::FunctionReference session_class;
};

Addon& addon(Napi::Env env) {
  return *env.GetInstanceData<Addon>();
}

/// What a constructor made inside the addon is given; JavaScript cannot make one.
template <typename T>
Napi::Value instantiate(Napi::Env env, const Napi::FunctionReference& constructor, std::shared_ptr<T> object) {
  return constructor.New({Napi::External<std::shared_ptr<T>>::New(env, &object)});
}

template <typename T>
std::shared_ptr<T> given(const Napi::CallbackInfo& info) {
  if (info.Length() != 1 || !info[0].IsExternal())
    throw make_error(info.Env(), "argument", "models and sessions are made by openModel and openSession");
  return *info[0].As<Napi::External<std::shared_ptr<T>>>().Data();
}

const char* precision_name(Precision precision) {
  return precision == Precision::bfloat16 ? "bfloat16" : "float32";
}

/// Runs a body that the engine's own errors may leave, on JavaScript's thread.
template <typename F>
auto translated(Napi::Env env, F&& body) {
  try {
    return body();
  } catch (const EngineError& error) {
    throw make_error(env, error.code, error.what());
  }
}

class SessionObject : public Napi::ObjectWrap<SessionObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "Session",
        {InstanceMethod("accumulate", &SessionObject::accumulate), InstanceMethod("step", &SessionObject::step),
         InstanceMethod("score", &SessionObject::score), InstanceMethod("generate", &SessionObject::generate),
         InstanceMethod("stateLists", &SessionObject::state_lists),
         InstanceMethod("readState", &SessionObject::read_state),
         InstanceMethod("writeState", &SessionObject::write_state), InstanceMethod("resume", &SessionObject::resume),
         InstanceMethod("read", &SessionObject::read), InstanceMethod("write", &SessionObject::write),
         InstanceMethod("gradient", &SessionObject::gradient), InstanceMethod("prompt", &SessionObject::prompt),
         InstanceMethod("cancel", &SessionObject::cancel), InstanceMethod("close", &SessionObject::close),
         InstanceAccessor("parameters", &SessionObject::parameters, nullptr)});
  }

  explicit SessionObject(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<SessionObject>(info), session_(given<DataParallel>(info)) {}

 private:
  std::shared_ptr<DataParallel> open(Napi::Env env) const {
    if (!session_) throw make_error(env, "closed", "the session is closed");
    return session_;
  }

  /// Queues work on the session; `Value` travels from the engine's thread to `convert`. `Checks` tells that the work
  /// itself looks whether it was cancelled while it waited.
  template <typename Value, bool Checks = false, typename Work, typename Convert>
  Napi::Value queue(const Napi::CallbackInfo& info, Work work, Convert convert) {
    auto session = open(info.Env());
    auto value = std::make_shared<Value>();
    const uint64_t epoch = session->cancellation().epoch();
    return addon(info.Env())
        .thread.run(
            info.Env(),
            [session, value, work, epoch]() mutable {
              session->cancellation().begin(epoch);
              if (!Checks) session->cancellation().check();
              *value = work(*session);
            },
            [value, convert](Napi::Env env) { return convert(env, *value); },
            [session] { session->cancellation().request(); });
  }

  Napi::Value accumulate(const Napi::CallbackInfo& info) {
    std::vector<Batch> batches;
    for (size_t i = 0; i < std::max<size_t>(1, info.Length()); ++i) batches.push_back(to_batch(info[i]));
    return queue<double, true>(
        info, [batches = std::move(batches)](DataParallel& session) mutable { return session.accumulate(batches); },
        [](Napi::Env env, double loss) -> Napi::Value {
          Napi::Object result = Napi::Object::New(env);
          result.Set("loss", loss);
          return result;
        });
  }

  Napi::Value step(const Napi::CallbackInfo& info) {
    return queue<StepResult>(
        info, [options = to_step_options(info[0])](DataParallel& session) { return session.step(options); },
        [](Napi::Env env, const StepResult& step) -> Napi::Value {
          Napi::Object result = Napi::Object::New(env);
          result.Set("gradientNorm", step.gradient_norm);
          result.Set("parameterNorm", step.parameter_norm);
          return result;
        });
  }

  Napi::Value score(const Napi::CallbackInfo& info) {
    return queue<Answers>(
        info, [batch = to_batch(info[0])](DataParallel& session) mutable { return session.first().score(batch); },
        [](Napi::Env env, const Answers& answers) -> Napi::Value {
          Napi::Object result = Napi::Object::New(env);
          result.Set("choices", from_floats(env, answers.choices));
          result.Set("targets", from_floats(env, answers.targets));
          return result;
        });
  }

  Napi::Value generate(const Napi::CallbackInfo& info) {
    using Texts = std::vector<std::vector<int32_t>>;
    return queue<Texts>(
        info,
        [tree = to_tree(info[0]), options = to_generate_options(info[1])](DataParallel& session) mutable {
          return session.first().generate(tree, options);
        },
        [](Napi::Env env, const Texts& texts) -> Napi::Value {
          Napi::Array result = Napi::Array::New(env, texts.size());
          for (size_t i = 0; i < texts.size(); ++i) result.Set(static_cast<uint32_t>(i), from_int32s(env, texts[i]));
          return result;
        });
  }

  Napi::Value state_lists(const Napi::CallbackInfo& info) {
    using Lists = std::vector<StateList>;
    return queue<Lists>(
        info, [](DataParallel& session) { return session.first().state(); },
        [](Napi::Env env, const Lists& lists) -> Napi::Value {
          Napi::Array result = Napi::Array::New(env, lists.size());
          for (size_t i = 0; i < lists.size(); ++i) {
            Napi::Object entry = Napi::Object::New(env);
            entry.Set("name", lists[i].name);
            entry.Set("type", std::holds_alternative<DeviceBuffer<float>*>(lists[i].values) ? "f32" : "u8");
            entry.Set("size", static_cast<double>(lists[i].size()));
            result.Set(static_cast<uint32_t>(i), entry);
          }
          return result;
        });
  }

  /// A list of the session's state that has elements [first, first + count). Throws "state".
  static StateList list_of(Session& session, const std::string& name, int64_t first, int64_t count) {
    for (StateList& list : session.state()) {
      if (list.name != name) continue;
      if (first < 0 || count < 0 || count > list.size() || first > list.size() - count)
        fail("state", "state: elements " + std::to_string(first) + " to " + std::to_string(first + count) + " of \"" +
                          name + "\", which has " + std::to_string(list.size()) +
                          "; it was saved with another method or base model");
      return list;
    }
    fail("state", "state: this method has no list \"" + name + "\"; it was saved with another method");
  }

  Napi::Value read_state(const Napi::CallbackInfo& info) {
    return queue<StatePart>(
        info,
        [name = to_string(info[0], "list"), first = to_integer(info[1], "first"),
         count = to_integer(info[2], "count")](DataParallel& session) {
          return std::visit(
              [&](const auto* values) -> StatePart {
                std::vector<std::decay_t<decltype(*values->data())>> part(static_cast<size_t>(count));
                values->read(part.data(), count, first);
                return part;
              },
              list_of(session.first(), name, first, count).values);
        },
        [](Napi::Env env, const StatePart& part) { return from_state_part(env, part); });
  }

  Napi::Value write_state(const Napi::CallbackInfo& info) {
    return queue<bool>(
        info,
        [name = to_string(info[0], "list"), first = to_integer(info[1], "first"),
         part = to_state_part(info[2], "values")](DataParallel& sessions) {
          std::visit(
              [&](const auto& given) {
                using Values = DeviceBuffer<typename std::decay_t<decltype(given)>::value_type>;
                const auto count = static_cast<int64_t>(given.size());
                sessions.each([&](Session& session) {
                  const StateList list = list_of(session, name, first, count);
                  auto* const* values = std::get_if<Values*>(&list.values);
                  if (values == nullptr) fail("state", "state: \"" + name + "\" has values of another type");
                  (*values)->write(given.data(), count, first);
                });
              },
              part);
          return true;
        },
        [](Napi::Env env, bool) { return env.Undefined(); });
  }

  Napi::Value resume(const Napi::CallbackInfo& info) {
    return queue<bool>(
        info,
        [steps = to_integer(info[0], "steps")](DataParallel& session) {
          session.resume(steps);
          return true;
        },
        [](Napi::Env env, bool) { return env.Undefined(); });
  }

  template <typename Pick>
  Napi::Value copy_out(const Napi::CallbackInfo& info, Pick pick) {
    return queue<std::vector<float>>(
        info, [pick](DataParallel& session) { return pick(session.first().adapter()).read(); },
        [](Napi::Env env, const std::vector<float>& values) -> Napi::Value { return from_floats(env, values); });
  }

  Napi::Value read(const Napi::CallbackInfo& info) {
    return copy_out(info, [](Adapter& adapter) -> const DeviceBuffer<float>& { return adapter.values(); });
  }

  Napi::Value gradient(const Napi::CallbackInfo& info) {
    return copy_out(info, [](Adapter& adapter) -> const DeviceBuffer<float>& { return adapter.gradients(); });
  }

  Napi::Value prompt(const Napi::CallbackInfo& info) {
    return queue<std::vector<float>>(
        info, [](DataParallel& session) { return session.first().prompt(); },
        [](Napi::Env env, const std::vector<float>& values) -> Napi::Value { return from_floats(env, values); });
  }

  Napi::Value write(const Napi::CallbackInfo& info) {
    return queue<bool>(
        info,
        [values = to_floats(info[0], "values")](DataParallel& session) {
          session.write(values);
          return true;
        },
        [](Napi::Env env, bool) { return env.Undefined(); });
  }

  Napi::Value parameters(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const auto session = open(env);
    const auto& list = session->first().adapter().parameters();
    Napi::Array result = Napi::Array::New(env, list.size());
    for (size_t i = 0; i < list.size(); ++i) {
      Napi::Object entry = Napi::Object::New(env);
      Napi::Array shape = Napi::Array::New(env, list[i].shape.size());
      for (size_t d = 0; d < list[i].shape.size(); ++d)
        shape.Set(static_cast<uint32_t>(d), static_cast<double>(list[i].shape[d]));
      entry.Set("name", list[i].name);
      entry.Set("shape", shape);
      entry.Set("offset", static_cast<double>(list[i].offset));
      entry.Set("group", list[i].group);
      result.Set(static_cast<uint32_t>(i), entry);
    }
    return result;
  }

  Napi::Value cancel(const Napi::CallbackInfo& info) {
    if (session_) session_->cancellation().request();
    return info.Env().Undefined();
  }

  Napi::Value close(const Napi::CallbackInfo& info) {
    if (session_) session_->cancellation().request();
    session_.reset();  // a call under way holds it until it has stopped
    return info.Env().Undefined();
  }

  std::shared_ptr<DataParallel> session_;
};

class ModelObject : public Napi::ObjectWrap<ModelObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "Model",
        {InstanceMethod("openSession", &ModelObject::open_session), InstanceMethod("embed", &ModelObject::embed),
         InstanceMethod("read", &ModelObject::read), InstanceMethod("forecast", &ModelObject::forecast),
         InstanceMethod("freeMemory", &ModelObject::free_memory), InstanceMethod("close", &ModelObject::close),
         InstanceAccessor("precision", &ModelObject::precision, nullptr),
         InstanceAccessor("threads", &ModelObject::threads, nullptr),
         InstanceAccessor("products", &ModelObject::products, nullptr)});
  }

  explicit ModelObject(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<ModelObject>(info), model_(given<ModelReplicas>(info)) {}

 private:
  std::shared_ptr<ModelReplicas> open(Napi::Env env) const {
    if (!model_) throw make_error(env, "closed", "the model is closed");
    return model_;
  }

  Napi::Value open_session(const Napi::CallbackInfo& info) {
    auto model = open(info.Env());
    const Napi::Object options = to_object(info[0], "options");
    const MethodSpec method = to_method(options.Get("method"));
    const SessionOptions how = to_session_options(options);
    auto made = std::make_shared<std::shared_ptr<DataParallel>>();
    return addon(info.Env())
        .thread.run(
            info.Env(), [model, method, how, made] { *made = std::make_shared<DataParallel>(*model, method, how); },
            [made](Napi::Env env) { return instantiate(env, addon(env).session_class, *made); });
  }

  Napi::Value embed(const Napi::CallbackInfo& info) {
    auto model = open(info.Env());
    auto rows = std::make_shared<std::vector<float>>();
    return addon(info.Env())
        .thread.run(
            info.Env(),
            [model, rows, tokens = to_int32s(info[0], "tokens")] {
              Model& first = model->first();
              const auto width = static_cast<size_t>(first.config().hidden_size);
              rows->resize(tokens.size() * width);
              for (size_t i = 0; i < tokens.size(); ++i) {
                if (tokens[i] < 0 || tokens[i] >= first.config().vocabulary_size)
                  fail("argument", "embed: tokens[" + std::to_string(i) + "] is " + std::to_string(tokens[i]) +
                                       ", the vocabulary has " + std::to_string(first.config().vocabulary_size));
                first.weights.embedding_row(tokens[i], rows->data() + i * width);
              }
            },
            [rows](Napi::Env env) { return from_floats(env, *rows); });
  }

  Napi::Value read(const Napi::CallbackInfo& info) {
    auto model = open(info.Env());
    auto values = std::make_shared<std::vector<float>>();
    return addon(info.Env())
        .thread.run(
            info.Env(),
            [model, values, name = to_string(info[0], "name")] { *values = model->first().weights.read(name); },
            [values](Napi::Env env) { return from_floats(env, *values); });
  }

  Napi::Value forecast(const Napi::CallbackInfo& info) {
    const auto model = open(info.Env());
    const Napi::Object shape = to_object(info[0], "shape");
    const int64_t rows = to_integer(shape.Get("rows"), "shape.rows");
    const int64_t longest = to_integer(shape.Get("longest"), "shape.longest");
    const int64_t targets = to_integer(shape.Get("targets"), "shape.targets");
    constexpr int64_t kMost = int64_t{1} << 31;
    for (const int64_t value : {rows, longest, targets})
      if (value < 0 || value > kMost) throw make_error(info.Env(), "argument", "shape: a value is below 0 or absurd");
    const bool train = to_bool(shape.Get("train"), "shape.train", true);
    const bool checkpoint = to_bool(shape.Get("checkpoint"), "shape.checkpoint", false);
    const Keep keep = !train ? Keep::nothing : checkpoint ? Keep::inputs : Keep::all;
    const bool inputs = to_bool(shape.Get("inputs"), "shape.inputs", false);
    return Napi::Number::New(info.Env(),
                             static_cast<double>(model->first().forecast(rows, longest, targets, keep, inputs)));
  }

  /// Bytes that the device's own memory has left, of several the least; null where it computes in the processor's.
  Napi::Value free_memory(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const auto model = open(env);
    auto bytes = std::make_shared<std::optional<int64_t>>();
    return addon(env).thread.run(
        env, [model, bytes] { *bytes = model->free_bytes(); },
        [bytes](Napi::Env e) -> Napi::Value {
          if (!*bytes) return e.Null();
          return Napi::Number::New(e, static_cast<double>(**bytes));
        });
  }

  Napi::Value precision(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), precision_name(open(info.Env())->first().device->precision()));
  }

  Napi::Value threads(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), open(info.Env())->first().threads);
  }

  Napi::Value products(const Napi::CallbackInfo& info) {
    const auto* gpu = dynamic_cast<const GpuDevice*>(open(info.Env())->first().device.get());
    if (gpu == nullptr) return info.Env().Null();
    const std::string cublas = gpu->products().cublas;
    return Napi::String::New(info.Env(), cublas.empty() ? "own kernel" : "cuBLAS " + cublas);
  }

  Napi::Value close(const Napi::CallbackInfo& info) {
    model_.reset();  // its sessions hold it until they are closed
    return info.Env().Undefined();
  }

  std::shared_ptr<ModelReplicas> model_;
};

Napi::Value open_model(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return translated(env, [&]() -> Napi::Value {
    auto made = std::make_shared<std::shared_ptr<ModelReplicas>>();
    return addon(env).thread.run(
        env,
        [made, table = to_table(info[0]), options = to_open_options(info[1])] {
          const Precision* precision = options.precision ? &*options.precision : nullptr;
          *made = options.place.gpus.empty()
                      ? std::make_shared<ModelReplicas>(std::make_shared<Model>(table, options.model))
                      : open_on_gpus(table, options.place.gpus, precision, options.model);
        },
        [made](Napi::Env e) { return instantiate(e, addon(e).model_class, *made); });
  });
}

Napi::Object from_gpu(Napi::Env env, uint32_t index, const CudaDeviceInfo& gpu) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("id", "cuda:" + std::to_string(index));
  object.Set("name", gpu.name);
  object.Set("memory", static_cast<double>(gpu.memory));
  object.Set("freeMemory", static_cast<double>(gpu.free_memory));
  object.Set("capability", std::to_string(gpu.capability / 10) + "." + std::to_string(gpu.capability % 10));
  object.Set("driver", std::to_string(gpu.driver / 1000) + "." + std::to_string(gpu.driver % 1000 / 10));
  object.Set("precision", precision_name(best_precision(gpu)));
  const GpuProducts products = products_of(static_cast<int32_t>(index), gpu);
  Napi::Value none = env.Null();
  object.Set("cublas", products.cublas.empty() ? none : Napi::String::New(env, products.cublas));
  object.Set("cublasFile", products.cublas.empty() ? none : Napi::String::New(env, products.file));
  object.Set("cublasMissing", products.missing);
  return object;
}

Napi::Value devices(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const CpuFeatures features = translated(env, [] { return cpu_features(); });
  Napi::Array names = Napi::Array::New(env);
  const auto add = [&](bool there, const char* name) {
    if (there) names.Set(names.Length(), Napi::String::New(env, name));
  };
  add(features.avx2, "avx2");
  add(features.avx512, "avx512");
  add(features.avx512_bf16, "avx512_bf16");
  Napi::Object cpu = Napi::Object::New(env);
  cpu.Set("id", "cpu");
  cpu.Set("threads", static_cast<double>(std::thread::hardware_concurrency()));
  cpu.Set("features", names);
  cpu.Set("precision", precision_name(best_precision()));
  Napi::Array list = Napi::Array::New(env, 1);
  list.Set(0U, cpu);
  return list;
}

Napi::Value gpus_here(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array cards = Napi::Array::New(env);
  std::string missing;
  GpuNccl nccl;
  try {
    nccl = nccl_here();
    for (const CudaDeviceInfo& gpu : gpus()) cards.Set(cards.Length(), from_gpu(env, cards.Length(), gpu));
  } catch (const EngineError& error) {
    missing = error.what();
    nccl = {"", "", missing};
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("gpus", cards);
  result.Set("cudaMissing", missing);
  Napi::Value none = env.Null();
  Napi::Object together = Napi::Object::New(env);
  together.Set("version", nccl.version.empty() ? none : Napi::String::New(env, nccl.version));
  together.Set("file", nccl.version.empty() ? none : Napi::String::New(env, nccl.file));
  together.Set("missing", nccl.missing);
  result.Set("nccl", together);
  return result;
}

Napi::Value look_for_cublas(const Napi::CallbackInfo& info) {
  look_for_cublas_in(info[0].ToString().Utf8Value());
  return info.Env().Undefined();
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  translated(env, limit_products_isa);
#ifdef __GLIBC__
  // Buffers from this size on go back to the system as soon as they are freed. glibc would raise the bound by itself,
  // and buffers that grow with the batches would leave holes (SmolLM2-135M: 756 MB at most instead of 970, in the same
  // time).
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
#endif
  auto data = std::make_unique<Addon>(env);
  data->model_class = Napi::Persistent(ModelObject::define(env));
  data->session_class = Napi::Persistent(SessionObject::define(env));
  env.SetInstanceData(data.release());  // deleted with the environment
  exports.Set("openModel", Napi::Function::New(env, open_model, "openModel"));
  exports.Set("devices", Napi::Function::New(env, devices, "devices"));
  exports.Set("lookForCublasIn", Napi::Function::New(env, look_for_cublas, "lookForCublasIn"));
  exports.Set("gpus", Napi::Function::New(env, gpus_here, "gpus"));
  return exports;
}

}  // namespace

NODE_API_MODULE(plumb, init)

}  // namespace plumb
