// Canary: does this compiler destroy what a co_await expression creates exactly once? clang 19
// does; g++ 12 destroys braced aggregates and capturing lambdas twice, which is why it builds no
// engine. Prints one line per case; exits 1 when a count is off, and ASan stops it at a double
// free.
#include <array>
#include <coroutine>
#include <cstdio>
#include <string>
#include <utility>

#include "engine/ring/task.h"

namespace {

using ringpost::ring::Scope;
using ringpost::ring::Task;

// Owns heap memory and counts its living copies.
class Counted {
 public:
  explicit Counted(int value) : text_(std::size_t{64}, 'x'), value_(value) { ++living; }
  Counted(const Counted& other) : text_(other.text_), value_(other.value_) { ++living; }
  Counted(Counted&& other) noexcept : text_(std::move(other.text_)), value_(other.value_) {
    ++living;
  }
  Counted& operator=(const Counted&) = delete;
  Counted& operator=(Counted&&) = delete;
  ~Counted() { --living; }

  int value() const { return value_; }
  static inline int living = 0;

 private:
  std::string text_;
  int value_;
};

struct Options {
  Counted first;
  int second = 3;
};

// What a task waits for when it really suspends; the driver resumes it.
std::coroutine_handle<> parked;
struct Park {
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) const noexcept { parked = waiting; }
  void await_resume() const noexcept {}
};

Task<int> leaf(int value, bool suspends) {
  if (suspends) co_await Park{};
  co_return value;
}

Task<int> sum_of(Options options, bool suspends) {
  const int own = options.first.value() + options.second;
  co_return own + co_await leaf(0, suspends);
}

template <class Function>
Task<int> call(Function function, bool suspends) {
  if (suspends) co_await Park{};
  co_return function();
}

// Every case makes 7. The first two are the forms the coroutine rules allow; the rest are the forms
// that a miscompiling front end destroys twice.
Task<int> named_and_moved(bool suspends) {
  Options options{.first = Counted{4}, .second = 3};
  co_return co_await sum_of(std::move(options), suspends);
}

Task<int> named_lambda(bool suspends) {
  auto function = [held = Counted{7}] { return held.value(); };
  co_return co_await call(std::move(function), suspends);
}

Task<int> braced_aggregate(bool suspends) {
  co_return co_await sum_of(Options{.first = Counted{4}}, suspends);
}

Task<int> braced_parameter(bool suspends) {
  co_return co_await sum_of({.first = Counted{4}, .second = 3}, suspends);
}

Task<int> await_inside_braces(bool suspends) {
  Options options{.first = Counted{4}, .second = co_await leaf(3, suspends)};
  co_return options.first.value() + options.second;
}

Task<int> capturing_lambda(bool suspends) {
  co_return co_await call([held = Counted{7}] { return held.value(); }, suspends);
}

Task<int> temporary_beside_await(bool suspends) {
  co_return Counted{4}.value() + co_await leaf(3, suspends);
}

Task<int> conditional_operand(bool suspends) {
  const bool chosen = Counted::living >= 0;
  co_return chosen ? co_await sum_of(Options{.first = Counted{4}}, suspends) : 0;
}

Task<void> keep(Task<int> task, int& result) { result = co_await std::move(task); }

struct Case {
  const char* name;
  Task<int> (*run)(bool suspends);
};

bool passes(const Case& tried, bool suspends) {
  int result = 0;
  Scope scope;
  Task<void>::spawn(scope, keep(tried.run(suspends), result));
  while (!scope.idle()) std::exchange(parked, {}).resume();
  const bool good = result == 7 && Counted::living == 0;
  std::printf("%-24s %-9s result %d, %d left alive: %s\n", tried.name,
              suspends ? "suspended" : "at once", result, Counted::living, good ? "ok" : "WRONG");
  Counted::living = 0;
  return good;
}

}  // namespace

int main() {
  constexpr std::array cases{Case{"named and moved", named_and_moved},
                             Case{"named lambda", named_lambda},
                             Case{"braced aggregate", braced_aggregate},
                             Case{"braced parameter", braced_parameter},
                             Case{"await inside braces", await_inside_braces},
                             Case{"capturing lambda", capturing_lambda},
                             Case{"temporary beside await", temporary_beside_await},
                             Case{"conditional operand", conditional_operand}};
  bool good = true;
  for (const Case& tried : cases) {
    good = passes(tried, false) && good;
    good = passes(tried, true) && good;
  }
  return good ? 0 : 1;
}
