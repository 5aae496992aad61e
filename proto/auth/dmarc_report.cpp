// Writing aggregate reports: the schema of RFC 7489 appendix C, as receivers of reports read it:
// the elements stand in no namespace. Rows are kept as the XML that they become, which is also
// what tells them apart.
#include "proto/auth/dmarc_report.h"

#include <fmt/format.h>

#include "proto/auth/report_text.h"
#include "proto/base/ascii.h"
#include "proto/base/base64.h"
#include "proto/mail/date.h"

namespace ringpost::auth {
namespace {

constexpr char count_mark = '\x01';  // nothing that is escaped has it
constexpr std::size_t base64_line = 76;

// Texts come from strangers: what XML 1.0 cannot hold becomes '?', octets above 127 as well.
void append_text(std::string& xml, std::string_view text) {
  for (const char c : text.substr(0, report_text_octets_max)) {
    switch (c) {
      case '&':
        xml += "&amp;";
        break;
      case '<':
        xml += "&lt;";
        break;
      case '>':
        xml += "&gt;";
        break;
      default:
        xml += ascii::is_control(c) || ascii::is_high(c) ? '?' : c;
    }
  }
}

void append(std::string& xml, std::string_view element, std::string_view text) {
  xml += '<';
  xml += element;
  xml += '>';
  append_text(xml, text);
  xml += "</";
  xml += element;
  xml += ">\n";
}

std::string_view pass_or_fail(bool passed) { return passed ? "pass" : "fail"; }

void append_reason(std::string& xml, PolicyOverride reason) {
  if (reason == PolicyOverride::None) return;
  xml += "<reason>";
  switch (reason) {
    case PolicyOverride::SampledOut:
      append(xml, "type", "sampled_out");
      break;
    case PolicyOverride::TrustedForwarder:
      append(xml, "type", "trusted_forwarder");
      append(xml, "comment", "arc=pass");
      break;
    default:
      append(xml, "type", "local_policy");
  }
  xml += "</reason>\n";
}

std::string xml_of(const DmarcRow& row) {
  std::string xml = "<record>\n<row>\n";
  append(xml, "source_ip", row.source);
  xml += "<count>";
  xml += count_mark;
  xml += "</count>\n<policy_evaluated>\n";
  append(xml, "disposition", to_text(row.disposition));
  append(xml, "dkim", pass_or_fail(row.dkim_aligned));
  append(xml, "spf", pass_or_fail(row.spf_aligned));
  append_reason(xml, row.reason);
  xml += "</policy_evaluated>\n</row>\n<identifiers>\n";
  append(xml, "envelope_from", row.envelope_from);
  append(xml, "header_from", row.header_from);
  xml += "</identifiers>\n<auth_results>\n";
  for (const RowSignature& one : row.signatures) {
    xml += "<dkim>\n";
    append(xml, "domain", one.domain);
    append(xml, "selector", one.selector);
    append(xml, "result", to_text(one.result));
    xml += "</dkim>\n";
  }
  xml += "<spf>\n";
  append(xml, "domain", row.spf_domain);
  append(xml, "scope", row.spf_of_helo ? "helo" : "mfrom");
  append(xml, "result", to_text(row.spf));
  xml += "</spf>\n</auth_results>\n</record>\n";
  return xml;
}

void append_published(std::string& xml, const PublishedPolicy& policy) {
  xml += "<policy_published>\n";
  append(xml, "domain", policy.domain);
  append(xml, "adkim", policy.strict_dkim ? "s" : "r");
  append(xml, "aspf", policy.strict_spf ? "s" : "r");
  append(xml, "p", to_text(policy.policy));
  append(xml, "sp", to_text(policy.subdomain_policy));
  append(xml, "pct", fmt::format("{}", policy.percent));
  append(xml, "fo", policy.failure_options);
  xml += "</policy_published>\n";
}

// Domains of From may be quoted strings, which the DNS has names for as well.
std::string plain_word(std::string_view text) {
  std::string word;
  for (const char c : text.substr(0, report_text_octets_max)) {
    const bool is_good =
        ascii::is_alpha(c) || ascii::is_digit(c) || c == '.' || c == '-' || c == '_';
    word += is_good ? ascii::to_lower(c) : '_';
  }
  return word;
}

void append_metadata(std::string& xml, const ReportFrame& frame, std::uint64_t missing) {
  xml += "<report_metadata>\n";
  append(xml, "org_name", frame.organization);
  append(xml, "email", frame.from);
  if (!frame.contact.empty()) append(xml, "extra_contact_info", frame.contact);
  append(xml, "report_id", plain_word(frame.report_id));
  xml += "<date_range>\n";
  append(xml, "begin", fmt::format("{}", frame.begin));
  append(xml, "end", fmt::format("{}", frame.end));
  xml += "</date_range>\n";
  if (missing > 0)
    append(xml, "error", fmt::format("{} messages are left out: too many rows", missing));
  xml += "</report_metadata>\n";
}

}  // namespace

void DmarcAggregate::add(const DmarcRow& row) {
  if (messages_ == 0 || row.second >= last_second_) {
    published_ = row.published;
    last_second_ = row.second;
  }
  ++messages_;
  others_ += row.is_report ? 0 : 1;
  std::string xml = xml_of(row);
  if (const auto found = counts_.find(xml); found != counts_.end()) {
    ++found->second;
  } else if (counts_.size() < rows_max_ && octets_ + xml.size() <= octets_max_) {
    octets_ += xml.size();
    counts_.emplace(std::move(xml), 1);
  } else {
    ++left_out_;
  }
}

class ReportXml {
 public:
  static std::string write(const ReportFrame& frame, const DmarcAggregate& aggregate,
                           std::size_t octets_max) {
    std::string rows;
    std::uint64_t missing = aggregate.left_out_;
    for (const auto& [row, count] : aggregate.counts_) {
      if (rows.size() + row.size() > octets_max) {
        missing += count;
        continue;
      }
      const std::size_t mark = row.find(count_mark);
      rows.append(row, 0, mark);
      rows += fmt::format("{}", count);
      rows.append(row, mark + 1);
    }
    std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feedback>\n";
    append(xml, "version", "1.0");
    append_metadata(xml, frame, missing);
    append_published(xml, aggregate.published_);
    return xml + rows + "</feedback>\n";
  }
};

std::string report_xml(const ReportFrame& frame, const DmarcAggregate& aggregate,
                       std::size_t octets_max) {
  return ReportXml::write(frame, aggregate, octets_max);
}

std::string report_file_name(const ReportFrame& frame, std::string_view domain) {
  return fmt::format("{}!{}!{}!{}.xml.gz", plain_word(frame.submitter), plain_word(domain),
                     frame.begin, frame.end);
}

std::string report_message(const ReportFrame& frame, std::string_view domain, std::string_view to,
                           std::string_view message_id, std::string_view boundary, WallTime now,
                           std::string_view compressed) {
  const std::string about = field_text(domain);
  std::string text =
      fmt::format("From: {} <{}>\r\nTo: <{}>\r\nDate: ", quoted_text(frame.organization),
                  field_text(frame.from), field_text(to));
  mail::append_date(text, now);
  text += fmt::format(
      "\r\nMessage-ID: <{}>\r\nSubject: Report Domain: {}\r\n Submitter: {}\r\n Report-ID: <{}>\r\n"
      "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
      "Content-Type: multipart/mixed; boundary=\"{}\"\r\n\r\n",
      message_id, about, field_text(frame.submitter), plain_word(frame.report_id), boundary);
  text += fmt::format(
      "--{}\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
      "This is a DMARC aggregate report about mail from {}.\r\n"
      "Its rows are in the attached file.\r\n\r\n",
      boundary, about);
  const std::string file = report_file_name(frame, domain);
  text += fmt::format(
      "--{}\r\nContent-Type: application/gzip; name=\"{}\"\r\n"
      "Content-Transfer-Encoding: base64\r\n"
      "Content-Disposition: attachment; filename=\"{}\"\r\n\r\n",
      boundary, file, file);
  const std::string encoded = base64_encode(compressed);
  for (std::size_t at = 0; at < encoded.size(); at += base64_line) {
    text.append(encoded, at, base64_line);
    text += "\r\n";
  }
  return text + fmt::format("\r\n--{}--\r\n", boundary);
}

bool is_report_subject(std::string_view subject) {
  constexpr std::string_view begin = "Report Domain:";
  subject = ascii::trim(subject);
  return ascii::equal_ignoring_case(subject.substr(0, begin.size()), begin);
}

}  // namespace ringpost::auth
