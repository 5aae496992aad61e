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
constexpr std::size_t field_octets_expected = 512;

// RFC 2045 5.1, and what RFC 8601 2.2 adds for addresses and domains.
constexpr auto plain_octets = [] {
  std::array<bool, 256> table{};
  for (char c = '!'; c < 0x7f; ++c)
    table[static_cast<unsigned char>(c)] = !std::string_view("()<>,;:\\\"[]?=").contains(c);
  return table;
}();
bool is_plain(char c) { return plain_octets[static_cast<unsigned char>(c)]; }

void append_quoted(std::string& target, std::string_view text) {
  target += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') target += '\\';
    target += c >= ' ' && c < 0x7f ? c : '?';
  }
  target += '"';
}

void append_value(std::string& target, std::string_view text) {
  text = text.substr(0, value_octets_max);
  const bool is_token = !text.empty() && std::ranges::all_of(text, is_plain);
  is_token ? void(target += text) : append_quoted(target, text);
}

// RFC 5322 3.2.3; other atoms are quoted, which says the same.
bool is_atom(char c) { return ascii::is_alnum(c) || c == '-' || c == '_'; }

bool is_dot_atom(std::string_view text) {
  return !text.empty() && is_atom(text.front()) && is_atom(text.back()) && !text.contains("..") &&
         std::ranges::all_of(text, [](char c) { return is_atom(c) || c == '.'; });
}

// " (text)", or nothing.
void append_comment(std::string& target, std::string_view text) {
  if (text.empty()) return;
  target += " (";
  for (const char c : text.substr(0, comment_octets_max)) {
    const bool is_text = c >= ' ' && c < 0x7f && c != '(' && c != ')' && c != '\\';
    target += is_text ? c : '?';
  }
  target += ')';
}

void append_property(std::string& target, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  target += "\r\n\t ";
  target += name;
  target += '=';
  append_value(target, value);
}

void append_method(std::string& target, std::string_view method, Result result) {
  target += ";\r\n\t";
  target += method;
  target += '=';
  target += to_text(result);
}

void append_spf(std::string& target, const AuthResults& results) {
  const SpfResult& spf = *results.spf;
  append_method(target, "spf", spf.result);
  append_comment(target, spf.problem);
  if (spf.identity == SpfIdentity::Helo)
    append_property(target, "smtp.helo", results.helo);
  else
    append_property(target, "smtp.mailfrom", results.mail_from);
}

void append_dkim(std::string& target, std::span<const DkimResult> signatures) {
  if (signatures.empty()) return append_method(target, "dkim", Result::None);
  for (const DkimResult& one : signatures.first(std::min(signatures.size(), told_signatures_max))) {
    append_method(target, "dkim", one.result);
    append_comment(target, one.reason);
    append_property(target, "header.d", one.domain);
    append_property(target, "header.s", one.selector);
    append_property(target, "header.a", one.algorithm);
    append_property(target, "header.b", one.start);
  }
}

void append_dmarc(std::string& target, const AuthResults& results) {
  const DmarcResult& dmarc = *results.dmarc;
  std::string about = dmarc.problem;
  if (dmarc.policy) about = fmt::format("p={} dis={}", to_text(*dmarc.policy), results.disposition);
  append_method(target, "dmarc", dmarc.result);
  append_comment(target, about);
  append_property(target, "header.from", dmarc.domain);
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
  target.reserve(target.size() + field_octets_expected);
  target += "Authentication-Results: ";
  append_value(target, results.service);
  const std::size_t before = target.size();
  if (results.client_name) {
    append_method(target, "iprev", *results.client_name);
    append_property(target, "policy.iprev", results.client_address);
  }
  if (results.user) {
    append_method(target, "auth", Result::Pass);
    append_property(target, "smtp.auth", *results.user);
  }
  if (results.spf != nullptr) append_spf(target, results);
  if (results.dkim) append_dkim(target, *results.dkim);
  if (results.dmarc != nullptr) append_dmarc(target, results);
  if (results.arc != nullptr) {
    append_method(target, "arc", results.arc->result);
    append_comment(target, results.arc->reason);
  }
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
  append_comment(target, fmt::format("{}: {} {} {}", receiver, spf.domain, verb_of(spf.result),
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
    target += fmt::format("{}{}=", std::exchange(before, ";\r\n\t"), key);
    is_dot_atom(value) ? void(target += value) : append_quoted(target, value);
  }
  target += "\r\n";
}

}  // namespace ringpost::auth
