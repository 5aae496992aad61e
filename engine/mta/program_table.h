// ProgramTable: a table that a program answers for, smtpd-tables(7). One process serves all cores;
// a thread talks to it. When it ends or breaks the protocol, whoever waits gets a temporary
// failure, and it is started again, after a pause that grows while that goes on.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "engine/mta/table_source.h"
#include "engine/observe/event_log.h"
#include "engine/process/child.h"
#include "proto/table/table_client.h"

namespace ringpost::mta {

// As it is started: an absolute path and arguments, with blanks between.
std::vector<std::string> words_of_command(std::string_view command);

class ProgramTable final : public TableSource {
 public:
  // `command`: see words_of_command(). `log` and `parent`, who starts it (null: we do), outlive the
  // table.
  ProgramTable(std::string name, const std::string& command, observe::EventLog& log,
               process::ParentLink* parent = nullptr);
  ~ProgramTable() override;
  ProgramTable(const ProgramTable&) = delete;
  ProgramTable& operator=(const ProgramTable&) = delete;

  void ask(TableEnquiry& enquiry) override;
  std::optional<std::string> update() override;
  void settle() override { const std::lock_guard guard(lock_); }

 private:
  // What was asked and is not answered: of a core, or (null) the update that somebody waits for.
  struct Asked {
    TableEnquiry* enquiry = nullptr;
    Instant deadline = never;
  };
  struct Updating {
    Instant deadline = never;
    bool sent = false;
    bool done = false;
    std::optional<std::string> error = {};
  };

  void run();
  void start_program(Instant now);
  // `reason` by value: it may come from the client, which ends here.
  void end_program(std::string reason, Instant now);
  void converse(Instant now);
  void read_output(Instant now);
  void write_input(Instant now);
  void send_questions();
  void send_update();
  void take_replies();
  void expire(Instant now);
  void settle_update(std::optional<std::string> error);
  void fail(TableEnquiry& enquiry, std::string reason);
  void wait(Instant now);
  Instant next_deadline() const;
  void wake() const;

  std::string name_;
  std::vector<std::string> words_;
  observe::EventLog& log_;
  process::ParentLink* parent_;
  int wake_file_;

  std::mutex lock_;  // of what other threads touch
  std::condition_variable updated_;
  std::deque<TableEnquiry*> enquiries_;  // not yet sent
  std::optional<Updating> updating_;
  bool stopping_ = false;

  // Of the thread.
  std::optional<process::Child> child_;
  std::optional<table::TableClient> client_;
  std::unordered_map<std::uint64_t, Asked> asked_;  // sent, by number
  Instant started_{};
  Instant start_after_{};
  Duration pause_{};
  std::thread thread_;
};

}  // namespace ringpost::mta
