// Drives a ServerSession as its owner would, and writes down what happened as readable lines: "S: "
// a reply line, "= " an event. Used by the golden dialogues, the properties and the fuzz target.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "proto/base/check.h"
#include "proto/smtp/server_session.h"

namespace ringpost::test {

// CR, LF, backslashes and what is not printable as escapes.
inline std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\r') {
      result += "\\r";
    } else if (c == '\n') {
      result += "\\n";
    } else if (c == '\\') {
      result += "\\\\";
    } else if (c < ' ' || c > '~') {
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      result += c;
    }
  }
  return result;
}

// Events as lines, without the content (Dialogue gathers that).
struct EventText {
  std::string operator()(const smtp::Opened&) const { return "opened"; }
  std::string operator()(const smtp::HelloReceived& e) const {
    return fmt::format("hello {} {}", e.extended ? "EHLO" : "HELO", e.name);
  }
  std::string operator()(const smtp::StartTlsReceived&) const { return "starttls"; }
  std::string operator()(const smtp::AuthStep& e) const {
    const std::string response =
        e.response ? fmt::format(" '{}'", escaped(e.response->reveal())) : "";
    return fmt::format("auth{}{}{}", e.mechanism.empty() ? "" : " ", e.mechanism, response);
  }
  std::string operator()(const smtp::AuthAborted&) const { return "auth aborted"; }
  std::string operator()(const smtp::MailFrom& e) const {
    std::string text = fmt::format("mail <{}>", escaped(to_text(e.sender)));
    if (e.size) text += fmt::format(" size={}", *e.size);
    if (e.body == smtp::BodyType::SevenBit) text += " body=7bit";
    if (e.body == smtp::BodyType::EightBitMime) text += " body=8bitmime";
    if (e.smtputf8) text += " smtputf8";
    if (e.ret == smtp::ReturnContent::Full) text += " ret=full";
    if (e.ret == smtp::ReturnContent::Headers) text += " ret=hdrs";
    if (e.names_author) text += " auth";
    if (!e.envelope_id.empty()) text += fmt::format(" envid={}", e.envelope_id);
    return text;
  }
  std::string operator()(const smtp::RcptTo& e) const {
    std::string text = fmt::format("rcpt <{}>", escaped(to_text(e.recipient)));
    if (e.notify.is_given()) text += fmt::format(" notify={}", e.notify.bits);
    if (!e.original_recipient.empty())
      text += fmt::format(" orcpt={}", escaped(e.original_recipient));
    return text;
  }
  std::string operator()(const smtp::ContentBegin& e) const {
    return e.chunked ? "begin chunked" : "begin";
  }
  std::string operator()(const smtp::Content&) const { return "content"; }
  std::string operator()(const smtp::ContentEnd& e) const {
    return fmt::format("end {}{}{}{}", e.octets, e.fields.date ? " date" : "",
                       e.fields.from ? " from" : "", e.fields.message_id ? " message-id" : "");
  }
  std::string operator()(const smtp::ContentAborted& e) const {
    constexpr std::string_view names[] = {"too-big",  "bare-line-end",   "too-many-received",
                                          "reset",    "connection-lost", "timed-out",
                                          "shut-down"};
    return fmt::format("aborted {}", names[static_cast<std::size_t>(e.reason)]);
  }
  std::string operator()(const smtp::Reset&) const { return "reset"; }
  std::string operator()(const smtp::SmallCommand& e) const {
    constexpr std::string_view words[] = {"rset", "noop", "help", "quit"};
    return fmt::format("small {}", words[static_cast<unsigned>(e.kind)]);
  }
  std::string operator()(const smtp::Violation& e) const {
    constexpr std::string_view names[] = {"syntax", "sequence", "line-too-long", "bare-line-end"};
    return fmt::format("violation {}", names[static_cast<std::size_t>(e.kind)]);
  }
  std::string operator()(const smtp::Closed& e) const {
    constexpr std::string_view names[] = {
        "quit",         "refused",   "too-many-errors", "too-many-messages",
        "broken-chunk", "timed-out", "shut-down",       "connection-lost"};
    return fmt::format("closed {}", names[static_cast<std::size_t>(e.reason)]);
  }
};

