#pragma once
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "train/session.h"

namespace plumb {

/// A base model on one device, or a copy of it on each of several, and what these add up with.
struct ModelReplicas {
  /// On a device of any kind.
  explicit ModelReplicas(std::shared_ptr<Model> model) : models({std::move(model)}), names({""}) {}
  /// `names` of the devices, for errors. They are of one kind, so that equal inputs give them equal bits.
  ModelReplicas(std::vector<std::shared_ptr<Model>> copies, std::vector<std::string> device_names,
                std::shared_ptr<Team> devices)
      : models(std::move(copies)), names(std::move(device_names)), team(std::move(devices)) {}

  Model& first() const { return *models[0]; }
  /// Bytes that the device with the least has left; nothing where it computes in the processor's memory.
  std::optional<int64_t> free_bytes() const;

  std::vector<std::shared_ptr<Model>> models;
  std::vector<std::string> names;
  std::shared_ptr<Team> team;  ///< null for one device
};

/// A thread for each of several pieces of work but the first, which is the caller's. They stay from call to call.
class Lanes {
 public:
  explicit Lanes(size_t count);
  ~Lanes();
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  /// work(lane) on all at once; returns once all have ended, with what each threw.
  std::vector<std::exception_ptr> run(const std::function<void(size_t)>& work);

 private:
  void loop(size_t lane);
  void work(size_t lane);

  std::mutex mutex_;
  std::condition_variable begun_, ended_;
  const std::function<void(size_t)>* work_ = nullptr;
  std::vector<std::exception_ptr> thrown_;
  uint64_t turn_ = 0;
  size_t busy_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

/// One adapter that is tuned on all devices of a model at once. Each has the adapter whole and computes some of a
/// step's micro-batches; before the step the gradients are added up, and each device takes the same step. Which device
/// had which micro-batch changes the sum's rounding alone. With one device it is a session and nothing else. Used from
/// one thread at a time, but for cancellation().request().
class DataParallel {
 public:
  DataParallel(const ModelReplicas& models, const MethodSpec& method, const SessionOptions& options);

  /// The one that scores, generates and is read: all hold the same.
  Session& first() { return *sessions_[0]; }
  Cancellation& cancellation() { return first().cancellation(); }
  size_t width() const { return sessions_.size(); }

  /// Adds the gradients of the batches' losses, one on each device at most, and returns the sum of the losses. An error
  /// on one of them drops all that was accumulated on any.
  double accumulate(std::vector<Batch>& batches);
  /// An error in it, once devices have begun to move, leaves nothing that could go on.
  StepResult step(const StepOptions& options);
  void write(const std::vector<float>& values);
  void resume(int64_t steps);
  /// change(session) for each.
  void each(const std::function<void(Session&)>& change);

 private:
  /// Throws what the first lane threw that did not just stop for another one's sake.
  void on_all(const std::function<void(size_t)>& work);
  void drop_gradients() noexcept;

  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<Device*> devices_;
  std::vector<std::string> names_;
  std::shared_ptr<Team> team_;
  int64_t passes_ = 0;  ///< training passes on all devices since the last step
  bool apart_ = false;  ///< the devices may hold different parameters
  Lanes lanes_;
};

}  // namespace plumb
