// Enquiries: the questions of one core that are on their way to users, tables and files. Each has a
// deadline, after which the asker gets a temporary failure; what was asked may still be at work
// then, and the core stays until it has come back. Owner: one core.
#pragma once

#include <list>
#include <memory>

#include "engine/mta/generation.h"
#include "engine/mta/user_files.h"
#include "engine/mta/worker_parts.h"
#include "engine/ring/task.h"
#include "proto/conf/lookups.h"

namespace ringpost::mta {

// How long a question may take before a recipient is put off.
inline constexpr Duration enquiry_max = seconds(30);
// Questions of one core that are under way; more fail for now.
inline constexpr std::size_t enquiries_max = 20'000;

struct Enquiry;

class EnquiryAsker {
 public:
  // In a turn of the core of its own, never from within ask().
  virtual void answered(conf::Answer answer) = 0;

 protected:
  ~EnquiryAsker() = default;

 private:
  friend class Enquiries;
  Enquiry* under_way_ = nullptr;
};

class Enquiries {
 public:
  explicit Enquiries(WorkerParts& parts);
  // Only when idle.
  ~Enquiries();
  Enquiries(const Enquiries&) = delete;
  Enquiries& operator=(const Enquiries&) = delete;

  // No room for another question.
  bool full() const;
  // A user, a table that is not in memory, or a user's file; not when full. `asker` is answered
  // once, unless forget() is called before; one question at a time for each.
  void ask(conf::Question question, std::shared_ptr<const Generation> generation,
           EnquiryAsker& asker);
  void forget(EnquiryAsker& asker);
  // The same for a task.
  ring::Task<conf::Answer> find(conf::Question question,
                                std::shared_ptr<const Generation> generation);
  // A user of `userbase`, or of the system when it is null. The table must stay until the end; one
  // that `generation` does not have is a temporary failure.
  ring::Task<conf::Answer> find_user(const conf::Table* userbase, std::string name,
                                     std::shared_ptr<const Generation> generation);
  // What is known of a `.forward` without asking; Later: ask.
  conf::Answer known(const conf::ForwardQuestion& question) const { return files_.known(question); }
  // Nothing is under way any more.
  bool idle() const;

 private:
  friend struct Enquiry;
  void ask_user(Enquiry& enquiry);
  void ask_table(Enquiry& enquiry);
  ring::Task<void> ask_file(Enquiry& enquiry);
  void come_back(Enquiry& enquiry, conf::Answer answer);
  void tell(Enquiry& enquiry, conf::Answer answer);

  WorkerParts& parts_;
  std::list<Enquiry> under_way_;
  UserFiles files_;
  ring::Scope reading_;
};

}  // namespace ringpost::mta
