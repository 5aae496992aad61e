// Tables of programs: see program_table.h. The thread waits in poll(2) for the program, for new
// questions and for the next deadline; nothing else in it blocks.
#include "engine/mta/program_table.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/ring/clock.h"
#include "engine/ring/quiet_thread.h"
#include "proto/base/check.h"

namespace ringpost::mta {
namespace {

constexpr Duration handshake_max = seconds(10);
constexpr Duration update_max = seconds(10);
constexpr Duration pause_min = milliseconds(100);
constexpr Duration pause_max = seconds(30);
constexpr Duration sound_after = seconds(10);  // it has lived: the next pause is short again
// Questions that one program has been sent and not answered; the others wait here.
constexpr std::size_t asked_max = 1000;

using conf::TableService;

std::string_view name_of(TableService service) {
  switch (service) {
    case TableService::Alias:
      return "alias";
    case TableService::Domain:
      return "domain";
    case TableService::NetAddress:
      return "netaddr";
    case TableService::UserInfo:
      return "userinfo";
    case TableService::MailAddress:
      return "mailaddr";
    case TableService::MailAddressMap:
      return "mailaddrmap";
    case TableService::Credentials:
      return "credentials";
    case TableService::Source:
      return "source";
    case TableService::AddressName:
      return "addrname";
    case TableService::RelayHost:
      return "relayhost";
    case TableService::String:
      return "string";
    case TableService::Regex:
      break;
  }
  return "regex";
}

// Lists are asked whether they hold the key, maps what stands there.
table::Operation operation_of(TableService service) {
  switch (service) {
    case TableService::Domain:
    case TableService::NetAddress:
    case TableService::MailAddress:
    case TableService::Source:
    case TableService::String:
    case TableService::Regex:
      return table::Operation::Check;
    case TableService::Alias:
    case TableService::UserInfo:
    case TableService::MailAddressMap:
    case TableService::Credentials:
    case TableService::AddressName:
    case TableService::RelayHost:
      break;
  }
  return table::Operation::Lookup;
}

conf::Answer answer_of(table::TableReply reply) {
  conf::Answer answer{.state = conf::AnswerState::TemporaryFailure};
  if (reply.state == table::ReplyState::Found) answer.state = conf::AnswerState::Found;
  if (reply.state == table::ReplyState::NotFound) answer.state = conf::AnswerState::NotFound;
  answer.text = std::move(reply.text);
  return answer;
}

}  // namespace

std::vector<std::string> words_of_command(std::string_view command) {
  std::vector<std::string> words;
  while (!command.empty()) {
    const std::size_t blank = std::min(command.find(' '), command.size());
    if (blank > 0) words.emplace_back(command.substr(0, blank));
    command.remove_prefix(std::min(blank + 1, command.size()));
  }
  return words;
}

ProgramTable::ProgramTable(std::string name, const std::string& command, observe::EventLog& log,
                           process::ParentLink* parent)
    : name_(std::move(name)),
      words_(words_of_command(command)),
      log_(log),
      parent_(parent),
      wake_file_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CHECK(wake_file_ >= 0 && !words_.empty());
  thread_ = ring::quiet_thread([this] { run(); });
}

ProgramTable::~ProgramTable() {
  {
    const std::lock_guard guard(lock_);
    stopping_ = true;
  }
  wake();
  thread_.join();
  close(wake_file_);
}

void ProgramTable::ask(TableEnquiry& enquiry) {
  const std::lock_guard guard(lock_);
  if (enquiries_.size() >= enquiries_waiting_max) {
    enquiry.answer = failure("too many questions wait");
    give_back(enquiry);
    return;
  }
  enquiries_.push_back(&enquiry);
  if (enquiries_.size() == 1) wake();
}

std::optional<std::string> ProgramTable::update() {
  std::unique_lock guard(lock_);
  CHECK(!updating_);  // only the control thread asks, one thing after the other
  updating_ = Updating{.deadline = ring::monotonic_now() + update_max};
  wake();
  updated_.wait(guard, [this] { return updating_->done; });
  std::optional<std::string> error = std::move(updating_->error);
  updating_.reset();
  return error;
}

void ProgramTable::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t told = write(wake_file_, &one, sizeof one);
}

void ProgramTable::run() {
  while (true) {
    const Instant now = ring::monotonic_now();
    {
      const std::lock_guard guard(lock_);
      if (stopping_) break;
    }
    if (!child_ && now >= start_after_) start_program(now);
    if (child_) converse(now);
    expire(now);
    wait(now);
  }
  child_.reset();
  for (const auto& [id, asked] : asked_)
    if (asked.enquiry != nullptr) fail(*asked.enquiry, "the daemon stops");
}

void ProgramTable::start_program(Instant now) {
  started_ = now;
  auto child = process::Child::start(words_, name_, parent_);
  if (!child) {
    end_program(to_text(child.error()), now);
    return;
  }
  child_.emplace(std::move(*child));
  client_.emplace(name_);
  log_.emit(ring::wall_now(),
            observe::TableStarted{.table = name_, .program = words_[0], .pid = child_->pid()});
}

// Everybody who waits is told; a program that never lives long is started ever more rarely.
void ProgramTable::end_program(std::string reason, Instant now) {
  const bool lived = child_ && now - started_ >= sound_after;
  pause_ = lived || pause_ == Duration{} ? pause_min : std::min(pause_ * 2, pause_max);
  start_after_ = now + pause_;
  child_.reset();
  client_.reset();
  log_.emit(ring::wall_now(), observe::TableEnded{.table = name_,
                                                  .program = words_[0],
                                                  .reason = reason,
                                                  .unanswered = asked_.size(),
                                                  .pause = pause_});
  for (const auto& [id, asked] : asked_)
    if (asked.enquiry != nullptr) fail(*asked.enquiry, reason);
  asked_.clear();
}

