// How the work of an order becomes its reply.
#pragma once

#include <expected>
#include <utility>

#include "engine/process/agent.h"
#include "proto/base/fault.h"

namespace ringpost::process {

// The world failed: trying again may help.
inline AgentReply temporary(const Fault& fault) {
  return {AgentStatus::Temporary, fault.code, to_text(fault), {}};
}

// `text` says where the message went.
inline AgentReply reply_to(const std::expected<void, Fault>& result, std::string text) {
  if (!result) return temporary(result.error());
  return {AgentStatus::Done, 0, std::move(text), {}};
}

}  // namespace ringpost::process
