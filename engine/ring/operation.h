// Operation: the caller-owned record of one request to the kernel. No allocation per request; the
// memory must stay where it is until the last completion has been handled, which the destructor
// checks. Owner: the core whose ring it was given to. Handlers run from the loop, never nested.
#pragma once

#include <cstdint>

#include "proto/base/check.h"

namespace ringpost::ring {

// What the kernel said: `result` as the system call would return it, or a negative errno.
struct Completion {
  std::int32_t result = 0;
  std::uint32_t flags = 0;  // IORING_CQE_F_*
};

class Operation {
 public:
  using Handler = void (*)(Operation&, Completion);

  explicit Operation(Handler handler) : handler_(handler) {}
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  ~Operation() { CHECK(!in_flight_); }

  // True from preparation until the completion without IORING_CQE_F_MORE has been taken.
  bool in_flight() const { return in_flight_; }

 private:
  friend class Ring;
  Handler handler_;
  bool in_flight_ = false;
};

// An Operation whose completions call a member function of the object that holds it.
template <class Owner, void (Owner::*handler)(Completion)>
class OperationOf : public Operation {
 public:
  explicit OperationOf(Owner& owner) : Operation(&OperationOf::dispatch), owner_(owner) {}

 private:
  static void dispatch(Operation& operation, Completion completion) {
    (static_cast<OperationOf&>(operation).owner_.*handler)(completion);
  }

  Owner& owner_;
};

}  // namespace ringpost::ring
