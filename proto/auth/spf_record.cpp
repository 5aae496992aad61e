// The grammar of SPF records, term by term: RFC 7208 12. Fails with the first error.
#include "proto/auth/spf_record.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "proto/auth/spf_macro.h"
#include "proto/base/ascii.h"

namespace ringpost::auth {
namespace {

constexpr std::string_view version = "v=spf1";
constexpr std::size_t quoted_octets_max = 80;

struct MechanismEntry {
  std::string_view name;
  SpfMechanism mechanism;
};
constexpr std::array<MechanismEntry, 8> mechanisms{{{"all", SpfMechanism::All},
                                                    {"include", SpfMechanism::Include},
                                                    {"a", SpfMechanism::A},
                                                    {"mx", SpfMechanism::Mx},
                                                    {"ptr", SpfMechanism::Ptr},
                                                    {"ip4", SpfMechanism::Ip4},
                                                    {"ip6", SpfMechanism::Ip6},
                                                    {"exists", SpfMechanism::Exists}}};

using Error = std::optional<std::string_view>;  // nothing: it is right

std::optional<Result> qualifier_of(char c) {
  switch (c) {
    case '+':
      return Result::Pass;
    case '-':
      return Result::Fail;
    case '~':
      return Result::SoftFail;
    case '?':
      return Result::Neutral;
    default:
      return std::nullopt;
  }
}

// RFC 7208 4.6.1: name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." )
bool is_modifier_name(std::string_view name) {
  return !name.empty() && ascii::is_alpha(name[0]) && std::ranges::all_of(name, [](char c) {
    return ascii::is_alnum(c) || c == '-' || c == '_' || c == '.';
  });
}

// RFC 7208 12: a number without zeros in front of it.
std::optional<std::uint8_t> parse_length(std::string_view digits, unsigned most) {
  if (digits.size() > 1 && digits[0] == '0') return std::nullopt;
  const auto length = ascii::parse_decimal<unsigned>(digits);
  if (!length || *length > most) return std::nullopt;
  return static_cast<std::uint8_t>(*length);
}

// The digits at the end of `text` behind `slash`, which are taken off together with it.
std::optional<std::string_view> take_digits(std::string_view& text, std::string_view slash) {
  const std::size_t last = text.find_last_not_of("0123456789");
  if (last == std::string_view::npos || last + 1 == text.size()) return std::nullopt;
  const std::string_view before = text.substr(0, last + 1);
  if (!before.ends_with(slash)) return std::nullopt;
  const std::string_view digits = text.substr(last + 1);
  text = before.substr(0, before.size() - slash.size());
  return digits;
}

// [ "/" ip4-cidr ] [ "//" ip6-cidr ] at the end of `arguments`.
Error take_dual_length(std::string_view& arguments, SpfTerm& term) {
  if (const auto digits = take_digits(arguments, "//")) {
    const auto length = parse_length(*digits, 128);
    if (!length) return "bad IPv6 prefix length";
    term.length6 = *length;
  }
  if (const auto digits = take_digits(arguments, "/")) {
    const auto length = parse_length(*digits, 32);
    if (!length) return "bad IPv4 prefix length";
    term.length4 = *length;
  }
  return std::nullopt;
}

// Behind the name of a mechanism: nothing, or a colon and a domain-spec.
Error take_domain(std::string_view arguments, bool required, SpfTerm& term) {
  if (arguments.empty()) return required ? Error("a domain is missing") : std::nullopt;
  if (arguments[0] != ':' || !is_domain_spec(arguments.substr(1))) return "bad domain";
  term.domain_spec = arguments.substr(1);
  return std::nullopt;
}

// RFC 7208 12 qnum: no zeros in front.
bool is_dotted_quad(std::string_view text) {
  if (text.find_first_not_of("0123456789.") != std::string_view::npos) return false;
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    const bool begins = i == 0 || text[i - 1] == '.';
    if (begins && text[i] == '0' && ascii::is_digit(text[i + 1])) return false;
  }
  return true;
}

Error take_network(std::string_view arguments, conf::Family family, SpfTerm& term) {
  if (arguments.empty() || arguments[0] != ':') return "an address is missing";
  arguments.remove_prefix(1);
  const bool is_inet4 = family == conf::Family::Inet4;
  unsigned length = is_inet4 ? 32 : 128;
  if (const auto digits = take_digits(arguments, "/")) {
    const auto given = parse_length(*digits, length);
    if (!given) return "bad prefix length";
    length = *given;
  }
  const bool is_clean =
      is_inet4 ? is_dotted_quad(arguments)
               : arguments.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
  const auto address = is_clean ? conf::parse_net_address(arguments) : std::nullopt;
  if (!address || address->family != family) return "bad address";
  term.network = {conf::masked(*address, length), static_cast<std::uint8_t>(length)};
  return std::nullopt;
}

Error take_arguments(std::string_view arguments, SpfTerm& term) {
  switch (term.mechanism) {
    case SpfMechanism::All:
      return arguments.empty() ? std::nullopt : Error("\"all\" takes nothing");
    case SpfMechanism::Include:
    case SpfMechanism::Exists:
      return take_domain(arguments, true, term);
    case SpfMechanism::Ptr:
      return take_domain(arguments, false, term);
    case SpfMechanism::A:
    case SpfMechanism::Mx: {
      const Error error = take_dual_length(arguments, term);
      return error ? error : take_domain(arguments, false, term);
    }
    case SpfMechanism::Ip4:
      return take_network(arguments, conf::Family::Inet4, term);
    case SpfMechanism::Ip6:
      return take_network(arguments, conf::Family::Inet6, term);
  }
  return "unknown mechanism";
}

Error take_directive(std::string_view text, SpfRecord& record) {
  SpfTerm term{.text = text};
  if (const auto qualifier = qualifier_of(text[0])) {
    term.qualifier = *qualifier;
    text.remove_prefix(1);
  }
  const std::size_t end = std::min(text.find_first_of(":/"), text.size());
  const auto entry = std::ranges::find_if(mechanisms, [&](const MechanismEntry& one) {
    return ascii::equal_ignoring_case(one.name, text.substr(0, end));
  });
  if (entry == mechanisms.end()) return "unknown mechanism";
  term.mechanism = entry->mechanism;
  const Error error = take_arguments(text.substr(end), term);
  if (!error) record.terms.push_back(term);
  return error;
}

Error take_modifier(std::string_view name, std::string_view value, SpfRecord& record) {
  if (!is_modifier_name(name)) return "bad name of a modifier";
  const bool is_redirect = ascii::equal_ignoring_case(name, "redirect");
  // RFC 7208 6: what is unknown is ignored, but must be well-formed.
  if (!is_redirect && !ascii::equal_ignoring_case(name, "exp"))
    return is_macro_string(value, false) ? std::nullopt : Error("bad value of a modifier");
  auto& place = is_redirect ? record.redirect : record.explanation;
  if (place) return "a modifier stands twice";
  if (!is_domain_spec(value)) return "bad domain";
  place = value;
  return std::nullopt;
}

Error take_term(std::string_view text, SpfRecord& record) {
  const std::size_t mark = text.find_first_of(":/=");
  if (mark != std::string_view::npos && text[mark] == '=')
    return take_modifier(text.substr(0, mark), text.substr(mark + 1), record);
  return take_directive(text, record);
}

}  // namespace

bool is_spf_record(std::string_view text) {
  return ascii::starts_ignoring_case(text, version) &&
         (text.size() == version.size() || text[version.size()] == ' ');
}

std::expected<SpfRecord, std::string> parse_spf_record(std::string_view text) {
  SpfRecord record;
  text.remove_prefix(version.size());
  while (!text.empty()) {
    const std::size_t begin = std::min(text.find_first_not_of(' '), text.size());
    text.remove_prefix(begin);
    const std::string_view term = text.substr(0, text.find(' '));
    text.remove_prefix(term.size());
    if (term.empty()) break;
    if (const Error error = take_term(term, record))
      return std::unexpected(
          fmt::format("{} in \"{}\"", *error, term.substr(0, quoted_octets_max)));
  }
  return record;
}

}  // namespace ringpost::auth
