// Local delivery: see local_delivery.h.
#include "engine/mta/local_delivery.h"

#include <fcntl.h>
#include <unistd.h>

#include "engine/mta/agents.h"
#include "engine/mta/enquiries.h"
#include "engine/mta/generation.h"
#include "engine/mta/our_account.h"
#include "engine/mta/relay_options.h"
#include "engine/process/agent_frame.h"
#include "engine/process/confinement.h"

namespace ringpost::mta {
namespace {

DeliveryResult delayed(std::string status, std::string detail) {
  return {observe::AttemptResult::Delayed, std::move(status), std::move(detail)};
}

DeliveryResult failed(std::string status, std::string detail) {
  return {observe::AttemptResult::Failed, std::move(status), std::move(detail)};
}

DeliveryResult delivered(std::string where) {
  return {observe::AttemptResult::Delivered, "2.0.0", std::move(where)};
}

// RFC 3463: X.2.2 the mailbox is full, X.3.1 the system is full, X.3.0 anything else of ours.
std::string_view status_of(int code) {
  if (code == EDQUOT || code == EFBIG) return "2.2";
  return code == ENOSPC ? "3.1" : "3.0";
}

std::string status_of(char severity, int code) {
  return std::string{severity, '.'}.append(status_of(code));
}

DeliveryResult delayed(const Fault& fault) {
  DeliveryResult result = delayed(status_of('4', fault.code), to_text(fault));
  if (fault.code == EBADMSG) result.damage = fault;
  return result;
}

DeliveryResult missing(const std::string& name, const conf::Answer& answer) {
  if (answer.state == conf::AnswerState::NotFound)
    return delayed("4.2.1", "user " + name + " is not to be found");
  return delayed("4.3.0", answer.text);
}

DeliveryResult result_of(process::AgentReply reply, bool is_command, std::string where) {
  while (reply.text.ends_with('\n')) reply.text.pop_back();  // a command's last line
  // The exit status of a command is no errno.
  const int code = is_command ? 0 : reply.code;
  switch (reply.status) {
    case process::AgentStatus::Done:
      return delivered(reply.text.empty() || !is_command ? std::move(where)
                                                         : where + ": " + reply.text);
    case process::AgentStatus::Permanent:
      return failed(status_of('5', code), std::move(reply.text));
    case process::AgentStatus::Absent:
    case process::AgentStatus::Temporary:
      break;
  }
  return delayed(status_of('4', code), std::move(reply.text));
}

}  // namespace

LocalDelivery::LocalDelivery(WorkerParts& parts, const SegmentStore& segments)
    : parts_(parts), segments_(segments), syncs_(parts.core), writer_(parts.core, syncs_) {
  our_account();  // looked up now: a core must not wait for the name service
}

ring::Task<void> LocalDelivery::deliver(DeliveryOrder& order) {
  const std::shared_ptr<const Generation> generation = parts_.generation;
  const conf::Action* action = generation->config.find_action(order.recipient.action);
  if (action == nullptr) {
    order.result =
        delayed("4.3.5", "action " + order.recipient.action + " is not in the configuration");
  } else {
    order.result = co_await by_user(order, generation, *action);
  }
}

ring::Task<DeliveryResult> LocalDelivery::by_user(const DeliveryOrder& order,
                                                  std::shared_ptr<const Generation> generation,
                                                  const conf::Action& action) {
  auto job = DeliveryJob::of(order, generation->config, action);
  if (!job) co_return delayed("4.3.5", "the addresses of the recipient cannot be read");
  const MaybeResult nobody = co_await find_people(*job, std::move(generation));
  if (nobody) co_return *nobody;
  const std::string& target = order.recipient.target;
  if (target.starts_with('/')) co_return co_await to_file(*job);
  if (target.starts_with('|')) {
    const auto command = conf::FormatString::parse(std::string_view(target).substr(1));
    if (!command) co_return delayed("4.3.5", "the command cannot be read: " + target);
    co_return co_await to_command(*job, *command);
  }
  switch (action.method) {
    case conf::Method::Maildir:
      co_return co_await to_maildir(*job);
    case conf::Method::Mbox:
      co_return co_await to_mbox(*job);
    case conf::Method::Mda:
      co_return co_await to_command(*job, action.command);
    case conf::Method::Lmtp:
      co_return delayed("4.3.5", action.lmtp_destination + " is no LMTP destination");
    case conf::Method::Relay:
      co_return delayed("4.3.5", why_no_next_hop(action, order.recipient));
    case conf::Method::ForwardOnly:
    case conf::Method::ExpandOnly:
      break;
  }
  co_return delayed("4.3.5", "action " + action.name + " delivers to no mailbox");
}

// Whose mailbox, and with whose rights; a result when one of them is not to be found.
ring::Task<LocalDelivery::MaybeResult> LocalDelivery::find_people(
    DeliveryJob& job, std::shared_ptr<const Generation> generation) {
  const std::string name = job.order.recipient.user;
  if (name.empty()) {
    job.owner = our_account();
  } else {
    // A command or a file of an alias may be for the action's own user, whom no userbase knows.
    const bool of_action = !job.order.recipient.target.empty() && name == job.action.user;
    const conf::Table* userbase = of_action ? nullptr : job.action.userbase;
    conf::Answer owner = co_await parts_.enquiries->find_user(userbase, name, generation);
    if (owner.state != conf::AnswerState::Found) co_return missing(name, owner);
    job.owner = std::move(owner.user);
  }
  job.writer = job.owner;
  if (job.action.user.empty()) co_return std::nullopt;
  conf::Answer writer = co_await parts_.enquiries->find_user(nullptr, job.action.user, generation);
  if (writer.state != conf::AnswerState::Found) co_return missing(job.action.user, writer);
  job.writer = std::move(writer.user);
  co_return std::nullopt;
}

// The folder: .Junk for what is marked as spam, else that of the sub-address where there is one.
ring::Task<DeliveryResult> LocalDelivery::to_maildir(const DeliveryJob& job) {
  auto folder = job.maildir_folder();
  if (!folder)
    co_return delayed("4.3.5", "the maildir path of action " + job.action.name + " cannot be made");
  std::string preferred = job.tag_folder(*folder);
  if (job.action.junk) {
    const auto header = co_await read_header(job);
    if (!header) co_return delayed(header.error());
    if (header->is_spam()) {
      *folder += "/.Junk";
      preferred.clear();
    }
  }
  // What the engine may not write to, although its user may, is an agent's as well.
  if (Agents::is_ourselves(job.writer.uid) && process::is_writable_path(*folder))
    co_return co_await to_own_maildir(job, std::move(*folder), std::move(preferred));
  std::string where = *folder;
  process::MaildirOrder order{std::move(*folder), std::move(preferred), job.maildir_file_name()};
  process::AgentUser user = agent_user(job.writer);
  co_return co_await by_agent(job, std::move(user), std::move(order), std::move(where));
}

// The engine's own user needs no other process.
ring::Task<DeliveryResult> LocalDelivery::to_own_maildir(const DeliveryJob& job, std::string folder,
                                                         std::string preferred) {
  const bool has_preferred = !preferred.empty() && co_await is_folder(preferred);
  if (has_preferred) folder = std::move(preferred);
  const auto buffer = buffers_.borrow();
  if (!buffer) co_return delayed(buffer.error());
  ContentReader content(parts_.core.ring(), segments_, buffer->room(), job.order.extents);
  MaildirOrder order;
  order.folder = folder;
  order.file_name = job.maildir_file_name();
  order.fields = job.fields();
  const auto done = co_await writer_.deliver(order, content);
  if (!done) co_return delayed(done.error());
  co_return delivered(std::move(folder));
}

ring::Task<DeliveryResult> LocalDelivery::to_mbox(const DeliveryJob& job) {
  process::AgentUser user = agent_user(job.writer);
  user.mailbox = true;
  process::MboxOrder order{job.from_line()};
  std::string where = std::string(process::mail_folder) + '/' + user.name;
  co_return co_await by_agent(job, std::move(user), std::move(order), std::move(where));
}

ring::Task<DeliveryResult> LocalDelivery::to_file(const DeliveryJob& job) {
  process::AppendOrder order{job.order.recipient.target, job.from_line()};
  std::string where = order.path;
  process::AgentUser user = agent_user(job.writer);
  co_return co_await by_agent(job, std::move(user), std::move(order), std::move(where));
}

// A command may send the message on, and so to itself: what was delivered to this address before is
// not given to it again.
ring::Task<DeliveryResult> LocalDelivery::to_command(const DeliveryJob& job,
                                                     const conf::FormatString& command) {
  auto order = job.command_order(command);
  if (!order)
    co_return delayed("4.3.5", "the command of action " + job.action.name + " cannot be made");
  const auto header = co_await read_header(job);
  if (!header) co_return delayed(header.error());
  if (header->was_delivered_before())
    co_return failed("5.4.6", "mail loop: it was delivered to this address before");
  std::string where = "|" + order->command;
  process::AgentUser user = agent_user(job.writer);
  co_return co_await by_agent(job, std::move(user), std::move(*order), std::move(where));
}

ring::Task<DeliveryResult> LocalDelivery::by_agent(const DeliveryJob& job, process::AgentUser user,
                                                   process::AgentOrder order, std::string where) {
  const bool is_command = std::holds_alternative<process::CommandOrder>(order);
  if (!process::is_within_limits(order)) co_return failed("5.3.0", where + " is too long");
  const auto buffer = buffers_.borrow();
  if (!buffer) co_return delayed(buffer.error());
  ContentReader content(parts_.core.ring(), segments_, buffer->room(), job.order.extents);
  const std::string fields = job.fields();
  const bool is_shared = !job.action.user.empty();
  auto reply = co_await parts_.agents->deliver(std::move(user), std::move(order), fields, content,
                                               is_shared);
  if (!reply) co_return delayed(reply.error());
  // A Maildir agent chose between folders.
  if (!is_command && reply->status == process::AgentStatus::Done && !reply->text.empty())
    where = reply->text;
  co_return result_of(std::move(*reply), is_command, std::move(where));
}

ring::Task<std::expected<mail::DeliveryScan, Fault>> LocalDelivery::read_header(
    const DeliveryJob& job) {
  using Result = std::expected<mail::DeliveryScan, Fault>;
  const auto buffer = buffers_.borrow();
  if (!buffer) co_return Result{std::unexpected(buffer.error())};
  ContentReader content(parts_.core.ring(), segments_, buffer->room(), job.order.extents);
  mail::DeliveryScan scan(job.order.recipient.final_address);
  while (true) {
    const auto piece = co_await content.next();
    if (!piece) co_return Result{std::unexpected(piece.error())};
    if (piece->empty() || !scan.scan(*piece)) break;
  }
  scan.finish();
  co_return Result{std::move(scan)};
}

ring::Task<bool> LocalDelivery::is_folder(std::string path) {
  constexpr int flags = O_PATH | O_DIRECTORY;
  const int file = co_await ring::open_at(parts_.core.ring(), AT_FDCWD, path.c_str(), flags, 0);
  if (file < 0) co_return false;
  [[maybe_unused]] const int closed = co_await ring::close_file(parts_.core.ring(), file);
  co_return true;
}

}  // namespace ringpost::mta
