// Task<T>: a procedure of ours, written top to bottom, that waits for requests and for other tasks
// (rules in README.md). Lazy: nothing runs until it is awaited or spawned into a Scope. Bounded
// stack: a child that finishes without suspending does not deepen its parent's stack, at any
// optimisation level. Single thread; never destroyed while suspended.
#pragma once

#include <coroutine>
#include <cstddef>
#include <optional>
#include <utility>

#include "proto/base/check.h"

namespace ringpost::ring {

// Counts tasks that were spawned and have not ended: answers "is anything of mine still in
// flight?". Owner: one core. It must be idle when it is destroyed.
class Scope {
 public:
  Scope() = default;
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope() { CHECK(running_ == 0); }

  std::size_t running() const { return running_; }
  bool idle() const { return running_ == 0; }

 private:
  template <class T>
  friend class Task;
  std::size_t running_ = 0;
};

namespace detail {

struct PromiseBase {
  std::coroutine_handle<> parent{};
  Scope* scope = nullptr;          // set for a spawned task, which frees itself at its end
  bool started_by_parent = false;  // the parent is still inside await_suspend

  std::suspend_always initial_suspend() noexcept { return {}; }
  [[noreturn]] void unhandled_exception() noexcept { std::abort(); }
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
 public:
  struct Promise;
  using promise_type = Promise;
  using Handle = std::coroutine_handle<Promise>;

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (!handle_) return;
    CHECK(handle_.done() || !started_);
    handle_.destroy();
  }

  // Starts the task; it lives on by itself and is counted by `scope` until its end.
  static void spawn(Scope& scope, Task task) {
    Handle handle = std::exchange(task.handle_, {});
    handle.promise().scope = &scope;
    ++scope.running_;
    handle.resume();
  }

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> parent) {
    started_ = true;
    Promise& promise = handle_.promise();
    promise.parent = parent;
    promise.started_by_parent = true;
    handle_.resume();
    promise.started_by_parent = false;
    return !handle_.done();
  }
  T await_resume() { return handle_.promise().take(); }

 private:
  friend struct Promise;
  struct Final {
    bool await_ready() const noexcept { return false; }
    [[gnu::noinline]] std::coroutine_handle<> await_suspend(Handle handle) const noexcept {
      Promise& promise = handle.promise();
      if (Scope* scope = promise.scope; scope != nullptr) {
        handle.destroy();
        --scope->running_;
        return std::noop_coroutine();
      }
      if (promise.started_by_parent || !promise.parent) return std::noop_coroutine();
      return promise.parent;
    }
    void await_resume() const noexcept {}
  };

  explicit Task(Handle handle) : handle_(handle) {}

  Handle handle_;
  bool started_ = false;
};

template <class T>
struct Task<T>::Promise : detail::PromiseBase {
  std::optional<T> value;
  Task get_return_object() { return Task{Handle::from_promise(*this)}; }
  Final final_suspend() noexcept { return {}; }
  void return_value(T result) { value.emplace(std::move(result)); }
  T take() { return std::move(*value); }
};

template <>
struct Task<void>::Promise : detail::PromiseBase {
  Task get_return_object() { return Task{Handle::from_promise(*this)}; }
  Final final_suspend() noexcept { return {}; }
  void return_void() {}
  void take() {}
};

}  // namespace ringpost::ring
