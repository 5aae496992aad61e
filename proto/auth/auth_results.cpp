// Authentication-Results and Received-SPF: see auth_results.h.
#include "proto/auth/auth_results.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "proto/base/ascii.h"

namespace ringpost::auth {
namespace {

// RFC 5322 2.1.1: a line has 998 octets at most; nobody needs more of one value.
constexpr std::size_t value_octets_max = 320;
constexpr std::size_t comment_octets_max = 200;

// RFC 2045 5.1, and what RFC 8601 2.2 adds for addresses and domains.
bool is_plain(char c) {
  return c > ' ' && c < 0x7f && !std::string_view("()<>,;:\\\"[]?=").contains(c);
}

std::string quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c >= ' ' && c < 0x7f ? c : '?';
  }
  return quoted + '"';
}

std::string value_of(std::string_view text) {
  text = text.substr(0, value_octets_max);
  const bool is_token = !text.empty() && std::ranges::all_of(text, is_plain);
  return is_token ? std::string(text) : quoted(text);
}

// RFC 5322 3.2.3; other atoms are quoted, which says the same.
bool is_atom(char c) { return ascii::is_alnum(c) || c == '-' || c == '_'; }

bool is_dot_atom(std::string_view text) {
  return !text.empty() && is_atom(text.front()) && is_atom(text.back()) && !text.contains("..") &&
         std::ranges::all_of(text, [](char c) { return is_atom(c) || c == '.'; });
}

// " (text)", or nothing.
std::string comment_of(std::string_view text) {
  if (text.empty()) return {};
  std::string comment = " (";
  for (const char c : text.substr(0, comment_octets_max)) {
    const bool is_text = c >= ' ' && c < 0x7f && c != '(' && c != ')' && c != '\\';
    comment += is_text ? c : '?';
  }
  return comment + ')';
}

std::string property(std::string_view name, std::string_view value) {
  return value.empty() ? std::string() : fmt::format("\r\n\t {}={}", name, value_of(value));
}

void add(std::string& target, std::string_view method, Result result, std::string_view rest) {
  target += fmt::format(";\r\n\t{}={}{}", method, to_text(result), rest);
}

void add_spf(std::string& target, const AuthResults& results) {
  const SpfResult& spf = *results.spf;
  const bool by_helo = spf.identity == SpfIdentity::Helo;
  add(target, "spf", spf.result,
      comment_of(spf.problem) + (by_helo ? property("smtp.helo", results.helo)
                                         : property("smtp.mailfrom", results.mail_from)));
}

void add_dkim(std::string& target, std::span<const DkimResult> signatures) {
  if (signatures.empty()) return add(target, "dkim", Result::None, {});
  for (const DkimResult& one : signatures.first(std::min(signatures.size(), told_signatures_max)))
    add(target, "dkim", one.result,
        comment_of(one.reason) + property("header.d", one.domain) +
            property("header.s", one.selector) + property("header.a", one.algorithm) +
            property("header.b", one.start));
}

void add_dmarc(std::string& target, const AuthResults& results) {
  const DmarcResult& dmarc = *results.dmarc;
  std::string about = dmarc.problem;
  if (dmarc.policy) about = fmt::format("p={} dis={}", to_text(*dmarc.policy), results.disposition);
  add(target, "dmarc", dmarc.result, comment_of(about) + property("header.from", dmarc.domain));
}

// What a result says about the client, for people.
std::string_view verb_of(Result result) {
  switch (result) {
    case Result::Pass:
      return "permits";
    case Result::Fail:
      return "does not permit";
    case Result::SoftFail:
      return "does most likely not permit";
    case Result::None:
    case Result::Neutral:
    case Result::Policy:
      return "says nothing about";
    case Result::TempError:
    case Result::PermError:
      break;
  }
  return "could not be asked about";
}

}  // namespace

void append_auth_results(std::string& target, const AuthResults& results) {
  target += fmt::format("Authentication-Results: {}", value_of(results.service));
  const std::size_t before = target.size();
  if (results.client_name)
    add(target, "iprev", *results.client_name, property("policy.iprev", results.client_address));
  if (results.user) add(target, "auth", Result::Pass, property("smtp.auth", *results.user));
  if (results.spf != nullptr) add_spf(target, results);
  if (results.dkim) add_dkim(target, *results.dkim);
  if (results.dmarc != nullptr) add_dmarc(target, results);
  if (results.arc != nullptr)
    add(target, "arc", results.arc->result, comment_of(results.arc->reason));
  if (target.size() == before) target += "; none";
  target += "\r\n";
}

std::string in_one_line(std::string_view field) {
  field.remove_prefix(std::min(field.find(':') + 1, field.size()));
  std::string line;
  while (!field.empty()) {
    const std::size_t end = std::min(field.find("\r\n"), field.size());
    line += line.empty() ? "" : " ";
    line += ascii::trim(field.substr(0, end));
    field.remove_prefix(std::min(end + 2, field.size()));
  }
  return line;
}

void append_received_spf(std::string& target, const AuthResults& results,
                         std::string_view receiver) {
  const SpfResult& spf = *results.spf;
  const bool by_helo = spf.identity == SpfIdentity::Helo;
  target += fmt::format("Received-SPF: {}", to_text(spf.result));
  target += comment_of(fmt::format("{}: {} {} {}", receiver, spf.domain, verb_of(spf.result),
                                   results.client_address));
  const std::array pairs = std::to_array<std::pair<std::string_view, std::string_view>>({
      {"receiver", receiver},
      {"client-ip", results.client_address},
      {"envelope-from", results.mail_from},
      {"helo", results.helo},
      {"identity", by_helo ? "helo" : "mailfrom"},
      {"mechanism", spf.mechanism},
      {"problem", spf.problem},
  });
  std::string_view before = "\r\n\t";
  for (const auto& [key, text] : pairs) {
    if (text.empty()) continue;
    const std::string_view value = text.substr(0, value_octets_max);
    target += fmt::format("{}{}={}", std::exchange(before, ";\r\n\t"), key,
                          is_dot_atom(value) ? std::string(value) : quoted(value));
  }
  target += "\r\n";
}

}  // namespace ringpost::auth
