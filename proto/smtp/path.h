// Mailboxes and paths of the envelope: RFC 5321 4.1.2 and 4.1.3, with UTF-8 as of RFC 6531 3.3.
// A parser gives nothing when the text is not exactly of that grammar; no text makes it throw or
// run long.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringpost::smtp {

// RFC 5321 4.5.3.1.1 asks for at least 64 octets; VERP and BATV senders go beyond that in practice.
inline constexpr std::size_t local_part_octets_max = 255;
// RFC 5321 4.5.3.1.2
inline constexpr std::size_t domain_octets_max = 255;

struct Mailbox {
  std::string local;   // what is meant: without quotes and backslashes; case kept
  std::string domain;  // ASCII letters in lower case; an address literal with its brackets

  bool operator==(const Mailbox&) const = default;
  bool has_address_literal() const { return domain.starts_with('['); }
};

// The sender of an envelope, to whom reports go; null for reports themselves (RFC 5321 4.5.5).
struct ReversePath {
  Mailbox mailbox;

  bool operator==(const ReversePath&) const = default;
  bool is_null() const { return mailbox.domain.empty(); }
};

// One recipient of an envelope. A bare <postmaster> has local "postmaster" and no domain (RFC
// 5321 4.5.1).
struct ForwardPath {
  Mailbox mailbox;

  bool operator==(const ForwardPath&) const = default;
  bool is_bare_postmaster() const { return mailbox.domain.empty(); }
};

// local@domain without angle brackets, the local part quoted where it must be.
std::string to_text(const Mailbox& mailbox);
// The same; empty for the null path, "postmaster" for the bare one.
std::string to_text(const ReversePath& path);
std::string to_text(const ForwardPath& path);

bool has_non_ascii(const Mailbox& mailbox);

// The whole of `text` as one mailbox, as to_text prints it.
std::optional<Mailbox> parse_mailbox(std::string_view text);

// The inverse of to_text: empty is the null path, a bare "postmaster" the one without a domain.
std::optional<ReversePath> parse_reverse_path(std::string_view text);
std::optional<ForwardPath> parse_forward_path(std::string_view text);

// A path at the start of `text`, in angle brackets as it stands in MAIL and RCPT, and how much of
// the text it takes. A source route is accepted and dropped (RFC 5321 appendix C). An address that
// has no domain gets `domain`; when that is empty, there is none.
template <class Path>
struct Bracketed {
  Path path;
  std::size_t octets = 0;
};
std::optional<Bracketed<ReversePath>> parse_bracketed_reverse_path(std::string_view text,
                                                                   std::string_view domain = {});
std::optional<Bracketed<ForwardPath>> parse_bracketed_forward_path(std::string_view text,
                                                                   std::string_view domain = {});

// A domain name in lower case, or nothing: letters, digits, hyphens, underscores (seen in practice)
// and UTF-8, in labels of 1 to 63 octets, no dot at the end.
std::optional<std::string> parse_domain(std::string_view text);

// "[192.0.2.1]" or "[IPv6:2001:db8::1]" in one spelling, or nothing.
std::optional<std::string> parse_address_literal(std::string_view text);

}  // namespace ringpost::smtp
