// Several GPUs as one: the sum of NCCL's stand-in, and tuning on two and three emulated devices against one.
#include "train/data_parallel.h"

#include <dlfcn.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "ops/cuda/cuda_device.h"
#include "test/open_model.h"
#include "test/random_model.h"
#include "test/state.h"

using namespace plumb;
using test::Random;
using test::RandomModel;

namespace {

/// ThreadSanitizer takes minutes for tests of several steps, and sees the same threads in the others.
#ifdef __SANITIZE_THREAD__
constexpr bool kTooSlow = true;
#else
constexpr bool kTooSlow = false;
#endif

/// A machine with so many emulated GPUs, and a stand-in for NCCL that behaves so.
struct Machine {
  explicit Machine(int gpus, const char* nccl = "") {
    setenv("PLUMB_EMULATED_GPUS", std::to_string(gpus).c_str(), 1);
    setenv("PLUMB_EMULATED_MEMORY", "50000000", 1);
    setenv("PLUMB_NCCL", PLUMB_EMULATED_NCCL, 1);
    setenv("PLUMB_EMULATED_NCCL", nccl, 1);
  }
  ~Machine() {
    for (const char* name : {"PLUMB_EMULATED_GPUS", "PLUMB_EMULATED_MEMORY", "PLUMB_NCCL", "PLUMB_EMULATED_NCCL"})
      unsetenv(name);
  }
  CudaRuntime runtime{PLUMB_EMULATED_CUDA};
};

int64_t sums_of_nccl() {
  void* file = dlopen(PLUMB_EMULATED_NCCL, RTLD_NOW | RTLD_LOCAL);
  REQUIRE(file != nullptr);
  return reinterpret_cast<int64_t (*)()>(dlsym(file, "emulated_nccl_sums"))();
}

struct Failure {
  std::string code, message;
};

template <typename Body>
Failure failure_of(Body&& body) {
  try {
    body();
  } catch (const EngineError& error) {
    return {error.code, error.what()};
  }
  return {};
}

ModelReplicas replicas(const CudaRuntime& runtime, const RandomModel& random, const std::vector<int32_t>& indices,
                       Precision precision = Precision::float32) {
  std::vector<std::shared_ptr<Model>> models;
  std::vector<std::string> names;
  for (const int32_t index : indices) {
    models.push_back(
        std::make_shared<Model>(random.table, runtime.open(index, precision), ModelOptions{1, precision, true}));
    names.push_back("cuda:" + std::to_string(index));
  }
  return {std::move(models), std::move(names), indices.size() > 1 ? runtime.team(indices) : nullptr};
}

/// Micro-batch `number`: a prefix with two texts, a choice behind each; with or without prompt vectors.
Batch sample(int number, bool prompt = true) {
  Batch b;
  Random random(static_cast<uint32_t>(40 + number));
  b.tree.lengths = {3, 4 + number % 3, 5};
  b.tree.parents = {-1, 0, 0};
  const auto rows = static_cast<size_t>(12 + number % 3);
  b.tree.tokens = {1, prompt ? -1 : 5, prompt ? -2 : 6};
  while (b.tree.tokens.size() < rows) b.tree.tokens.push_back(static_cast<int32_t>(random.below(50)));
  b.questions.choice_row = {6 + number % 3, static_cast<int32_t>(rows) - 1};
  b.questions.choice_start = {0, 2, 5};
  b.questions.candidates = {3, 4, 9, 12, 7};
  b.questions.choice_answer = {number % 2, 2};
  b.questions.choice_weight = {0.5f, 0.25f};
  return b;
}

const MethodSpec kPrompt{{2}, {LinearMap::q, LinearMap::down}};
const StepOptions kStep{{{"prompt", 0.01}, {"bias", 0.003}, {"lora", 0.01}}, 1.0, 0.9, 0.999, 1e-8, 0.01};

/// A session whose parameters are drawn from a seed.
std::unique_ptr<DataParallel> session_on(const ModelReplicas& models, const MethodSpec& method = kPrompt) {
  auto session = std::make_unique<DataParallel>(models, method, SessionOptions{});
  std::vector<float> values = Random(12).values(session->first().adapter().size());
  for (float& value : values) value *= 0.3f;
  session->write(values);
  return session;
}

/// Steps of `batches` micro-batches each, as many at a time as there are devices.
std::vector<double> steps(DataParallel& session, int first, int count, int batches = 5) {
  std::vector<double> losses;
  for (int step = first; step < first + count; ++step) {
    double loss = 0;
    for (int at = 0; at < batches;) {
      std::vector<Batch> together;
      while (together.size() < session.width() && at < batches)
        together.push_back(sample(step * batches + at++, session.first().adapter().prompt_length() > 0));
      loss += session.accumulate(together);
    }
    session.step(kStep);
    losses.push_back(loss);
  }
  return losses;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return worst;
}

}  // namespace

