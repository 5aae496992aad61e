// Senders of users: see senders.h.
#include "proto/conf/senders.h"

#include <utility>
#include <vector>

#include "proto/base/ascii.h"

namespace ringpost::conf {
namespace {

// The patterns of a row are few, and a list of them is matched as any table of addresses.
bool is_one_of(std::string_view patterns, AddressView sender, char delimiter) {
  std::vector<TableRow> rows;
  while (!patterns.empty()) {
    const std::size_t end = std::min(patterns.find(','), patterns.size());
    if (const auto pattern = ascii::trim(patterns.substr(0, end)); !pattern.empty())
      rows.push_back({.key = pattern});
    patterns.remove_prefix(std::min(end + 1, patterns.size()));
  }
  const Table table("senders", TableKind::List, rows);
  return table.matches_mail_address(sender.user, sender.domain, delimiter);
}

}  // namespace

SenderVerdict judge_sender(const Table& senders, std::string_view user, AddressView sender,
                           char delimiter, Lookups& lookups) {
  using enum SenderVerdict::State;
  std::optional<std::string> patterns;
  if (senders.backend() == TableBackend::Memory) {
    if (const auto found = senders.find(user)) patterns = *found;
  } else {
    TableQuestion question{&senders, TableService::MailAddressMap, ascii::lower(user)};
    Answer answer = lookups.ask(question);
    if (answer.state == AnswerState::Later)
      return {.state = Later, .waiting_for = std::move(question)};
    if (answer.state == AnswerState::TemporaryFailure)
      return {.state = TemporaryFailure, .reason = std::move(answer.text)};
    if (answer.state == AnswerState::Found) patterns = std::move(answer.text);
  }
  const bool allowed = patterns && is_one_of(*patterns, sender, delimiter);
  return {.state = allowed ? Allowed : Refused};
}

}  // namespace ringpost::conf
