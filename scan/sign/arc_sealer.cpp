// Sealing: see arc_sealer.h.
// RFC 8617 5.1 and 5.1.2; RFC 8601 2.2 for what is taken out of Authentication-Results.
#include "scan/sign/arc_sealer.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "proto/auth/tag_list.h"
#include "proto/base/ascii.h"
#include "proto/base/base64.h"

namespace ringpost::scan {
namespace {

using auth::Canonical;
using auth::ChainStatus;

constexpr std::size_t columns_max = 78;
constexpr std::size_t tag_octets_max = 500;  // on one line

// Where the part of a structured field that begins at `at` ends: at a ';' outside of comments and
// quoted strings.
std::size_t part_end(std::string_view text, std::size_t at) {
  std::size_t depth = 0;
  bool quoted = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\') {
      ++at;
    } else if (quoted) {
      quoted = c != '"';
    } else if (c == '"' && depth == 0) {
      quoted = true;
    } else if (c == '(') {
      ++depth;
    } else if (c == ')' && depth > 0) {
      --depth;
    } else if (c == ';' && depth == 0) {
      return at;
    }
  }
  return text.size();
}

std::vector<std::string_view> parts_of(std::string_view value) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= value.size();) {
    const std::size_t end = part_end(value, at);
    parts.push_back(auth::trim_folding(value.substr(at, std::min(end, value.size()) - at)));
    at = end + 1;
  }
  return parts;
}

// The first word: a version may follow it.
bool bears(std::string_view part, std::string_view authserv_id) {
  std::string_view id = part.substr(0, part.find_first_of(" \t\r\n"));
  if (id.size() >= 2 && id.front() == '"' && id.back() == '"') id = id.substr(1, id.size() - 2);
  return ascii::equal_ignoring_case(id, authserv_id);
}

// A list of names in lines, where it is too long for one (RFC 5322 2.1.1): strangers choose how
// many fields of a name there are.
std::string folded(std::string tag) {
  if (tag.size() <= tag_octets_max) return tag;
  std::string lines;
  std::size_t column = 0;
  for (std::size_t at = 0; at < tag.size();) {
    const std::size_t end = std::min(tag.find(':', at), tag.size() - 1) + 1;
    if (column + (end - at) > columns_max) {
      lines += "\r\n ";
      column = 1;
    }
    lines.append(tag, at, end - at);
    column += end - at;
    at = end;
  }
  return lines;
}

// Tags in the order of their names, b= empty; folded between tags where a line gets long.
UnsignedField field_of(std::string_view name, std::vector<std::string> tags) {
  tags.emplace_back("b=");
  std::ranges::sort(tags, {}, [](const std::string& tag) { return tag.substr(0, tag.find('=')); });
  UnsignedField field{.before = fmt::format("{}:", name)};
  std::size_t column = field.before.size();
  bool behind = false;
  for (std::size_t i = 0; i < tags.size(); ++i) {
    std::string& target = behind ? field.after : field.before;
    if (column + 1 + tags[i].size() + 1 > columns_max) {
      target += "\r\n";
      column = 0;
    }
    target += ' ';
    target += tags[i];
    column += 1 + tags[i].size() + 1;
    behind = behind || tags[i] == "b=";
    if (tags[i] == "b=") column = columns_max;  // its value fills the line
    if (i + 1 < tags.size()) (behind ? field.after : field.before) += ';';
  }
  return field;
}

std::string without_line_end(std::string_view whole) {
  std::string text;
  append_canonical_field(Canonical::Relaxed, whole, text);
  text.resize(text.size() - 2);
  return text;
}

// A filter may have changed what was found to be good.
bool has_sets(const auth::MessageHeader& header, unsigned instances) {
  const auto chain = auth::parse_chain(header);
  return chain && chain->sets.size() == instances;
}

}  // namespace

