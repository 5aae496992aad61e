// The aggregate report of DMARC for one domain: rows that say the same are one with a count, an XML
// file of them, and the message that carries it, compressed by somebody else. RFC 7489 7.2 and
// appendix C. Bounded; cannot fail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "proto/auth/dmarc_row.h"
#include "proto/base/clock.h"

namespace ringpost::auth {

class DmarcAggregate {
 public:
  explicit DmarcAggregate(std::size_t rows_max = 50'000,
                          std::size_t octets_max = std::size_t{32} << 20)
      : rows_max_(rows_max), octets_max_(octets_max) {}

  // All rows are of one policy's domain; the policy of the latest one is what is reported.
  void add(const DmarcRow& row);

  const PublishedPolicy& published() const { return published_; }
  std::size_t rows() const { return counts_.size(); }
  std::uint64_t messages() const { return messages_; }
  // Messages that would have needed a row beyond the bound.
  std::uint64_t left_out() const { return left_out_; }
  // There is something besides reports of others and what comes back for ours (RFC 7489 7.2: else
  // two receivers would report to each other about their reports, for ever).
  bool is_worth_telling() const { return others_ > 0; }

 private:
  friend class ReportXml;
  std::size_t rows_max_, octets_max_;
  PublishedPolicy published_;
  std::uint64_t last_second_ = 0;
  std::map<std::string, std::uint64_t> counts_;  // the row as XML around its count, see .cpp
  std::size_t octets_ = 0;                       // of all rows
  std::uint64_t messages_ = 0, left_out_ = 0, others_ = 0;
};

struct ReportFrame {
  std::string_view organization;  // who reports
  std::string_view from;          // its address
  std::string_view contact = {};  // may be empty
  std::string_view report_id;     // unique by its letters, digits, '.', '-': others are replaced
  std::string_view submitter;     // its domain
  std::uint64_t begin = 0;        // seconds since 1970; `end` is the last one that belongs to it
  std::uint64_t end = 0;
};

// Rows behind the first `octets_max` octets are left out, which the report says.
std::string report_xml(const ReportFrame& frame, const DmarcAggregate& aggregate,
                       std::size_t octets_max);

// RFC 7489 7.2.1.1: "receiver!domain!begin!end.xml.gz".
std::string report_file_name(const ReportFrame& frame, std::string_view domain);

// A whole message, lines with CRLF: `compressed` is the XML by gzip. `to` is an address, `boundary`
// cannot be foreseen.
std::string report_message(const ReportFrame& frame, std::string_view domain, std::string_view to,
                           std::string_view message_id, std::string_view boundary, WallTime now,
                           std::string_view compressed);

// Whether a field Subject is that of such a message.
bool is_report_subject(std::string_view subject);

}  // namespace ringpost::auth
