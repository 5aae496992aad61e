// Key records and their keys: see key_cache.h. What is no key is remembered as well: a record that
// is wrong is wrong for every message.
#include "scan/sign/key_cache.h"

#include <utility>

namespace ringpost::scan {
namespace {

std::unique_ptr<const ReadKey> read_record(std::string_view record) {
  auto key = auth::parse_key_record(record);
  if (!key) return std::make_unique<ReadKey>(std::unexpected(key.error()), std::unexpected(""));
  auto usable = PublicKey::parse(*key);
  return std::make_unique<ReadKey>(std::move(key), std::move(usable));
}

}  // namespace

// What is dropped is the former half, when the recent one is full: the records of one answer do not
// fill it twice.
const ReadKey& KeyCache::read(const std::string& record) {
  if (const auto found = recent_.find(record); found != recent_.end()) return *found->second;
  if (recent_.size() >= records_max_) former_ = std::exchange(recent_, {});
  auto known = former_.extract(record);
  if (!known.empty()) return *recent_.insert(std::move(known)).position->second;
  return *recent_.emplace(record, read_record(record)).first->second;
}

std::optional<KeyCache::Keys> KeyCache::find_keys(const auth::DkimSignature& signature,
                                                  auth::DnsMemo& dns) {
  const auto records = auth::find_key_records(signature, dns);
  if (!records) return std::nullopt;
  if (!*records) return std::unexpected(records->error());
  std::vector<const ReadKey*> keys;
  auth::KeyProblem problem{auth::Result::PermError, "no key is published"};
  for (const std::string& record : **records) {
    const ReadKey& read_key = read(record);
    const auto reason = read_key.key ? auth::misfit_of(*read_key.key, signature)
                                     : std::optional(read_key.key.error());
    if (reason)
      problem.reason = *reason;
    else
      keys.push_back(&read_key);
  }
  if (keys.empty()) return std::unexpected(problem);
  return keys;
}

}  // namespace ringpost::scan