std::string own_results(const auth::MessageHeader& header, std::string_view authserv_id) {
  std::string joined;
  for (const std::size_t place : header.places("authentication-results")) {
    const auto parts = parts_of(header.fields()[place].value);
    if (!bears(parts.front(), authserv_id)) continue;
    for (const std::string_view part : std::span(parts).subspan(1)) {
      if (part.empty() || ascii::equal_ignoring_case(part, "none")) continue;
      if (!joined.empty()) joined += ";\r\n ";
      joined += part;
    }
  }
  return joined;
}

std::optional<ArcSealer> ArcSealer::begin(const SigningContent& content,
                                          const auth::ArcResult& chain, SealWish wish) {
  // RFC 8617 5.1.2: who finds a chain that failed before leaves it alone.
  if (chain.ends_here || chain.instances >= auth::arc_instances_max) return std::nullopt;
  if (!content.can_be_signed()) return std::nullopt;
  if (chain.result == auth::Result::Pass && !has_sets(content.header(), chain.instances))
    return std::nullopt;
  const ChainStatus status = chain.result == auth::Result::None   ? ChainStatus::None
                             : chain.result == auth::Result::Pass ? ChainStatus::Pass
                                                                  : ChainStatus::Fail;
  return ArcSealer(content, std::move(wish), chain.instances + 1, status);
}

ArcSealer::ArcSealer(const SigningContent& content, SealWish wish, unsigned instance,
                     ChainStatus status)
    : content_(&content), wish_(std::move(wish)), instance_(instance), status_(status) {
  std::string results = wish_.results;
  if (results.empty()) results = own_results(content.header(), wish_.authserv_id);
  if (results.empty()) results = fmt::format("arc={}", to_text(status_));
  results_ = fmt::format("ARC-Authentication-Results: i={}; {}; {}\r\n", instance_,
                         wish_.authserv_id, results);
}

UnsignedField ArcSealer::message_field() const {
  UnsignedField field = field_of(
      "ARC-Message-Signature",
      {fmt::format("i={}", instance_), fmt::format("a={}", to_text(wish_.algorithm)),
       "c=relaxed/relaxed", fmt::format("d={}", wish_.domain), fmt::format("s={}", wish_.selector),
       fmt::format("t={}", wish_.signed_at_s),
       folded(fmt::format("h={}", fmt::join(wish_.names, ":"))),
       fmt::format("bh={}",
                   base64_encode(text_of(Bytes(content_->body_hash(Canonical::Relaxed)))))});
  // The new results stand on top, and may be among what is signed.
  std::string header = results_;
  for (const auth::HeaderField& old : content_->header().fields()) {
    header += old.whole;
    if (!old.whole.ends_with("\r\n")) header += "\r\n";
  }
  std::string text;
  auth::MessageHeader(header).append_chosen(wish_.names, Canonical::Relaxed, text);
  text += without_line_end(field.before + field.after);
  field.hash = Sha256::of(text);
  return field;
}

UnsignedField ArcSealer::seal_field(std::string message) {
  message_ = std::move(message);
  UnsignedField field = field_of(
      "ARC-Seal", {fmt::format("i={}", instance_), fmt::format("cv={}", to_text(status_)),
                   fmt::format("a={}", to_text(wish_.algorithm)), fmt::format("d={}", wish_.domain),
                   fmt::format("s={}", wish_.selector), fmt::format("t={}", wish_.signed_at_s)});
  std::string text;
  // RFC 8617 5.1.2: the seal of a failed chain signs its own set alone.
  if (status_ == ChainStatus::Pass) {
    const auto chain = auth::parse_chain(content_->header());
    if (chain)
      for (const auth::ArcSet& set : chain->sets) append_set_for_seal(set, text);
  }
  append_canonical_field(Canonical::Relaxed, results_, text);
  append_canonical_field(Canonical::Relaxed, message_, text);
  text += without_line_end(field.before + field.after);
  field.hash = Sha256::of(text);
  return field;
}

std::string ArcSealer::set(std::string_view seal) const {
  std::string all(seal);
  all += message_;
  all += results_;
  return all;
}

}  // namespace ringpost::scan