TEST_CASE("several GPUs: each gets the sum of what all hold, to the bit") {
  const Machine machine(3);
  const std::vector<int32_t> order = {2, 0, 1};
  const std::shared_ptr<Team> team = machine.runtime.team(order);
  std::vector<std::unique_ptr<GpuDevice>> devices;
  for (const int32_t index : order) devices.push_back(machine.runtime.open(index, Precision::float32));
  for (const int64_t count : {int64_t{0}, int64_t{1}, int64_t{63}, int64_t{1000}}) {
    std::vector<std::vector<float>> given;
    std::vector<DeviceBuffer<float>> buffers;
    std::vector<Device*> pointers;
    std::vector<float*> values;
    for (size_t i = 0; i < devices.size(); ++i) {
      given.push_back(Random(static_cast<uint32_t>(i + 1)).values(count));
      buffers.emplace_back(*devices[i], std::max<int64_t>(count, 1));
      buffers.back().write(given.back().data(), count);
      pointers.push_back(devices[i].get());
      values.push_back(buffers.back().data());
    }
    team->all_reduce(pointers, values, count);
    std::vector<float> first(static_cast<size_t>(count));
    buffers[0].read(first.data(), count);
    for (size_t i = 0; i < first.size(); ++i) {
      const double sum =
          static_cast<double>(given[0][i]) + static_cast<double>(given[1][i]) + static_cast<double>(given[2][i]);
      CHECK(std::abs(static_cast<double>(first[i]) - sum) <= 1e-6);  // two roundings of values below 3
    }
    for (const DeviceBuffer<float>& buffer : buffers) {
      std::vector<float> other(first.size());
      buffer.read(other.data(), count);
      CHECK(other == first);
    }
  }
}

TEST_CASE("several GPUs tune as one does, whatever their number and the micro-batches that each gets" *
          doctest::skip(kTooSlow)) {
  const Machine machine(3);
  const RandomModel random;
  // Dropout draws by the number of a micro-batch in its step, whichever device has it.
  MethodSpec lora;
  lora.lora = LoraSpec{2, 4.0, 0.3, {LinearMap::q, LinearMap::up}};
  for (const MethodSpec& method : {kPrompt, lora}) {
    const auto one = session_on(replicas(machine.runtime, random, {0}), method);
    const std::vector<double> losses = steps(*one, 0, 2);
    const std::vector<float> alone = one->first().adapter().values().read();
    for (const std::vector<int32_t>& indices : {std::vector<int32_t>{0, 1}, std::vector<int32_t>{2, 0, 1}}) {
      const int64_t sums = sums_of_nccl();
      const auto several = session_on(replicas(machine.runtime, random, indices), method);
      const std::vector<double> found = steps(*several, 0, 2);
      CHECK(sums_of_nccl() == sums + 2);  // one a step
      // Sums of 5 float32 gradients in another order: some 1e-7 of them, which Adam's division may turn into 1e-5 of
      // a step of 0.01 where a gradient is next to nothing.
      for (size_t i = 0; i < losses.size(); ++i) CHECK(std::abs(found[i] - losses[i]) <= 1e-4);
      CHECK(largest_difference(several->first().adapter().values().read(), alone) <= 1e-4);
      several->each([&](Session& session) { CHECK(test::same_state(session, several->first())); });
    }
  }
}

