// Fields that are completed or made: see fields.h.
#include "proto/submission/fields.h"

#include <algorithm>
#include <array>
#include <iterator>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/mail/address_list.h"
#include "proto/mail/date.h"

namespace ringpost::submission {
namespace {

// RFC 5322 2.1.1: at most 998; this leaves room for an address more.
constexpr std::size_t line_octets_max = 900;

constexpr std::array<std::string_view, 8> address_fields{
    "from", "sender", "reply-to", "to", "cc", "resent-from", "resent-to", "resent-cc"};

std::size_t line_begin(std::string_view text, std::size_t from) {
  const std::size_t end = text.rfind('\n');
  return end == text.npos || end < from ? from : end + 1;
}

}  // namespace

bool has_addresses(std::string_view name) {
  return std::ranges::any_of(address_fields, [name](std::string_view one) {
    return ascii::equal_ignoring_case(name, one);
  });
}

std::string with_domains(std::string_view body, std::string_view host) {
  const mail::AddressList list = mail::parse_address_list(body);
  std::string text;
  std::size_t done = 0;
  std::size_t line = 0;  // where the last line of `text` begins
  for (const mail::ListedAddress& address : list.addresses) {
    if (list.malformed || !address.is_bare || address.spec.empty()) continue;
    text += body.substr(done, address.end - done);
    fmt::format_to(std::back_inserter(text), "@{}", host);
    done = address.end;
    line = line_begin(text, line);
    // Blanks, and so a fold, may stand behind an address wherever it stands.
    if (text.size() - line > line_octets_max) {
      text += "\r\n ";
      line = text.size() - 1;
    }
  }
  text += body.substr(done);
  return text;
}

std::string with_author(std::string_view body, std::string_view author) {
  const mail::AddressList list = mail::parse_address_list(body);
  if (list.malformed) return fmt::format(" {}", author);
  std::string text;
  std::size_t done = 0;
  for (const mail::ListedAddress& address : list.addresses) {
    text += body.substr(done, address.begin - done);
    text += author;
    done = address.end;
  }
  text += body.substr(done);
  return text;
}

void append_date_field(std::string& target, WallTime now, int zone_minutes) {
  target += "Date: ";
  mail::append_date(target, now, zone_minutes);
  target += "\r\n";
}

void append_message_id_field(std::string& target, WallTime now, std::uint64_t unique,
                             std::string_view host) {
  fmt::format_to(std::back_inserter(target), "Message-ID: <{:x}.{:016x}@{}>\r\n",
                 now.us / 1'000'000, unique, host);
}

}  // namespace ringpost::submission
