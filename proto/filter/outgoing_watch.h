// OutgoingWatch: an outgoing dialogue, overheard, as the reports of the subsystem smtp-out of
// smtpd-filters(7). Replies belong to commands in their order (RFC 2920 3.1), so that it needs to
// know nothing of who speaks. Octets that are no dialogue give reports of lines and nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <string>
#include <string_view>

#include "proto/filter/vocabulary.h"

namespace ringpost::filter {

class OutgoingListener {
 public:
  // Fields as append_report() has them; they stay during the call.
  virtual void overheard(ReportEvent event, std::initializer_list<std::string_view> fields) = 0;

 protected:
  ~OutgoingListener() = default;
};

class OutgoingWatch {
 public:
  // Of a line that a server sends more is not told.
  static constexpr std::size_t line_octets_max = 1024;

  // `lmtp`: every recipient has a reply of its own to the content (RFC 2033 4.2).
  OutgoingWatch(OutgoingListener& listener, bool lmtp);

  // Whole command lines. What AUTH says is "***" in the reports.
  void sent(std::string_view commands);
  // All of the content has left; `chunked`: by BDAT, without a dot.
  void content_sent(std::uint64_t octets, bool chunked);
  // What the server says, cut anywhere.
  void received(std::string_view octets);
  // The next MAIL is of this message, as whom the connection is logged in ("" when it is not).
  void begin(std::string message);
  void log_in_as(std::string user) { user_ = std::move(user); }
  // The connection is over: what was begun is rolled back.
  void closed();

 private:
  // What a reply answers.
  enum class Kind : std::uint8_t {
    Greeting,
    Mail,
    Recipient,
    Data,
    Content,
    Chunk,
    Reset,
    Auth,
    Other
  };
  struct Awaited {
    Kind kind = Kind::Other;
    std::string address = {};  // of Mail and Recipient
    std::string message = {};  // of Mail; empty: nobody said whose it is, and nothing is told
  };

  void command(std::string_view line);
  void reply_line(std::string_view line);
  void replied(unsigned code, std::string_view text);
  void content_replied(unsigned code);
  void drop_message();

  OutgoingListener& listener_;
  bool lmtp_;
  std::string user_;
  std::string next_message_, message_;  // message_: begun, and neither committed nor rolled back
  std::deque<Awaited> awaited_;
  std::string line_;
  bool logs_in_ = false;
  std::size_t recipients_ = 0;  // named
  std::size_t accepted_ = 0;    // of them, whose final reply is to come
  bool taken_ = false;          // at least one final reply was positive
  std::uint64_t octets_ = 0;
};

}  // namespace ringpost::filter
