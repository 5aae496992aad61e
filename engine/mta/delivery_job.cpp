// What follows from the facts of one local delivery: see delivery_job.h.
#include "engine/mta/delivery_job.h"

#include <algorithm>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/mail/trace.h"
#include "store/maildir/name.h"

namespace ringpost::mta {
namespace {

constexpr std::string_view search_path =
    "/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin:/usr/local/sbin";

// Values come from strangers: what a script that forgot its quotes would trip over becomes ':'. A
// blank would make two words of a value, the second one perhaps an option.
std::string harmless(std::string_view value) {
  constexpr std::string_view unsafe = "\\`$\"' ";
  std::string result(value);
  std::ranges::replace_if(
      result, [&](char c) { return ascii::is_control(c) || unsafe.contains(c); }, ':');
  return result;
}

std::string address_text(const smtp::Mailbox& mailbox) {
  if (mailbox.local.empty() && mailbox.domain.empty()) return {};
  return mailbox.local + "@" + mailbox.domain;
}

// A folder below a Maildir: no slash, and no name that means another folder.
std::string folder_name(std::string_view tag) {
  constexpr std::string_view unsafe = "!#$%&'*/?^`{|}~";
  std::string result(tag);
  std::ranges::replace_if(
      result, [&](char c) { return ascii::is_control(c) || unsafe.contains(c); }, ':');
  return result == "." ? ":" : result;  // "..", with the dot before it
}

}  // namespace

std::optional<DeliveryJob> DeliveryJob::of(const DeliveryOrder& order, const conf::Config& config,
                                           const conf::Action& action) {
  auto sender = smtp::parse_reverse_path(order.reverse_path);
  auto accepted = smtp::parse_forward_path(order.recipient.accepted_address);
  auto final = smtp::parse_forward_path(order.recipient.final_address);
  if (!sender || !accepted || !final) return std::nullopt;
  return DeliveryJob{.order = order,
                     .config = config,
                     .action = action,
                     .sender = std::move(sender->mailbox),
                     .recipient = std::move(accepted->mailbox),
                     .destination = std::move(final->mailbox)};
}

conf::FormatValues DeliveryJob::values() const {
  return {.sender = {sender.local, sender.domain},
          .recipient = {recipient.local, recipient.domain},
          .destination = {destination.local, destination.domain},
          .username = owner.username,
          .directory = owner.directory,
          .delimiter = config.smtp.sub_address_delimiter};
}

std::string DeliveryJob::fields() const {
  std::string result;
  mail::append_return_path(result, order.reverse_path);
  mail::append_delivered_to(result, order.recipient.final_address);
  return result;
}

std::string DeliveryJob::from_line() const {
  std::string result;
  mail::append_from_line(result, order.reverse_path, order.received);
  return result;
}

std::optional<std::string> DeliveryJob::maildir_folder() const {
  auto folder = action.path.expand(values());
  if (!folder || !folder->starts_with('/')) return std::nullopt;
  return folder;
}

std::string DeliveryJob::tag_folder(const std::string& maildir) const {
  const std::string name = folder_name(order.recipient.sub_address);
  return name.empty() ? std::string() : maildir + "/." + name;
}

std::string DeliveryJob::maildir_file_name() const {
  const store::MaildirDelivery name{
      .now = order.received, .process = 0, .id = order.id, .recipient = order.recipient_index};
  return store::maildir_name(name, config.server_name);
}

std::optional<process::CommandOrder> DeliveryJob::command_order(
    const conf::FormatString& command) const {
  conf::FormatValues filled = values();
  filled.for_shell = true;
  auto text = command.expand(filled);
  if (!text || text->empty()) return std::nullopt;
  if (action.wrapper != nullptr) {
    filled.mda = *text;
    auto wrapped = action.wrapper->command.expand(filled);
    if (!wrapped || wrapped->empty()) return std::nullopt;
    text = std::move(wrapped);
  }
  process::CommandOrder result;
  result.command = std::move(*text);
  // A user of the system may have no home; an agent is told a folder.
  const std::string home = writer.directory.starts_with('/') ? writer.directory : "/";
  result.folder = home;
  result.seconds_max = config.engine.command_seconds_max;
  const auto set = [&result](std::string_view name, std::string_view value) {
    result.environment.push_back(fmt::format("{}={}", name, value));
  };
  set("PATH", search_path);
  set("SHELL", "/bin/sh");
  set("HOME", home);
  set("LOGNAME", owner.username);
  set("USER", owner.username);
  set("SENDER", harmless(address_text(sender)));
  set("RECIPIENT", harmless(address_text(destination)));
  set("ORIGINAL_RECIPIENT", harmless(address_text(recipient)));
  set("LOCAL", harmless(recipient.local));
  set("DOMAIN", harmless(recipient.domain));
  if (!order.recipient.sub_address.empty()) set("EXTENSION", harmless(order.recipient.sub_address));
  return result;
}

}  // namespace ringpost::mta
