// Rows as octets: see row.h. The checksum finds what a crash has torn; the reading is strict all
// the same, since anybody may have written the file.
#include "store/dmarc/row.h"

#include <algorithm>
#include <string_view>

#include "proto/base/crc32c.h"
#include "proto/base/wire.h"

namespace ringpost::store {
namespace {

constexpr std::uint8_t version = 1;
constexpr std::size_t head_octets = 8;
constexpr std::uint32_t text_octets_max = 255;
constexpr std::uint32_t uri_octets_max = 512;
constexpr std::uint32_t uris_max = 8;

struct StringSink {
  std::string& text;
  void put(Bytes field) { text += text_of(field); }
};

void put_cut(StringSink& sink, std::string_view text, std::uint32_t octets_max = text_octets_max) {
  put_text(sink, text.substr(0, octets_max));
}

void put_octet(StringSink& sink, auto value) { put_fixed(sink, static_cast<std::uint8_t>(value)); }

unsigned flags_of(const auth::DmarcRow& row) {
  return (row.published.strict_dkim ? 1u : 0u) | (row.published.strict_spf ? 2u : 0u) |
         (row.dkim_aligned ? 4u : 0u) | (row.spf_aligned ? 8u : 0u) | (row.is_report ? 16u : 0u) |
         (row.spf_of_helo ? 32u : 0u);
}

template <class Enum>
Enum take_enum(FieldReader& reader, Enum last) {
  const auto value = reader.fixed<std::uint8_t>();
  reader.require(value <= static_cast<std::uint8_t>(last));
  return reader.ok() ? static_cast<Enum>(value) : Enum{};
}

void put_published(StringSink& sink, const auth::PublishedPolicy& policy) {
  put_cut(sink, policy.domain);
  put_octet(sink, policy.policy);
  put_octet(sink, policy.subdomain_policy);
  put_octet(sink, policy.percent);
  put_cut(sink, policy.failure_options);
  // One that is cut would name somebody else.
  std::vector<std::string_view> uris;
  for (const std::string& uri : policy.aggregate_uris)
    if (uri.size() <= uri_octets_max && uris.size() < uris_max) uris.push_back(uri);
  put_number(sink, static_cast<std::uint32_t>(uris.size()));
  for (const std::string_view uri : uris) put_text(sink, uri);
}

auth::PublishedPolicy take_published(FieldReader& reader) {
  auth::PublishedPolicy policy;
  policy.domain = reader.text(text_octets_max);
  policy.policy = take_enum(reader, auth::DmarcPolicy::Reject);
  policy.subdomain_policy = take_enum(reader, auth::DmarcPolicy::Reject);
  policy.percent = reader.fixed<std::uint8_t>();
  reader.require(policy.percent <= 100);
  policy.failure_options = reader.text(text_octets_max);
  const std::uint32_t uris = reader.number(uris_max);
  for (std::uint32_t i = 0; i < uris && reader.ok(); ++i)
    policy.aggregate_uris.push_back(reader.text(uri_octets_max));
  return policy;
}

void put_row(StringSink& sink, const auth::DmarcRow& row) {
  put_octet(sink, version);
  put_fixed(sink, row.second);
  put_octet(sink, flags_of(row));
  put_published(sink, row.published);
  put_cut(sink, row.source);
  put_octet(sink, row.disposition);
  put_octet(sink, row.reason);
  put_cut(sink, row.header_from);
  put_cut(sink, row.envelope_from);
  put_cut(sink, row.spf_domain);
  put_octet(sink, row.spf);
  const std::size_t signatures = std::min(row.signatures.size(), auth::row_signatures_max);
  put_number(sink, static_cast<std::uint32_t>(signatures));
  for (std::size_t i = 0; i < signatures; ++i) {
    put_cut(sink, row.signatures[i].domain);
    put_cut(sink, row.signatures[i].selector);
    put_octet(sink, row.signatures[i].result);
  }
}

std::optional<auth::DmarcRow> take_row(FieldReader reader) {
  reader.require(reader.fixed<std::uint8_t>() == version);
  auth::DmarcRow row;
  row.second = reader.fixed<std::uint64_t>();
  const auto flags = reader.fixed<std::uint8_t>();
  reader.require(flags < 64);
  row.published = take_published(reader);
  row.published.strict_dkim = (flags & 1) != 0;
  row.published.strict_spf = (flags & 2) != 0;
  row.dkim_aligned = (flags & 4) != 0;
  row.spf_aligned = (flags & 8) != 0;
  row.is_report = (flags & 16) != 0;
  row.spf_of_helo = (flags & 32) != 0;
  row.source = reader.text(text_octets_max);
  row.disposition = take_enum(reader, auth::DmarcPolicy::Reject);
  row.reason = take_enum(reader, auth::PolicyOverride::LocalPolicy);
  row.header_from = reader.text(text_octets_max);
  row.envelope_from = reader.text(text_octets_max);
  row.spf_domain = reader.text(text_octets_max);
  row.spf = take_enum(reader, auth::Result::PermError);
  const std::uint32_t signatures = reader.number(auth::row_signatures_max);
  for (std::uint32_t i = 0; i < signatures && reader.ok(); ++i) {
    auth::RowSignature one{.domain = reader.text(text_octets_max),
                           .selector = reader.text(text_octets_max)};
    one.result = take_enum(reader, auth::Result::PermError);
    row.signatures.push_back(std::move(one));
  }
  if (!reader.ok() || !reader.at_end()) return std::nullopt;
  return row;
}

}  // namespace

void append_row(std::string& file, const auth::DmarcRow& row) {
  const std::size_t begin = file.size();
  file.append(head_octets, '\0');
  StringSink sink{file};
  put_row(sink, row);
  const Bytes payload = bytes_of(file).subspan(begin + head_octets);
  const auto length = static_cast<std::uint32_t>(payload.size());
  CHECK(length + head_octets <= row_octets_max);
  const std::uint32_t sum = crc32c(0, payload);
  std::memcpy(file.data() + begin, &length, sizeof length);
  std::memcpy(file.data() + begin + sizeof length, &sum, sizeof sum);
}

std::optional<auth::DmarcRow> RowReader::next() {
  FieldReader head(left_);
  const auto length = head.fixed<std::uint32_t>();
  const auto sum = head.fixed<std::uint32_t>();
  if (!head.ok() || length > row_octets_max || length > left_.size() - head_octets)
    return std::nullopt;
  const Bytes payload = left_.subspan(head_octets, length);
  if (crc32c(0, payload) != sum) return std::nullopt;
  auto row = take_row(FieldReader(payload));
  if (row) left_ = left_.subspan(head_octets + length);
  return row;
}

}  // namespace ringpost::store
