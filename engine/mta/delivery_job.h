// DeliveryJob: what is known of one local delivery before it begins: whose mailbox, as whom, the
// addresses, and what follows from them: paths, commands and their environment, the fields that are
// put before the message. Values only. Nothing means: this cannot be made of these addresses.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "engine/mta/delivery_order.h"
#include "engine/process/agent.h"
#include "proto/conf/config.h"
#include "proto/smtp/path.h"

namespace ringpost::mta {

struct DeliveryJob {
  // Nothing: the addresses of the order are none. What is named must outlive the job.
  static std::optional<DeliveryJob> of(const DeliveryOrder& order, const conf::Config& config,
                                       const conf::Action& action);

  const DeliveryOrder& order;
  const conf::Config& config;
  const conf::Action& action;
  smtp::Mailbox sender;        // both parts empty: the null path
  smtp::Mailbox recipient;     // as the client gave it
  smtp::Mailbox destination;   // what it has become
  conf::UserInfo owner = {};   // whose mailbox
  conf::UserInfo writer = {};  // as whom it is written, or runs

  conf::FormatValues values() const;
  // Return-Path and Delivered-To, lines ended by CRLF.
  std::string fields() const;
  // The separator of an mbox, without its line end.
  std::string from_line() const;
  // The folder that the action's path names.
  std::optional<std::string> maildir_folder() const;
  // The folder of the sub-address below it; empty: there is no sub-address.
  std::string tag_folder(const std::string& maildir) const;
  std::string maildir_file_name() const;
  // `command` with its specifiers filled in, inside the action's wrapper if it has one.
  std::optional<process::CommandOrder> command_order(const conf::FormatString& command) const;
};

}  // namespace ringpost::mta
