#include "binding/engine_thread.h"

#include <new>

#include "tensor/error.h"

namespace plumb {

struct EngineThread::Task {
  Task(EngineThread* task_owner, Napi::Env env, Work task_work, Result task_result, CallOff task_call_off)
      : owner(task_owner),
        promise(Napi::Promise::Deferred::New(env)),
        work(std::move(task_work)),
        result(std::move(task_result)),
        call_off(std::move(task_call_off)) {}
  EngineThread* owner;
  Napi::Promise::Deferred promise;
  Work work;
  Result result;
  CallOff call_off;
  std::string code;
  std::string message;
};

Napi::Error make_error(Napi::Env env, const std::string& code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error;
}

EngineThread::EngineThread(Napi::Env env) : env_(env), settler_(Settler::New(env, "plumb engine", 0, 1)) {
  settler_.Unref(env);  // an idle engine does not keep the process alive
  thread_ = std::thread([this] { loop(); });
  // Hooks run last in, first out: this one before the settler's own, behind which no thread may use it.
  napi_add_env_cleanup_hook(env, stop_hook, this);
}

EngineThread::~EngineThread() {
  if (!thread_.joinable()) return;  // the hook has been run
  napi_remove_env_cleanup_hook(env_, stop_hook, this);
  stop();
}

void EngineThread::stop_hook(void* engine_thread) {
  static_cast<EngineThread*>(engine_thread)->stop();
}

void EngineThread::stop() {
  std::deque<std::unique_ptr<Task>> dropped;
  {
    const std::lock_guard<std::mutex> hold(mutex_);
    stopping_ = true;
    dropped.swap(queue_);
    if (running_ != nullptr && running_->call_off) running_->call_off();
  }
  changed_.notify_all();
  thread_.join();
  settler_.Abort();
}

Napi::Promise EngineThread::run(Napi::Env env, Work work, Result result, CallOff call_off) {
  auto task = std::make_unique<Task>(this, env, std::move(work), std::move(result), std::move(call_off));
  const Napi::Promise promise = task->promise.Promise();
  if (pending_++ == 0) settler_.Ref(env);
  {
    const std::lock_guard<std::mutex> hold(mutex_);
    queue_.push_back(std::move(task));
  }
  changed_.notify_one();
  return promise;
}

void EngineThread::loop() {
  for (;;) {
    std::unique_ptr<Task> task;
    {
      std::unique_lock<std::mutex> hold(mutex_);
      changed_.wait(hold, [&] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      task = std::move(queue_.front());
      queue_.pop_front();
      running_ = task.get();
    }
    try {
      task->work();
    } catch (const EngineError& error) {
      task->code = error.code;
      task->message = error.what();
    } catch (const std::bad_alloc&) {
      task->code = "out-of-memory";
      task->message = "the system has no memory left for the engine";
    } catch (const std::exception& error) {
      task->code = "internal";
      task->message = std::string("the engine failed: ") + error.what();
    } catch (...) {
      task->code = "internal";
      task->message = "the engine failed for a reason that it cannot name";
    }
    {
      const std::lock_guard<std::mutex> hold(mutex_);
      running_ = nullptr;
    }
    task->work = nullptr;  // what they held goes here, not on JavaScript's thread
    task->call_off = nullptr;
    Task* settled = task.release();
    if (settler_.NonBlockingCall(settled) != napi_ok) delete settled;  // the environment is going down
  }
}

void EngineThread::settle(Napi::Env env, Napi::Function, std::nullptr_t*, Task* settled) {
  const std::unique_ptr<Task> task(settled);
  if (static_cast<napi_env>(env) == nullptr) return;
  EngineThread* owner = task->owner;
  if (--owner->pending_ == 0) owner->settler_.Unref(env);
  const Napi::HandleScope scope(env);
  if (!task->code.empty()) {
    task->promise.Reject(make_error(env, task->code, task->message).Value());
    return;
  }
  try {
    task->promise.Resolve(task->result(env));
  } catch (const Napi::Error& error) {
    task->promise.Reject(error.Value());
  } catch (const std::exception& error) {
    task->promise.Reject(make_error(env, "internal", error.what()).Value());
  }
}

}  // namespace plumb
