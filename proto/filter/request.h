// What a filter process is told and asked: report| and filter| lines of smtpd-filters(7) 0.6, each
// with its LF. Values come from clients: none of them can forge a field or a line.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "proto/base/bytes.h"
#include "proto/base/clock.h"
#include "proto/filter/vocabulary.h"

namespace ringpost::filter {

struct ReportHead {
  Subsystem subsystem = Subsystem::SmtpIn;
  WallTime at = {};
  std::uint64_t session = 0;
};

// `fields` are, by event:
//   LinkConnect      name of the client's address, "pass" | "fail" | "error", source, destination
//                    ("192.0.2.1:25", "[2001:db8::1]:25", "unix:/path")
//   LinkGreeting     the server's name          LinkIdentify  "HELO" | "EHLO", name
//   LinkTls          "TLSv1.3:cipher:bits"      LinkAuth      user, "pass" | "fail" | "error"
//   LinkDisconnect, Timeout                     none
//   TxBegin, TxReset, TxRollback                message
//   TxMail, TxRcpt   message, "ok" | "tempfail" | "permfail", address
//   TxEnvelope       message, envelope          TxData        message, result as above
//   TxCommit         message, octets            ProtocolClient, ProtocolServer  line
//   FilterReport     "builtin" | "proc", filter, text
//   FilterResponse   response_word_of(phase), decision, and its parameter if it has one
// Another number of them is our mistake: CHECKed.
void append_report(std::string& out, const ReportHead& head, ReportEvent event,
                   std::initializer_list<std::string_view> fields);

struct Question {
  WallTime at = {};
  std::uint64_t session = 0;
  std::uint64_t token = 0;  // comes back with the answer
  Phase phase = Phase::Connect;
};

// `parameters` are: Connect: the name of the client's address, the address ("local" for the local
// socket); Helo, Ehlo: the name; Auth: what stands after the verb; MailFrom, RcptTo: the address;
// others: one that is empty. Not for DataLine.
void append_question(std::string& out, const Question& question,
                     std::initializer_list<std::string_view> parameters);

// Content as the lines of one message in phase DataLine, dot-escaped as on the wire. A bare CR or
// LF in it becomes a blank: programs exist to which either ends a line.
class DataLines {
 public:
  // Of one line; a message with a longer one cannot be filtered.
  static constexpr std::size_t octets_max = 65'000;

  DataLines(std::uint64_t session, std::uint64_t token) : session_(session), token_(token) {}

  // Content with CRLF at the ends of lines, cut anywhere. False: a line was too long, and nothing
  // more may be appended.
  [[nodiscard]] bool append(std::string& out, WallTime at, std::string_view content);
  // The end of the content, and the line "." that says so. False as above.
  [[nodiscard]] bool finish(std::string& out, WallTime at);

 private:
  void begin_turn(WallTime at);
  bool put(std::string& out, std::string_view line);

  std::uint64_t session_, token_;
  std::string prefix_;  // of every line at prefix_at_
  WallTime prefix_at_{-1};
  std::string held_;  // the beginning of a line
};

}  // namespace ringpost::filter
