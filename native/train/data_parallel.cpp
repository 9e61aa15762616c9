#include "train/data_parallel.h"

#include <algorithm>
#include <utility>

#include "tensor/error.h"

namespace plumb {
namespace {

/// The same error, with the device that it is from.
[[noreturn]] void rethrow(const std::exception_ptr& thrown, const std::string& device) {
  try {
    std::rethrow_exception(thrown);
  } catch (const EngineError& error) {
    const std::string what = error.what();
    const std::string gpu = "GPU: ";
    if (device.empty() || what.rfind(gpu, 0) != 0) throw;
    throw EngineError(error.code, gpu + device + ": " + what.substr(gpu.size()));
  }
}

bool is_cancelled(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const EngineError& error) {
    return error.code == "cancelled";
  } catch (...) {
    return false;
  }
}

}  // namespace

std::optional<int64_t> ModelReplicas::free_bytes() const {
  std::optional<int64_t> least;
  for (const auto& model : models) {
    const std::optional<int64_t> bytes = model->device->free_bytes();
    if (bytes && (!least || *bytes < *least)) least = bytes;
  }
  return least;
}

Lanes::Lanes(size_t count) : thrown_(count) {
  for (size_t lane = 1; lane < count; ++lane) threads_.emplace_back([this, lane] { loop(lane); });
}

Lanes::~Lanes() {
  {
    const std::lock_guard<std::mutex> hold(mutex_);
    stopping_ = true;
  }
  begun_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Lanes::work(size_t lane) {
  try {
    (*work_)(lane);
    thrown_[lane] = nullptr;
  } catch (...) {
    thrown_[lane] = std::current_exception();
  }
}

void Lanes::loop(size_t lane) {
  uint64_t seen = 0;
  for (;;) {
    {
      std::unique_lock<std::mutex> hold(mutex_);
      begun_.wait(hold, [&] { return stopping_ || turn_ != seen; });
      if (stopping_) return;
      seen = turn_;
    }
    work(lane);
    {
      const std::lock_guard<std::mutex> hold(mutex_);
      --busy_;
    }
    ended_.notify_one();
  }
}

std::vector<std::exception_ptr> Lanes::run(const std::function<void(size_t)>& work_of) {
  {
    const std::lock_guard<std::mutex> hold(mutex_);
    work_ = &work_of;
    busy_ = threads_.size();
    ++turn_;
  }
  begun_.notify_all();
  work(0);
  std::unique_lock<std::mutex> hold(mutex_);
  ended_.wait(hold, [&] { return busy_ == 0; });
  return thrown_;
}

DataParallel::DataParallel(const ModelReplicas& models, const MethodSpec& method, const SessionOptions& options)
    : names_(models.models.size() > 1 ? models.names : std::vector<std::string>{""}),
      team_(models.team),
      lanes_(models.models.size()) {
  const auto cancellation = std::make_shared<Cancellation>();
  for (const auto& model : models.models) devices_.push_back(model->device.get());
  sessions_.resize(models.models.size());
  on_all([&](size_t i) { sessions_[i] = std::make_unique<Session>(models.models[i], method, options, cancellation); });
}

void DataParallel::on_all(const std::function<void(size_t)>& work) {
  const std::vector<std::exception_ptr> thrown = lanes_.run(work);
  size_t worst = thrown.size();
  for (size_t i = thrown.size(); i-- > 0;)
    if (thrown[i] != nullptr && (worst == thrown.size() || is_cancelled(thrown[worst]) || !is_cancelled(thrown[i])))
      worst = i;
  if (worst < thrown.size()) rethrow(thrown[worst], names_[worst]);
}

void DataParallel::drop_gradients() noexcept {
  for (const auto& session : sessions_) session->adapter().drop_gradients();
}

double DataParallel::accumulate(std::vector<Batch>& batches) {
  if (batches.size() > width())
    fail("argument", "accumulate: " + std::to_string(batches.size()) + " micro-batches for " + std::to_string(width()) +
                         " devices; give each one at most");
  std::vector<double> losses(batches.size());
  try {
    on_all([&](size_t i) {
      if (i < batches.size()) losses[i] = sessions_[i]->accumulate(batches[i], passes_ + static_cast<int64_t>(i));
    });
  } catch (...) {
    drop_gradients();
    throw;
  }
  passes_ += static_cast<int64_t>(batches.size());
  double sum = 0;
  for (const double loss : losses) sum += loss;
  return sum;
}

StepResult DataParallel::step(const StepOptions& options) {
  if (apart_) fail("device", "GPU: the devices no longer hold the same parameters, since a step failed on one of them");
  options.check();
  std::vector<StepResult> results(width());
  if (team_ != nullptr) {
    try {
      // All memory that the step takes is taken before anything moves.
      on_all([&](size_t i) {
        sessions_[i]->adapter().gradients();
        sessions_[i]->state();
      });
      std::vector<float*> gradients;
      for (const auto& session : sessions_) gradients.push_back(session->adapter().gradients().data());
      team_->all_reduce(devices_, gradients, first().adapter().size());
    } catch (...) {
      drop_gradients();
      throw;
    }
    apart_ = true;
  }
  on_all([&](size_t i) { results[i] = sessions_[i]->step(options); });
  passes_ = 0;
  // One device alone never disagrees, not even where its norms are no numbers.
  for (size_t i = 1; i < width(); ++i) {
    const auto same = [](double a, double b) { return a == b || (a != a && b != b); };
    if (!same(results[i].gradient_norm, results[0].gradient_norm) ||
        !same(results[i].parameter_norm, results[0].parameter_norm))
      fail("device", "GPU: " + names_[i] + " and " + names_[0] +
                         " got different results from the same step; one of them does not compute as it should");
  }
  apart_ = false;
  return results[0];
}

void DataParallel::write(const std::vector<float>& values) {
  each([&](Session& session) { session.write(values); });
}

void DataParallel::resume(int64_t steps) {
  each([&](Session& session) { session.resume(steps); });
  passes_ = 0;
}

void DataParallel::each(const std::function<void(Session&)>& change) {
  on_all([&](size_t i) { change(*sessions_[i]); });
}

}  // namespace plumb
