// How a task waits for the spool: for a record to be durable, and for room.
#pragma once

#include "engine/mta/spooler.h"
#include "engine/ring/await.h"

namespace ringpost::mta {

// Given to Spooler::append(); co_await settled, then durable says how it ended.
struct AwaitedCommit : Commit {
  AwaitedCommit() : Commit(&AwaitedCommit::told) {}
  static void told(Commit& commit, bool was_durable) {
    auto& self = static_cast<AwaitedCommit&>(commit);
    self.durable = was_durable;
    self.settled.set();
  }
  bool durable = false;
  ring::Signal settled;
};

// Given to Spooler::wait_for_room(); co_await room.
struct AwaitedRoom : RoomWaiter {
  AwaitedRoom() : RoomWaiter(&AwaitedRoom::told) {}
  static void told(RoomWaiter& waiter) { static_cast<AwaitedRoom&>(waiter).room.set(); }
  ring::Signal room;
};

}  // namespace ringpost::mta
