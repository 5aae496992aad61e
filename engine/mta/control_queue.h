// QueueCommands: the control commands about recipients of the queue, page by page. What is ordered
// is done as far as a page goes, and the client asks on: a queue of a million is dealt with in many
// short requests, between which the cores and other requests have their turn. On the control
// thread; a core that does not answer in time makes the request fail.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "engine/mta/control.h"
#include "engine/mta/queue_listing.h"
#include "engine/mta/worker.h"

namespace ringpost::mta {

class QueueCommands {
 public:
  explicit QueueCommands(std::span<Worker* const> workers)
      : workers_(workers.begin(), workers.end()) {}

  // `show queue`: a row for each recipient meant, a page in the order of id and recipient.
  void show(const ControlRequest& request, ControlReply& reply);
  // Counts those dealt with under `done_word`, and those that were in the middle of something under
  // "busy".
  void order(const ControlRequest& request, ControlReply& reply, OperatorOrder order,
             std::string_view done_word);

 private:
  std::vector<Worker*> workers_;
};

}  // namespace ringpost::mta