TEST_CASE("several GPUs give the same bits when a run is done again, and when it is resumed" *
          doctest::skip(kTooSlow)) {
  const Machine machine(2);
  const RandomModel random;
  const ModelReplicas models = replicas(machine.runtime, random, {0, 1}, Precision::bfloat16);
  const auto straight = session_on(models);
  const std::vector<double> losses = steps(*straight, 0, 3);
  const auto again = session_on(models);
  CHECK(steps(*again, 0, 3) == losses);
  CHECK(test::same_state(again->first(), straight->first()));

  const auto half = session_on(models);
  steps(*half, 0, 1);
  const auto resumed = std::make_unique<DataParallel>(models, kPrompt, SessionOptions{});
  resumed->each([&](Session& session) { test::go_on(session, half->first()); });
  resumed->resume(half->first().steps());
  CHECK(steps(*resumed, 1, 2) == std::vector<double>(losses.begin() + 1, losses.end()));
  resumed->each([&](Session& session) { CHECK(test::same_state(session, straight->first())); });
}

TEST_CASE("several GPUs: one that runs out of memory is named, leaves nobody waiting, and drops what all have") {
  const Machine machine(2);
  const RandomModel random;
  const ModelReplicas models = replicas(machine.runtime, random, {0, 1});
  const auto session = session_on(models);
  steps(*session, 0, 1);
  const auto once = [&] {
    std::vector<Batch> batches = {sample(1), sample(2)};
    return session->accumulate(batches);
  };
  const double loss = once();
  {
    // All that the second device has left, taken by another program, and a text that wants more than the last one did.
    const auto other = machine.runtime.open(1, Precision::float32);
    DeviceBuffer<float> taken(*other, *other->free_bytes() / 4 - 100);
    std::vector<Batch> large = {sample(1), sample(2)};
    large[1].tree.tokens.resize(100, 7);
    large[1].tree.lengths[2] += 100 - static_cast<int32_t>(sample(2).tree.tokens.size());
    const Failure failure = failure_of([&] { session->accumulate(large); });
    CHECK(failure.code == "out-of-memory");
    CHECK(failure.message.rfind("GPU: cuda:1: ", 0) == 0);
  }
  session->each([](Session& one) {
    const std::vector<float> gradient = one.adapter().gradients().read();
    CHECK(std::count(gradient.begin(), gradient.end(), 0.0f) == static_cast<int64_t>(gradient.size()));
  });
  // With memory again, it goes on as if nothing had been.
  CHECK(once() == loss);
  session->step(kStep);
  session->each([&](Session& one) { CHECK(test::same_state(one, session->first())); });

  std::vector<Batch> many = {sample(1), sample(2), sample(3)};
  CHECK(failure_of([&] { session->accumulate(many); }).code == "argument");
  session->cancellation().request();
  CHECK(failure_of(once).code == "cancelled");
}

TEST_CASE("several GPUs: the step takes all its memory before any of them moves") {
  const Machine machine(2);
  const RandomModel random;
  const auto session = session_on(replicas(machine.runtime, random, {0, 1}));
  const std::vector<float> before = session->first().adapter().values().read();
  std::vector<Batch> batches = {sample(1), sample(2)};
  session->accumulate(batches);
  {
    const auto other = machine.runtime.open(1, Precision::float32);
    DeviceBuffer<float> taken(*other, *other->free_bytes() / 4 - 100);
    const Failure failure = failure_of([&] { session->step(kStep); });
    CHECK(failure.code == "out-of-memory");
  }
  CHECK(session->first().steps() == 0);
  session->each([&](Session& one) { CHECK(one.adapter().values().read() == before); });
  steps(*session, 0, 1);
  session->each([&](Session& one) { CHECK(test::same_state(one, session->first())); });
}

TEST_CASE("several GPUs: a sum that never ends is called off with a sentence, and nothing moves") {
  const RandomModel random;
  const Machine machine(2, "hangs");
  const auto session = session_on(replicas(machine.runtime, random, {0, 1}));
  const std::vector<float> before = session->first().adapter().values().read();
  std::vector<Batch> batches = {sample(1), sample(2)};
  session->accumulate(batches);
  const Failure failure = failure_of([&] { session->step(kStep); });
  CHECK(failure.code == "device");
  CHECK(failure.message.find("NCCL says: remote process exited") != std::string::npos);
  session->each([&](Session& one) { CHECK(one.adapter().values().read() == before); });
  session->accumulate(batches);
  CHECK(failure_of([&] { session->step(kStep); }).message.find("an error before") != std::string::npos);
}

