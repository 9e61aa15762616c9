#pragma once
#include <napi.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace plumb {

/// The one thread on which everything heavy runs: each thread that calls the library of products gets an OpenMP team of
/// its own, so there is one. Work is done in the order asked for; its promise settles on JavaScript's thread.
class EngineThread {
 public:
  explicit EngineThread(Napi::Env env);
  ~EngineThread();
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  using Work = std::function<void()>;
  using Result = std::function<Napi::Value(Napi::Env)>;
  using CallOff = std::function<void()>;

  /// `work` runs on the engine's thread, where no JavaScript value may be touched; then `result` runs on JavaScript's
  /// thread and makes the value. What `work` throws rejects the promise, with the error's code. `call_off`, where
  /// given, tells running work to end: the environment is going down and waits for it. It is called on JavaScript's
  /// thread.
  Napi::Promise run(Napi::Env env, Work work, Result result, CallOff call_off = nullptr);

 private:
  struct Task;
  void loop();
  /// Drops what waits and ends the thread.
  void stop();
  static void stop_hook(void* engine_thread);
  static void settle(Napi::Env env, Napi::Function, std::nullptr_t*, Task* task);
  using Settler = Napi::TypedThreadSafeFunction<std::nullptr_t, Task, settle>;

  napi_env env_;
  Settler settler_;
  int pending_ = 0;  // on JavaScript's thread
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Task>> queue_;
  Task* running_ = nullptr;
  bool stopping_ = false;
  std::thread thread_;
};

/// An Error for JavaScript with a `code` property.
Napi::Error make_error(Napi::Env env, const std::string& code, const std::string& message);

}  // namespace plumb
