// Reading key records: see dkim_key.h.
// RFC 6376 3.6.1, 3.6.2.2 and 6.1.2.
#include "proto/auth/dkim_key.h"

#include <algorithm>

#include "proto/auth/tag_list.h"
#include "proto/base/ascii.h"

namespace ringpost::auth {
namespace {

KeyProblem problem_of(const dns::Answer& answer) {
  if (answer.outcome == dns::Outcome::Failed && answer.failure == dns::Failure::LongChain)
    return {Result::PermError, "the key's name leads nowhere"};
  if (answer.outcome == dns::Outcome::Failed)
    return {Result::TempError, "the DNS does not answer for the key"};
  return {Result::PermError, "no key is published"};
}

std::optional<std::string> record_of(const dns::RecordData& data) {
  const auto* text = std::get_if<dns::Text>(&data);
  if (text == nullptr) return std::nullopt;
  std::string record;
  for (const std::string& part : text->strings) {
    if (record.size() + part.size() > key_record_octets_max) return std::nullopt;
    record += part;
  }
  return record;
}

}  // namespace

std::expected<DkimKey, std::string_view> parse_key_record(std::string_view record) {
  const auto tags = TagList::parse(record);
  if (!tags) return std::unexpected("the key record cannot be read");
  // RFC 6376 3.6.1: v= must be the first, and this version.
  if (const auto version = tags->find("v");
      version && (*version != "DKIM1" || tags->tags().front().name != "v"))
    return std::unexpected("the key record is of another version");
  DkimKey key;
  const std::string kind = ascii::lower(tags->find("k").value_or("rsa"));
  if (kind != "rsa" && kind != "ed25519") return std::unexpected("a key of an unknown kind");
  key.algorithm = kind == "rsa" ? Algorithm::RsaSha256 : Algorithm::Ed25519Sha256;
  if (const auto hashes = tags->find("h"); hashes && !list_contains(*hashes, "sha256"))
    return std::unexpected("the key is not for SHA-256");
  if (const auto services = tags->find("s");
      services && !list_contains(*services, "*") && !list_contains(*services, "email"))
    return std::unexpected("the key is not for mail");
  if (const auto flags = tags->find("t")) {
    key.is_testing = list_contains(*flags, "y");
    key.identity_exact = list_contains(*flags, "s");
  }
  const auto octets = tags->find("p");
  if (!octets) return std::unexpected("the key record has no p=");
  if (octets->empty()) return std::unexpected("the key is revoked");
  auto decoded = decode_folded_base64(*octets);
  if (!decoded) return std::unexpected("p= is no base64");
  key.octets = std::move(*decoded);
  return key;
}

std::optional<std::expected<std::vector<std::string>, KeyProblem>> find_key_records(
    const DkimSignature& signature, DnsMemo& dns) {
  const dns::Answer* answer = dns.find(signature.key_name, dns::Type::Txt);
  if (answer == nullptr) return std::nullopt;
  if (answer->outcome != dns::Outcome::Found) return std::unexpected(problem_of(*answer));
  std::vector<std::string> records;
  const std::size_t tried = std::min(answer->records.size(), key_records_max);
  for (std::size_t i = 0; i < tried; ++i)
    if (auto record = record_of(answer->records[i])) records.push_back(std::move(*record));
  return records;
}

std::optional<std::string_view> misfit_of(const DkimKey& key, const DkimSignature& signature) {
  if (key.algorithm != signature.algorithm) return "the key is of another kind than the signature";
  if (key.identity_exact && !signature.identity_is_domain)
    return "the key is not for domains below d=";
  return std::nullopt;
}

}  // namespace ringpost::auth