TEST_CASE("several GPUs: devices that come apart are noticed at the next step") {
  const Machine machine(2);
  const RandomModel random;
  const auto session = session_on(replicas(machine.runtime, random, {0, 1}));
  session->each([&](Session& one) {
    if (&one != &session->first()) test::write_random(one, 13, 0.3f);
  });
  std::vector<Batch> batches = {sample(1), sample(2)};
  session->accumulate(batches);
  const Failure failure = failure_of([&] { session->step(kStep); });
  CHECK(failure.code == "device");
  CHECK(failure.message.find("cuda:1 and cuda:0 got different results") != std::string::npos);
  CHECK(failure_of([&] { session->step(kStep); }).message.find("no longer hold the same") != std::string::npos);
}

TEST_CASE("a GPU that fails says where that was noticed, alone and among several, and so do all calls from there on") {
  const Machine machine(2);
  const RandomModel random;
  struct Fault {
    Fault() { setenv("PLUMB_EMULATED_FAULT", "choose_kernel", 1); }
    ~Fault() { unsetenv("PLUMB_EMULATED_FAULT"); }
  };
  for (const std::vector<int32_t>& indices : {std::vector<int32_t>{0}, std::vector<int32_t>{0, 1}}) {
    const auto session = session_on(replicas(machine.runtime, random, indices));
    const auto once = [&] {
      std::vector<Batch> batches = {sample(1)};
      return session->accumulate(batches);
    };
    const double loss = once();
    {
      const Fault fault;
      const Failure failure = failure_of(once);
      CHECK(failure.code == "device");
      // The answers are waited for last; to drop the gradient, which comes behind, fails too.
      CHECK(failure.message == std::string("GPU: ") + (indices.size() > 1 ? "cuda:0: " : "") +
                                   "waiting for the kernels: unspecified launch failure");
      CHECK(failure_of(once).message.find("unspecified launch failure") != std::string::npos);
      CHECK(failure_of([&] { session->step(kStep); }).code == "device");
    }
    // Of a gradient that could not be dropped nothing is left.
    CHECK(once() == loss);
    const std::vector<float> gradient = session->first().adapter().gradients().read();
    const auto fresh = session_on(replicas(machine.runtime, random, indices));
    std::vector<Batch> batches = {sample(1)};
    fresh->accumulate(batches);
    CHECK(gradient == fresh->first().adapter().gradients().read());
  }
}

TEST_CASE("what is wrong with a batch is said where the GPU has no room for a gradient, too") {
  const Machine machine(1);
  const RandomModel random;
  const auto session = session_on(replicas(machine.runtime, random, {0}));
  const auto other = machine.runtime.open(0, Precision::float32);
  DeviceBuffer<float> taken(*other, *other->free_bytes() / 4 - 100);
  std::vector<Batch> batches = {sample(1)};
  CHECK(failure_of([&] { session->accumulate(batches); }).code == "out-of-memory");
  batches[0].tree.tokens[0] = 50;
  CHECK(failure_of([&] { session->accumulate(batches); }).code == "batch");
}

TEST_CASE("NCCL that is missing, is none, is another version or does not start gives a sentence") {
  const Machine machine(2);
  const auto why = [&](const char* named, const char* wish) {
    setenv("PLUMB_NCCL", named, 1);
    setenv("PLUMB_EMULATED_NCCL", wish, 1);
    const Failure failure = failure_of([&] { machine.runtime.team({0, 1}); });
    CHECK(failure.code == "nccl");
    return failure.message;
  };
  CHECK(machine.runtime.nccl().version == "2.32.3");
  CHECK(machine.runtime.nccl().file == PLUMB_EMULATED_NCCL);
  CHECK(machine.runtime.nccl().missing.empty());
  CHECK(why("none", "") == "PLUMB_NCCL=none leaves NCCL out");
  const GpuNccl none = machine.runtime.nccl();
  CHECK(none.version.empty());
  CHECK(none.missing.find("pip install nvidia-nccl-cu13") != std::string::npos);
  CHECK(why("/nowhere/libnccl.so.2", "").find("NCCL cannot be opened") == 0);
  CHECK(why(PLUMB_EMULATED_CUBLAS, "").find("is no NCCL that can be used: it has no ncclGetVersion") !=
        std::string::npos);
  CHECK(why(PLUMB_EMULATED_NCCL, "31000").find("is NCCL 3.10.0, and version 2 is needed") != std::string::npos);
  CHECK(why(PLUMB_EMULATED_NCCL, "refuses").find("fails at its start: unhandled cuda error") != std::string::npos);
}
