// UserFiles: what `.forward` files and included lists say. They are read by processes that have the
// rights of their users; a `.forward` that is not there is noticed without one, and remembered for
// some seconds. Owner: one core.
#pragma once

#include <string>
#include <unordered_map>

#include "engine/mta/worker_parts.h"
#include "engine/process/agent.h"
#include "engine/ring/task.h"
#include "proto/conf/lookups.h"

namespace ringpost::mta {

// What the reader of a file said, as an answer to the question for it.
conf::Answer answer_of(const process::AgentReply& reply);

class UserFiles {
 public:
  explicit UserFiles(WorkerParts& parts) : parts_(parts) {}

  // NotFound: there was none a moment ago, or there can be none. Otherwise Later: read() it.
  conf::Answer known(const conf::ForwardQuestion& question) const;
  // A file that others could have written, one that cannot be read now and a home folder with the
  // sticky bit are temporary failures with their reasons. Never ends before it has waited.
  ring::Task<conf::Answer> read(conf::ForwardQuestion question);
  ring::Task<conf::Answer> read(conf::IncludeQuestion question);

 private:
  ring::Task<int> look_at(std::string path);
  ring::Task<bool> is_sticky(std::string folder);
  void note_absent(const std::string& home);

  WorkerParts& parts_;
  std::unordered_map<std::string, Instant> absent_;  // home folders, and until when that counts
};

}  // namespace ringpost::mta
