// Local delivery: see local_delivery.h.
#include "engine/mta/local_delivery.h"

#include <unistd.h>

#include "engine/mta/agents.h"
#include "engine/mta/enquiries.h"
#include "engine/mta/generation.h"
#include "proto/conf/expand.h"
#include "proto/mail/trace.h"
#include "proto/smtp/path.h"
#include "store/maildir/name.h"

namespace ringpost::mta {
namespace {

DeliveryResult delayed(std::string status, std::string detail) {
  return {observe::AttemptResult::Delayed, std::move(status), std::move(detail)};
}

// RFC 3463: 4.2.2 the mailbox is full, 4.3.1 the system is full, 4.3.0 anything else of ours.
std::string_view status_of(int code) {
  if (code == EDQUOT) return "4.2.2";
  if (code == ENOSPC) return "4.3.1";
  return "4.3.0";
}

DeliveryResult failed(const Fault& fault) {
  DeliveryResult result = delayed(std::string(status_of(fault.code)), to_text(fault));
  if (fault.code == EBADMSG) result.damage = fault;
  return result;
}

DeliveryResult delivered(std::string where) {
  return {observe::AttemptResult::Delivered, "2.0.0", std::move(where)};
}

MaildirOrder order_for(const DeliveryOrder& order, std::string folder, const std::string& host) {
  MaildirOrder result;
  result.folder = std::move(folder);
  const store::MaildirDelivery name{
      .now = order.received, .process = 0, .id = order.id, .recipient = order.recipient_index};
  result.file_name = store::maildir_name(name, host);
  mail::append_return_path(result.fields, order.reverse_path);
  mail::append_delivered_to(result.fields, order.recipient.final_address);
  return result;
}

}  // namespace

LocalDelivery::LocalDelivery(WorkerParts& parts, const SegmentStore& segments)
    : parts_(parts),
      segments_(segments),
      syncs_(parts.core),
      writer_(parts.core, syncs_),
      lmtp_(parts, segments, buffers_, LmtpLimits{}) {}

ring::Task<void> LocalDelivery::deliver(DeliveryOrder& order) {
  const std::shared_ptr<const Generation> generation = parts_.generation;
  const conf::Action* action = generation->config.find_action(order.recipient.action);
  if (action == nullptr) {
    order.result =
        delayed("4.3.5", "action " + order.recipient.action + " is not in the configuration");
    co_return;
  }
  if (!order.recipient.target.empty()) {
    // Never into the mailbox instead: it waits until it can be what its alias says.
    order.result = delayed(
        "4.3.3", "an alias' command or file is not delivered to yet: " + order.recipient.target);
    co_return;
  }
  if (action->method == conf::Method::Lmtp) {
    co_await by_lmtp(order, *action);
  } else {
    order.result = co_await try_maildir(order, *action);
  }
}

// RCPT names the user, or with `rcpt-to` the address that the recipient has become.
ring::Task<void> LocalDelivery::by_lmtp(DeliveryOrder& order, const conf::Action& action) {
  smtp::ForwardPath path{{order.recipient.user, {}}};
  if (action.lmtp_rcpt_to) {
    const auto final = smtp::parse_forward_path(order.recipient.final_address);
    if (!final) {
      order.result = delayed("4.3.5", "there is no address for RCPT");
      co_return;
    }
    path = *final;
  }
  co_await lmtp_.deliver(order, action.lmtp_destination, smtp::to_text(path));
}

ring::Task<UserDirectory::Answer> LocalDelivery::find_user(const conf::Action& action,
                                                           std::string name) {
  conf::Answer answer =
      co_await parts_.enquiries->find_user(action.userbase, std::move(name), parts_.generation);
  co_return UserDirectory::Answer{answer.state, std::move(answer.user)};
}

// The folder that the action's path names for this recipient; nothing: it cannot be made.
std::optional<std::string> LocalDelivery::folder_of(const DeliveryOrder& order,
                                                    const conf::Action& action,
                                                    conf::UserInfo user) const {
  const auto sender = smtp::parse_reverse_path(order.reverse_path);
  const auto accepted = smtp::parse_forward_path(order.recipient.accepted_address);
  const auto final = smtp::parse_forward_path(order.recipient.final_address);
  if (!sender || !accepted || !final) return std::nullopt;
  conf::Delivery delivery;
  delivery.action = &action;
  delivery.user = std::move(user);
  delivery.destination_user = final->mailbox.local;
  delivery.destination_domain = final->mailbox.domain;
  auto folder = conf::maildir_path(parts_.generation->config, delivery,
                                   {sender->mailbox.local, sender->mailbox.domain},
                                   {accepted->mailbox.local, accepted->mailbox.domain});
  if (!folder || !folder->starts_with('/')) return std::nullopt;
  return folder;
}

// Steps: whose mailbox, where it is, with whose rights it is written, then the delivery itself.
ring::Task<DeliveryResult> LocalDelivery::try_maildir(const DeliveryOrder& order,
                                                      const conf::Action& action) {
  const UserDirectory::Answer owner = co_await find_user(action, order.recipient.user);
  if (owner.state != conf::AnswerState::Found)
    co_return delayed("4.2.1", "user " + order.recipient.user + " is not to be found");
  auto folder = folder_of(order, action, owner.user);
  if (!folder)
    co_return delayed("4.3.5", "the maildir path of action " + action.name + " cannot be made");
  const UserDirectory::Answer writer =
      action.user.empty() ? owner : co_await find_user(action, action.user);
  if (writer.state != conf::AnswerState::Found)
    co_return delayed("4.2.1", "user " + action.user + " is not to be found");
  co_return co_await write_maildir(order, writer.user, std::move(*folder));
}

// As the engine's own user on the ring; as anybody else by an agent.
ring::Task<DeliveryResult> LocalDelivery::write_maildir(const DeliveryOrder& order,
                                                        const conf::UserInfo& writer,
                                                        std::string folder) {
  const auto buffer = buffers_.borrow();
  if (!buffer) co_return failed(buffer.error());
  ContentReader content(parts_.core.ring(), segments_, buffer->room(), order.extents);
  MaildirOrder maildir = order_for(order, folder, parts_.generation->config.server_name);
  if (Agents::is_ourselves(writer.uid)) {
    const auto done = co_await writer_.deliver(maildir, content);
    if (!done) co_return failed(done.error());
    co_return delivered(std::move(folder));
  }
  process::MaildirOrder wish{std::move(folder), {}, std::move(maildir.file_name)};
  process::AgentUser user = agent_user(writer);
  const auto reply =
      co_await parts_.agents->deliver(std::move(user), std::move(wish), maildir.fields, content);
  if (!reply) co_return failed(reply.error());
  if (reply->status == process::AgentStatus::Done) co_return delivered(reply->text);
  co_return delayed(std::string(status_of(reply->code)), reply->text);
}

}  // namespace ringpost::mta
