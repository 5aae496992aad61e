// OutgoingCommands: why a recipient waits, and what is known of the servers that mail goes to. On
// the control thread; a core that does not answer in time makes the request fail.
#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "engine/mta/control.h"
#include "engine/mta/worker.h"

namespace ringpost::mta {

class OutgoingCommands {
 public:
  explicit OutgoingCommands(std::span<Worker* const> workers)
      : workers_(workers.begin(), workers.end()) {}

  // `why ID[.N]`: a row for each recipient of the message that is not done: {"id","recipient",
  // "obstacle","text","destination","until","deadline","attempts","last_error"}. Constant time for
  // each.
  void why(const ControlRequest& request, ControlReply& reply);
  // `show destinations [domain NAME] [limit N]`, those with most recipients first:
  // {"destination","waiting","ready","under_way","connections","window","state","until",
  // "last_failure"}.
  void destinations(const ControlRequest& request, ControlReply& reply);
  // `show hosts`: {"server","destination","connections"}.
  void hosts(const ControlRequest& request, ControlReply& reply);
  // `show routes DOMAIN`: {"action","destination","addresses","failure"} for each action that sends
  // to other servers.
  void routes(const ControlRequest& request, ControlReply& reply);
  // `mta`, or `mta for DOMAIN`. True: the words were these.
  bool pause(std::span<const std::string> words, bool paused, ControlReply& reply);
  // {"name","paused"}
  void list_pauses(ControlReply& reply) const;

 private:
  std::vector<Worker*> workers_;
  bool paused_ = false;
  std::set<std::string> paused_domains_;
};

}  // namespace ringpost::mta
