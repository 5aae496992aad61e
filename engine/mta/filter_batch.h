// What goes between the core that runs a filter process and a core that asks it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "engine/ring/core.h"

namespace ringpost::mta {

// Whole lines for one program, or from it. It belongs to the side that fills it; the other one
// sends it back when it has room for another, so at most one is under way.
struct FilterBatch : ring::Message {
  FilterBatch() : Message(nullptr) {}
  bool at_home = true;
  std::uint64_t incarnation = 0;
  std::string octets;
};

// A call on another core, for what happens seldom.
class FilterCall : ring::Message {
 public:
  static void post(ring::Core& core, std::move_only_function<void()> call) {
    core.post(*new FilterCall(std::move(call)));
  }

 private:
  explicit FilterCall(std::move_only_function<void()> call)
      : Message(&FilterCall::arrived, &FilterCall::dropped), call_(std::move(call)) {}
  static void arrived(ring::Message& message) {
    const std::unique_ptr<FilterCall> self(static_cast<FilterCall*>(&message));
    self->call_();
  }
  static void dropped(ring::Message& message) { delete static_cast<FilterCall*>(&message); }

  std::move_only_function<void()> call_;
};

}  // namespace ringpost::mta