void ProgramTable::converse(Instant now) {
  read_output(now);
  if (!child_) return;
  if (client_->state() == table::TableClient::State::Broken) {
    end_program(client_->error(), now);
    return;
  }
  if (client_->state() == table::TableClient::State::Handshake) {
    if (now - started_ >= handshake_max) {
      end_program("no handshake within 10 s", now);
      return;
    }
  } else {
    take_replies();
    send_update();
    send_questions();
  }
  write_input(now);
}

void ProgramTable::read_output(Instant now) {
  std::array<char, 16'384> room;
  while (true) {
    const ssize_t got = read(child_->output(), room.data(), room.size());
    if (got > 0) {
      client_->receive({room.data(), static_cast<std::size_t>(got)});
      continue;
    }
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    // What it said last counts still.
    if (client_->state() == table::TableClient::State::Ready) take_replies();
    end_program("the program has ended", now);
    return;
  }
}

void ProgramTable::write_input(Instant now) {
  while (!client_->transmit().empty()) {
    const std::string_view rest = client_->transmit();
    const ssize_t count = write(child_->input(), rest.data(), rest.size());
    if (count >= 0) {
      client_->transmitted(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != EINTR) {
      end_program("the program does not listen any more", now);
      return;
    }
  }
}

void ProgramTable::send_questions() {
  const WallTime now = ring::wall_now();
  const std::lock_guard guard(lock_);
  while (!enquiries_.empty() && asked_.size() < asked_max) {
    TableEnquiry& enquiry = *enquiries_.front();
    enquiries_.pop_front();
    const std::string_view service = name_of(enquiry.service);
    if (!client_->serves(service)) {
      enquiry.answer = failure(fmt::format("the program does not serve \"{}\"", service));
      give_back(enquiry);
      continue;
    }
    const auto id = client_->ask(operation_of(enquiry.service), service, enquiry.key, now);
    if (id) {
      asked_.emplace(*id, Asked{&enquiry, enquiry.deadline});
    } else {
      enquiry.answer = {.state = conf::AnswerState::NotFound};  // no such key can be there
      give_back(enquiry);
    }
  }
}

void ProgramTable::send_update() {
  const std::lock_guard guard(lock_);
  if (!updating_ || updating_->sent) return;
  updating_->sent = true;
  asked_.emplace(*client_->update(ring::wall_now()), Asked{nullptr, never});
}

void ProgramTable::take_replies() {
  while (auto reply = client_->next_reply()) {
    const auto asked = asked_.find(reply->id);
    if (asked == asked_.end()) continue;  // it came too late
    TableEnquiry* const enquiry = asked->second.enquiry;
    asked_.erase(asked);
    const bool done = reply->state == table::ReplyState::Found;
    if (enquiry == nullptr) {
      settle_update(done ? std::nullopt : std::optional(std::move(reply->text)));
      continue;
    }
    const std::lock_guard guard(lock_);
    enquiry->answer = answer_of(std::move(*reply));
    give_back(*enquiry);
  }
}

void ProgramTable::fail(TableEnquiry& enquiry, std::string reason) {
  const std::lock_guard guard(lock_);
  enquiry.answer = failure(std::move(reason));
  give_back(enquiry);
}

void ProgramTable::settle_update(std::optional<std::string> error) {
  const std::lock_guard guard(lock_);
  if (!updating_ || updating_->done) return;
  updating_->done = true;
  updating_->error = std::move(error);
  updated_.notify_all();
}

// Questions whose time is up, and all of them while there is no program.
void ProgramTable::expire(Instant now) {
  for (auto asked = asked_.begin(); asked != asked_.end();) {
    if (asked->second.deadline > now) {
      ++asked;
      continue;
    }
    fail(*asked->second.enquiry, "the program has not answered in time");
    asked = asked_.erase(asked);
  }
  bool update_over = false;
  {
    const std::lock_guard guard(lock_);
    std::erase_if(enquiries_, [&](TableEnquiry* enquiry) {
      if (child_ && enquiry->deadline > now) return false;
      enquiry->answer =
          failure(child_ ? "the program has not answered in time" : "the program is not running");
      give_back(*enquiry);
      return true;
    });
    update_over = updating_ && !updating_->done && (!child_ || updating_->deadline <= now);
  }
  if (update_over)
    settle_update(child_ ? "the program has not answered in time" : "the program is not running");
}

Instant ProgramTable::next_deadline() const {
  Instant next = never;
  if (!child_) next = start_after_;
  if (child_ && client_->state() == table::TableClient::State::Handshake)
    next = started_ + handshake_max;
  for (const auto& [id, asked] : asked_) next = std::min(next, asked.deadline);
  return next;
}

void ProgramTable::wait(Instant now) {
  Instant until = next_deadline();
  {
    const std::lock_guard guard(lock_);
    for (const TableEnquiry* enquiry : enquiries_) until = std::min(until, enquiry->deadline);
    if (updating_ && !updating_->done) until = std::min(until, updating_->deadline);
  }
  const bool writing = child_ && !client_->transmit().empty();
  std::array<pollfd, 3> polled{{{wake_file_, POLLIN, 0},
                                {child_ ? child_->output() : -1, POLLIN, 0},
                                {writing ? child_->input() : -1, POLLOUT, 0}}};
  // Rounded up, so that the deadline has passed when poll() says so.
  const auto left = until == never ? std::int64_t{-1} : (until - now).milliseconds() + 1;
  poll(polled.data(), polled.size(),
       static_cast<int>(std::clamp<std::int64_t>(left, until == never ? -1 : 0, 60'000)));
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = read(wake_file_, &count, sizeof count);
}

}  // namespace ringpost::mta
