// The lines of smtpd-tables(7): see table_client.h.
#include "proto/table/table_client.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "proto/base/check.h"

namespace ringpost::table {
namespace {

// The version of smtpd(8) whose table programs we start; they may want to know.
constexpr std::string_view smtpd_version = "7.8.0";
constexpr std::string_view protocol_version = "0.1";
constexpr std::size_t quoted_octets_max = 80;  // of a line that an error quotes

constexpr std::string_view to_text(Operation operation) {
  switch (operation) {
    case Operation::Update:
      return "update";
    case Operation::Check:
      return "check";
    case Operation::Lookup:
      break;
  }
  return "lookup";
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// The field before the next '|', which goes too; the whole rest when there is none.
std::string_view take_field(std::string_view& rest) {
  const std::size_t bar = rest.find('|');
  const std::string_view field = rest.substr(0, bar);
  rest.remove_prefix(bar == std::string_view::npos ? rest.size() : bar + 1);
  return field;
}

std::optional<std::uint64_t> parse_id(std::string_view text) {
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return id;
}

std::string quoted(std::string_view line) {
  std::string text(line.substr(0, quoted_octets_max));
  std::ranges::replace_if(text, is_control, '?');
  return '"' + text + (line.size() > quoted_octets_max ? "…\"" : "\"");
}

}  // namespace

TableClient::TableClient(std::string_view table_name) : table_name_(table_name) {
  std::ranges::replace_if(table_name_, [](char c) { return c == '|' || is_control(c); }, '_');
  output_ = fmt::format(
      "config|smtpd-version|{}\nconfig|protocol|{}\nconfig|tablename|{}\nconfig|ready\n",
      smtpd_version, protocol_version, table_name_);
}

bool TableClient::serves(std::string_view service) const {
  return std::ranges::find(services_, service) != services_.end();
}

std::optional<std::uint64_t> TableClient::ask(Operation operation, std::string_view service,
                                              std::string_view key, WallTime now) {
  CHECK(state_ == State::Ready);
  if (key.size() > key_octets_max || std::ranges::any_of(key, is_control)) return std::nullopt;
  const std::uint64_t id = ++last_id_;
  asked_.emplace(id, operation);
  output_ += fmt::format("table|{}|{}.{:06}|{}|{}", protocol_version, now.us / 1'000'000,
                         now.us % 1'000'000, table_name_, to_text(operation));
  output_ += operation == Operation::Update ? fmt::format("|{:x}\n", id)
                                            : fmt::format("|{}|{:x}|{}\n", service, id, key);
  return id;
}

void TableClient::transmitted(std::size_t octets) {
  sent_ += octets;
  CHECK(sent_ <= output_.size());
  if (sent_ < output_.size()) return;
  output_.clear();
  sent_ = 0;
}

void TableClient::receive(std::string_view octets) {
  while (!octets.empty() && state_ != State::Broken) {
    const std::size_t end = octets.find('\n');
    input_ += octets.substr(0, end);
    if (input_.size() > reply_line_octets_max) {
      break_off(fmt::format("a line is longer than {} octets", reply_line_octets_max));
      return;
    }
    if (end == std::string_view::npos) return;
    octets.remove_prefix(end + 1);
    const std::string line = std::exchange(input_, {});
    take_line(line.ends_with('\r') ? std::string_view(line).substr(0, line.size() - 1) : line);
  }
}

void TableClient::take_line(std::string_view line) {
  if (line.contains('\0')) {
    break_off("a NUL octet in " + quoted(line));
  } else if (state_ == State::Handshake) {
    take_registration(line);
  } else {
    take_reply(line);
  }
}

// Services that we do not know are kept too: nobody will ask for them.
void TableClient::take_registration(std::string_view line) {
  std::string_view rest = line;
  if (take_field(rest) != "register" || rest.empty() || rest.contains('|')) {
    break_off("expected register|SERVICE, not " + quoted(line));
  } else if (rest != "ready") {
    services_.emplace_back(rest);
    if (services_.size() > services_max) break_off("too many services are registered");
  } else if (services_.empty()) {
    break_off("no service is registered");
  } else {
    state_ = State::Ready;
  }
}

void TableClient::take_reply(std::string_view line) {
  std::string_view rest = line;
  const std::string_view head = take_field(rest);
  const auto id = parse_id(take_field(rest));
  const auto asked = id ? asked_.find(*id) : asked_.end();
  if (asked == asked_.end()) {
    break_off("a reply to nothing that was asked: " + quoted(line));
    return;
  }
  const Operation operation = asked->second;
  const std::string_view state = take_field(rest);
  const bool done = state == (operation == Operation::Update ? "ok" : "found");
  const bool fits =
      head.ends_with("-result") && head.substr(0, head.size() - 7) == to_text(operation) &&
      (done || state == "error" || (state == "not-found" && operation != Operation::Update));
  if (!fits) {
    break_off("cannot understand the reply " + quoted(line));
    return;
  }
  asked_.erase(asked);
  TableReply reply{.id = *id, .state = ReplyState::NotFound, .text = {}};
  if (done) reply.state = ReplyState::Found;
  if (state == "error") reply.state = ReplyState::Error;
  if (reply.state == ReplyState::Error) {
    reply.text = rest.empty() ? "the table program reports an error" : std::string(rest);
  } else if (done && operation == Operation::Lookup) {
    reply.text = rest;
    if (rest.empty()) reply = {*id, ReplyState::Error, "the table program gave an empty value"};
  }
  replies_.push_back(std::move(reply));
}

std::optional<TableReply> TableClient::next_reply() {
  if (replies_.empty()) return std::nullopt;
  TableReply reply = std::move(replies_.front());
  replies_.pop_front();
  return reply;
}

void TableClient::break_off(std::string text) {
  state_ = State::Broken;
  error_ = std::move(text);
  input_.clear();
}

}  // namespace ringpost::table
