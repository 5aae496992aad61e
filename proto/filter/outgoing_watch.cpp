// An outgoing dialogue as reports: see outgoing_watch.h.
#include "proto/filter/outgoing_watch.h"

#include <utility>

#include <fmt/format.h>

#include "proto/base/ascii.h"

namespace ringpost::filter {
namespace {

// "<a@b> SIZE=1" without what stands around the address.
std::string_view address_in(std::string_view path) {
  const std::size_t begin = path.find('<');
  const std::size_t end = path.find('>', begin);
  if (end == std::string_view::npos) return {};
  return path.substr(begin + 1, end - begin - 1);
}

std::string_view result_of(unsigned code) {
  return code / 100 == 2 || code / 100 == 3 ? "ok" : code / 100 == 4 ? "tempfail" : "permfail";
}

bool begins(std::string_view line, std::string_view words) {
  return ascii::starts_ignoring_case(line, words);
}

}  // namespace

OutgoingWatch::OutgoingWatch(OutgoingListener& listener, bool lmtp)
    : listener_(listener), lmtp_(lmtp) {
  awaited_.push_back({Kind::Greeting});
}

void OutgoingWatch::sent(std::string_view commands) {
  while (!commands.empty()) {
    const std::size_t end = std::min(commands.find('\n'), commands.size() - 1);
    std::string_view line = commands.substr(0, end + 1);
    commands.remove_prefix(end + 1);
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    command(line);
  }
}

void OutgoingWatch::command(std::string_view line) {
  using enum ReportEvent;
  if (logs_in_) {
    listener_.overheard(ProtocolClient, {"***"});
    awaited_.push_back({Kind::Auth});
    return;
  }
  const bool is_auth = begins(line, "AUTH ");
  const std::string_view mechanism = line.substr(0, line.find(' ', 5));
  const bool has_secret = is_auth && mechanism.size() < line.size();
  listener_.overheard(ProtocolClient,
                      {has_secret ? fmt::format("{} ***", mechanism) : std::string(line)});
  Awaited awaited;
  if (begins(line, "EHLO ") || begins(line, "HELO ") || begins(line, "LHLO ")) {
    listener_.overheard(LinkIdentify, {line.substr(0, 4), line.substr(5)});
  } else if (is_auth) {
    logs_in_ = true;
    awaited.kind = Kind::Auth;
  } else if (begins(line, "MAIL FROM:")) {
    awaited = {Kind::Mail, std::string(address_in(line)), std::exchange(next_message_, {})};
  } else if (begins(line, "RCPT TO:")) {
    awaited = {Kind::Recipient, std::string(address_in(line))};
  } else if (begins(line, "DATA")) {
    awaited.kind = Kind::Data;
  } else if (begins(line, "BDAT ")) {
    awaited.kind = Kind::Chunk;
  } else if (begins(line, "RSET")) {
    awaited.kind = Kind::Reset;
  }
  awaited_.push_back(std::move(awaited));
}

void OutgoingWatch::content_sent(std::uint64_t octets, bool chunked) {
  octets_ = octets;
  if (!chunked) listener_.overheard(ReportEvent::ProtocolClient, {"."});
}

void OutgoingWatch::begin(std::string message) { next_message_ = std::move(message); }

void OutgoingWatch::received(std::string_view octets) {
  while (!octets.empty()) {
    const std::size_t end = octets.find('\n');
    const std::string_view part = octets.substr(0, end);
    line_ += part.substr(0, line_octets_max + 1 - line_.size());
    if (end == std::string_view::npos) return;
    octets.remove_prefix(end + 1);
    if (line_.ends_with('\r')) line_.pop_back();
    const std::string line = std::exchange(line_, {});
    reply_line(std::string_view(line).substr(0, line_octets_max));
  }
}

void OutgoingWatch::reply_line(std::string_view line) {
  listener_.overheard(ReportEvent::ProtocolServer, {line});
  const bool has_code = line.size() >= 3 && ascii::is_digit(line[0]) && ascii::is_digit(line[1]) &&
                        ascii::is_digit(line[2]);
  if (!has_code || (line.size() > 3 && line[3] == '-')) return;
  const auto digit = [line](std::size_t at) { return static_cast<unsigned>(line[at] - '0'); };
  replied(digit(0) * 100 + digit(1) * 10 + digit(2), line.size() > 4 ? line.substr(4) : "");
}

void OutgoingWatch::replied(unsigned code, std::string_view text) {
  using enum ReportEvent;
  if (awaited_.empty()) return;
  Awaited awaited = std::move(awaited_.front());
  awaited_.pop_front();
  switch (awaited.kind) {
    case Kind::Greeting:
      listener_.overheard(LinkGreeting, {text.substr(0, text.find(' '))});
      break;
    case Kind::Auth:
      if (code == 334) break;
      logs_in_ = false;
      listener_.overheard(LinkAuth, {user_, code / 100 == 2   ? "pass"
                                            : code / 100 == 5 ? "fail"
                                                              : "error"});
      break;
    case Kind::Mail:
      drop_message();
      message_ = std::move(awaited.message);
      if (message_.empty()) break;
      recipients_ = accepted_ = 0;
      taken_ = false;
      listener_.overheard(TxBegin, {message_});
      listener_.overheard(TxMail, {message_, result_of(code), awaited.address});
      break;
    case Kind::Recipient:
      if (message_.empty()) break;
      listener_.overheard(TxEnvelope, {message_, fmt::format("{}{:04x}", message_, recipients_++)});
      if (code / 100 == 2) ++accepted_;
      listener_.overheard(TxRcpt, {message_, result_of(code), awaited.address});
      break;
    case Kind::Data:
      if (message_.empty()) break;
      listener_.overheard(TxData, {message_, result_of(code)});
      if (code == 354) awaited_.push_front({Kind::Content});
      break;
    case Kind::Chunk:
      if (!message_.empty()) listener_.overheard(TxData, {message_, result_of(code)});
      content_replied(code);
      break;
    case Kind::Content:
      content_replied(code);
      break;
    case Kind::Reset:
      drop_message();
      break;
    case Kind::Other:
      break;
  }
}

void OutgoingWatch::content_replied(unsigned code) {
  if (message_.empty()) return;
  if (code / 100 == 2) taken_ = true;
  if (lmtp_ && accepted_ > 1) {
    --accepted_;
    awaited_.push_front({Kind::Content});
    return;
  }
  if (!taken_) return drop_message();
  listener_.overheard(ReportEvent::TxCommit, {message_, fmt::format("{}", octets_)});
  listener_.overheard(ReportEvent::TxReset, {message_});
  message_.clear();
}

void OutgoingWatch::drop_message() {
  if (message_.empty()) return;
  listener_.overheard(ReportEvent::TxRollback, {message_});
  listener_.overheard(ReportEvent::TxReset, {message_});
  message_.clear();
}

void OutgoingWatch::closed() {
  drop_message();
  listener_.overheard(ReportEvent::LinkDisconnect, {});
}

}  // namespace ringpost::filter
