// Mailboxes and paths: RFC 5321 4.1.2, UTF-8 as of RFC 6531 3.3. Gives nothing when malformed.
#include "proto/smtp/path.h"

#include <algorithm>
#include <utility>

#include "proto/base/ascii.h"
#include "proto/base/utf8.h"

namespace ringpost::smtp {
namespace {

// RFC 5322 3.2.3, with UTF-8 (RFC 6531 3.3).
constexpr bool is_atext(char c) {
  return ascii::is_alnum(c) || ascii::is_high(c) ||
         std::string_view("!#$%&'*+-/=?^_`{|}~").contains(c);
}

constexpr bool is_domain_octet(char c) {
  return ascii::is_alnum(c) || ascii::is_high(c) || c == '-' || c == '_' || c == '.';
}

constexpr bool is_dot_string(std::string_view text) {
  bool after_dot = true;
  for (const char c : text) {
    if (c == '.' ? after_dot : !is_atext(c)) return false;
    after_dot = c == '.';
  }
  return !after_dot;
}

// Eats text from the front; every part gives nothing when the text does not begin with it.
struct Cursor {
  std::string_view rest;

  bool skip(char c) {
    if (rest.empty() || rest.front() != c) return false;
    rest.remove_prefix(1);
    return true;
  }

  template <class Predicate>
  std::string_view take_while(Predicate is_wanted) {
    const auto end = std::ranges::find_if_not(rest, is_wanted);
    const auto taken = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
    rest.remove_prefix(taken.size());
    return taken;
  }

  // RFC 5321 4.1.2: Quoted-string, behind its opening quote.
  std::optional<std::string> quoted_string() {
    std::string content;
    while (!rest.empty()) {
      if (skip('"')) return content;
      skip('\\');
      if (rest.empty() || ascii::is_control(rest.front())) return std::nullopt;
      content += rest.front();
      rest.remove_prefix(1);
    }
    return std::nullopt;
  }

  std::optional<std::string> local_part() {
    std::optional<std::string> local;
    if (skip('"')) {
      local = quoted_string();
    } else {
      const auto text = take_while([](char c) { return is_atext(c) || c == '.'; });
      if (is_dot_string(text)) local = std::string(text);
    }
    // RFC 6531 3.3: UTF-8; who sent no SMTPUTF8 is refused by the verbs.
    if (!local || local->size() > local_part_octets_max || !is_utf8(*local)) return std::nullopt;
    return local;
  }

  std::optional<std::string> domain() {
    if (!rest.starts_with('[')) return parse_domain(take_while(is_domain_octet));
    const std::string_view literal = rest.substr(0, rest.find(']') + 1);
    rest.remove_prefix(literal.size());
    return parse_address_literal(literal);
  }

  std::optional<Mailbox> mailbox(std::string_view missing_domain = {}) {
    auto local = local_part();
    if (!local) return std::nullopt;
    if (!missing_domain.empty() && rest.starts_with('>'))
      return Mailbox{std::move(*local), ascii::lower(missing_domain)};
    if (!skip('@')) return std::nullopt;
    auto name = domain();
    if (!name) return std::nullopt;
    return Mailbox{std::move(*local), std::move(*name)};
  }

  // RFC 5321 C: a source route is taken and ignored. False when there is a malformed one.
  bool source_route() {
    if (!rest.starts_with('@')) return true;
    do {
      if (!skip('@') || !parse_domain(take_while(is_domain_octet))) return false;
    } while (skip(','));
    return skip(':');
  }

  std::optional<Mailbox> bracketed_mailbox(std::string_view missing_domain) {
    if (!source_route()) return std::nullopt;
    auto found = mailbox(missing_domain);
    if (!found || !skip('>')) return std::nullopt;
    return found;
  }
};

constexpr std::string_view postmaster = "postmaster";

}  // namespace

std::string to_text(const Mailbox& mailbox) {
  std::string text;
  text.reserve(mailbox.local.size() + mailbox.domain.size() + 3);
  if (is_dot_string(mailbox.local)) {
    text = mailbox.local;
  } else {
    text += '"';
    for (const char c : mailbox.local) {
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    text += '"';
  }
  text += '@';
  text += mailbox.domain;
  return text;
}

std::string to_text(const ReversePath& path) {
  return path.is_null() ? std::string() : to_text(path.mailbox);
}

std::string to_text(const ForwardPath& path) {
  return path.is_bare_postmaster() ? path.mailbox.local : to_text(path.mailbox);
}

bool has_non_ascii(const Mailbox& mailbox) {
  return ascii::has_high(mailbox.local) || ascii::has_high(mailbox.domain);
}

std::optional<Mailbox> parse_mailbox(std::string_view text) {
  Cursor cursor{text};
  auto mailbox = cursor.mailbox();
  return cursor.rest.empty() ? std::move(mailbox) : std::nullopt;
}

std::optional<ReversePath> parse_reverse_path(std::string_view text) {
  if (text.empty()) return ReversePath{};
  auto mailbox = parse_mailbox(text);
  return mailbox ? std::optional(ReversePath{std::move(*mailbox)}) : std::nullopt;
}

std::optional<ForwardPath> parse_forward_path(std::string_view text) {
  // RFC 5321 4.5.1: postmaster without a domain, in any case.
  if (ascii::equal_ignoring_case(text, postmaster))
    return ForwardPath{{std::string(postmaster), {}}};
  auto mailbox = parse_mailbox(text);
  return mailbox ? std::optional(ForwardPath{std::move(*mailbox)}) : std::nullopt;
}

std::optional<Bracketed<ReversePath>> parse_bracketed_reverse_path(std::string_view text,
                                                                   std::string_view domain) {
  // RFC 5321 4.1.1.2: the null reverse path.
  if (text.starts_with("<>")) return Bracketed<ReversePath>{{}, 2};
  Cursor cursor{text};
  if (!cursor.skip('<')) return std::nullopt;
  auto mailbox = cursor.bracketed_mailbox(domain);
  if (!mailbox) return std::nullopt;
  return Bracketed<ReversePath>{{std::move(*mailbox)}, text.size() - cursor.rest.size()};
}

std::optional<Bracketed<ForwardPath>> parse_bracketed_forward_path(std::string_view text,
                                                                   std::string_view domain) {
  Cursor cursor{text};
  if (!cursor.skip('<')) return std::nullopt;
  // RFC 5321 4.1.1.3: postmaster may stand without a domain.
  if (cursor.rest.size() > postmaster.size() && cursor.rest[postmaster.size()] == '>' &&
      ascii::starts_ignoring_case(cursor.rest, postmaster))
    return Bracketed<ForwardPath>{{{std::string(postmaster), {}}}, postmaster.size() + 2};
  auto mailbox = cursor.bracketed_mailbox(domain);
  if (!mailbox) return std::nullopt;
  return Bracketed<ForwardPath>{{std::move(*mailbox)}, text.size() - cursor.rest.size()};
}

std::optional<std::string> parse_domain(std::string_view text) {
  constexpr std::size_t label_octets_max = 63;  // RFC 1035 2.3.4
  if (text.empty() || text.size() > domain_octets_max || !is_utf8(text)) return std::nullopt;
  for (std::string_view rest = text;;) {
    const std::string_view label = rest.substr(0, rest.find('.'));
    if (label.empty() || label.size() > label_octets_max || label.front() == '-' ||
        label.back() == '-')
      return std::nullopt;
    if (!std::ranges::all_of(label, is_domain_octet)) return std::nullopt;
    if (label.size() == rest.size()) return ascii::lower(text);
    rest.remove_prefix(label.size() + 1);
  }
}

}  // namespace ringpost::smtp
