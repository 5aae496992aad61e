// A private key out of its file, and what is done with it. Only the key process, and a check of the
// configuration that starts nothing (`ringpostd -n`), ever call this: the octets of a key are in no
// other process. What was read is overwritten before its memory is given back.
#pragma once

#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <sys/types.h>

#include "engine/process/key.h"
#include "proto/base/bytes.h"

struct evp_pkey_st;

namespace ringpost::process {

// The groups besides root's that may read keys: that of who holds them, and the one that Debian
// makes for keys. Asks the name service.
std::vector<gid_t> key_readers(gid_t holder);

class PrivateKey {
 public:
  // `file` is open for reading and stays the caller's; `path` is for the error, a sentence for the
  // operator. Refused: a file that others may access, its group may write, or a group that is
  // neither root's nor among `readers` may read; one that is not a plain file; and what is no PEM
  // of an RSA, EC or Ed25519 key without a passphrase.
  static std::expected<PrivateKey, std::string> read(int file, const std::string& path,
                                                     std::span<const gid_t> readers = {});
  // The same for a path that this process may open itself.
  static std::expected<PrivateKey, std::string> open(const std::string& path,
                                                     std::span<const gid_t> readers = {});

  const LoadedKey& facts() const { return facts_; }
  // `scheme`: see SignRequest. The errno of what is wrong. Thread-safe.
  std::expected<std::string, int> sign(std::uint16_t scheme, Bytes input) const;

 private:
  explicit PrivateKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
  std::shared_ptr<evp_pkey_st> key_;
  LoadedKey facts_;
};

}  // namespace ringpost::process