class Dialogue {
 public:
  // The owner's word on an asked event, given as its line; code 0 accepts.
  using Owner = std::function<smtp::Reply(const std::string& event)>;

  Dialogue(const smtp::SessionLimits& limits, Owner owner)
      : session_(limits, "mx.example", now_), owner_(std::move(owner)) {
    settle();
  }

  // Offers the octets in one piece, and the rest again for as long as the session takes it. What
  // follows STARTTLS in the clear is dropped.
  void feed(std::string_view octets) {
    Bytes rest = bytes_of(octets);
    while (!rest.empty() && !session_.awaits_tls()) {
      const std::size_t taken = session_.receive(rest, now_);
      CHECK(taken <= rest.size());
      const bool progressed = settle() || taken > 0;
      CHECK(progressed);
      rest = rest.subspan(taken);
    }
  }

  // Offers `part_octets` at a time.
  void feed_in_parts(std::string_view octets, std::size_t part_octets) {
    for (; !octets.empty(); octets.remove_prefix(std::min(part_octets, octets.size())))
      feed(octets.substr(0, part_octets));
  }

  void expire_after(Duration time) {
    now_ = now_ + time;
    session_.expire(now_);
    settle();
  }

  void secure() {
    session_.secured(now_);
    settle();
  }

  // Lines since the last call.
  std::vector<std::string> take_lines() { return std::exchange(lines_, {}); }

  // Takes replies and events until there are none; true when there was any.
  bool settle() {
    bool any = take_replies();
    while (const auto event = session_.next_event()) {
      any = true;
      CHECK(!closed_);  // silence after the end
      closed_ = std::holds_alternative<smtp::Closed>(*event);
      note(*event);
      take_replies();
    }
    return any;
  }

  smtp::ServerSession& session() { return session_; }
  bool is_closed() const { return closed_; }
  const std::vector<std::string>& contents() const { return contents_; }

 private:
  void note(const smtp::Event& event) {
    if (const auto* content = std::get_if<smtp::Content>(&event)) {
      CHECK(!content->slice.empty());
      content_ += text_of(content->slice);
      return;
    }
    const std::string line = std::visit(EventText{}, event);
    if (std::holds_alternative<smtp::ContentAborted>(event)) content_.clear();
    if (std::holds_alternative<smtp::ContentEnd>(event)) {
      lines_.push_back("= content " + escaped(content_));
      contents_.push_back(std::exchange(content_, {}));
    }
    if (!session_.awaits_answer()) {
      lines_.push_back("= " + line);
      return;
    }
    const smtp::Reply reply = owner_(line);
    if (reply.code == 0) {
      lines_.push_back("= " + line);
      session_.answer(smtp::Decision::accept(), now_);
    } else {
      std::string text = fmt::format("= {} -> {}", line, reply.code);
      if (reply.enhanced.is_present())
        text += fmt::format(" {}.{}.{}", reply.enhanced.status_class, reply.enhanced.subject,
                            reply.enhanced.detail);
      lines_.push_back(fmt::format("{} {}", text, escaped(reply.text)));
      session_.answer(reply, now_);
    }
  }

  bool take_replies() {
    const std::string_view octets = text_of(session_.transmit());
    if (octets.empty()) return false;
    CHECK(octets.ends_with("\r\n"));
    std::string_view rest = octets;
    while (!rest.empty()) {
      const std::size_t end = rest.find("\r\n");
      lines_.push_back(fmt::format("S: {}", escaped(rest.substr(0, end))));
      rest.remove_prefix(end + 2);
    }
    session_.transmitted(octets.size());
    return true;
  }

  Instant now_;
  smtp::ServerSession session_;
  Owner owner_;
  std::vector<std::string> lines_;
  std::vector<std::string> contents_;  // of every message that came to its end
  std::string content_;
  bool closed_ = false;
};

inline smtp::Reply accept_all(const std::string&) { return {}; }

}  // namespace ringpost::test
