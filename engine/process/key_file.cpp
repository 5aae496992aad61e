// Private keys by BoringSSL: see key_file.h. RFC 7468 (PEM), RFC 8446 4.2.3 (schemes). BoringSSL
// overwrites what it frees.
#include "engine/process/key_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <openssl/bio.h>
#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/secret.h"

namespace ringpost::process {
namespace {

constexpr std::size_t file_octets_max = 64 * 1024;
constexpr mode_t refused_access = S_IRWXO | S_IWGRP | S_IXGRP;
constexpr unsigned rsa_bits_least = 1024;  // DKIM has keys as small as this
constexpr unsigned rsa_bits_most = 16'384;

// The file's octets.
struct KeyText {
  Secret room{file_octets_max};
  std::size_t used = 0;
  std::string_view text() const { return room.reveal().substr(0, used); }
};

struct Scheme {
  std::uint16_t code;
  int type;
  const EVP_MD* (*digest)();
  bool pss;
  bool of_digest = false;  // the input is hashed already
};
constexpr Scheme schemes[] = {{0x0401, EVP_PKEY_RSA, EVP_sha256, false},
                              {0x0501, EVP_PKEY_RSA, EVP_sha384, false},
                              {0x0601, EVP_PKEY_RSA, EVP_sha512, false},
                              {0x0804, EVP_PKEY_RSA, EVP_sha256, true},
                              {0x0805, EVP_PKEY_RSA, EVP_sha384, true},
                              {0x0806, EVP_PKEY_RSA, EVP_sha512, true},
                              {0x0403, EVP_PKEY_EC, EVP_sha256, false},
                              {0x0503, EVP_PKEY_EC, EVP_sha384, false},
                              {0x0603, EVP_PKEY_EC, EVP_sha512, false},
                              {0x0807, EVP_PKEY_ED25519, nullptr, false},
                              {0x0201, EVP_PKEY_RSA, EVP_sha1, false},
                              {0x0203, EVP_PKEY_EC, EVP_sha1, false},
                              {0xff01, EVP_PKEY_RSA, EVP_md5_sha1, false},
                              {rsa_sha256_digest_scheme, EVP_PKEY_RSA, EVP_sha256, false, true}};

const Scheme* find_scheme(std::uint16_t code, int type) {
  for (const Scheme& scheme : schemes)
    if (scheme.code == code && scheme.type == type) return &scheme;
  return nullptr;
}

std::unexpected<std::string> refused(const std::string& path, std::string_view why) {
  return std::unexpected(fmt::format("{}: {}", path, why));
}

std::expected<void, std::string> check_status(int file, const std::string& path,
                                              std::span<const gid_t> readers) {
  struct stat status{};
  if (fstat(file, &status) != 0) return refused(path, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return refused(path, "a private key must be a plain file");
  const mode_t mode = status.st_mode & 07777;
  if ((mode & refused_access) != 0)
    return refused(path, fmt::format("mode {:04o} gives others access to this private key; "
                                     "use 0600, or 0640 for a group that may read it",
                                     mode));
  const bool is_fine_group =
      status.st_gid == 0 || std::ranges::find(readers, status.st_gid) != readers.end();
  if ((mode & S_IRGRP) != 0 && !is_fine_group)
    return refused(path, fmt::format("mode {:04o} lets all members of the group {} read this "
                                     "private key; use 0600, or the group root, ssl-cert or that "
                                     "of engine keys-user",
                                     mode, status.st_gid));
  if (status.st_size > static_cast<off_t>(file_octets_max))
    return refused(path, "too long for a private key");
  return {};
}

bool read_all(int file, KeyText& read) {
  while (read.used < read.room.size()) {
    const ssize_t got = pread(file, read.room.writable() + read.used, read.room.size() - read.used,
                              static_cast<off_t>(read.used));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) break;
    read.used += static_cast<std::size_t>(got);
  }
  return true;
}

// Nobody is at a terminal to be asked.
int no_passphrase(char*, int, int, void*) { return 0; }

bssl::UniquePtr<EVP_PKEY> parse(std::string_view text) {
  const bssl::UniquePtr<BIO> source(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!source) return nullptr;
  bssl::UniquePtr<EVP_PKEY> key(
      PEM_read_bio_PrivateKey(source.get(), nullptr, &no_passphrase, nullptr));
  ERR_clear_error();
  return key;
}

std::string_view problem_of(std::string_view text) {
  if (text.contains("ENCRYPTED")) return "the private key needs a passphrase: remove it";
  if (!text.contains("PRIVATE KEY-----")) return "there is no private key (PEM) in this file";
  return "the private key cannot be understood";
}

std::expected<KeyKind, std::string_view> kind_of(const EVP_PKEY* key) {
  switch (EVP_PKEY_id(key)) {
    case EVP_PKEY_RSA: {
      const auto bits = static_cast<unsigned>(EVP_PKEY_bits(key));
      if (bits < rsa_bits_least || bits > rsa_bits_most)
        return std::unexpected("RSA keys must have 1024 to 16384 bits");
      return KeyKind::Rsa;
    }
    case EVP_PKEY_EC:
      return KeyKind::Ecdsa;
    case EVP_PKEY_ED25519:
      return KeyKind::Ed25519;
    default:
      return std::unexpected("only RSA, EC and Ed25519 keys can be used");
  }
}

bool find_name(const EVP_PKEY* key, KeyName& name) {
  bssl::ScopedCBB octets;
  std::uint8_t* encoded = nullptr;
  std::size_t length = 0;
  if (!CBB_init(octets.get(), 512) || !EVP_marshal_public_key(octets.get(), key) ||
      !CBB_finish(octets.get(), &encoded, &length))
    return false;
  const bssl::UniquePtr<std::uint8_t> owner(encoded);
  SHA256(encoded, length, reinterpret_cast<std::uint8_t*>(name.data()));
  return true;
}

bool choose_padding(EVP_PKEY_CTX* context) {
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, -1) == 1;  // as long as the digest
}

// RFC 8017 8.2 from its second step on.
std::expected<std::string, int> sign_digest(const EVP_PKEY* key, Bytes digest) {
  if (digest.size() != SHA256_DIGEST_LENGTH) return std::unexpected(EINVAL);
  unsigned length = 0;
  std::string signature(static_cast<std::size_t>(EVP_PKEY_size(key)), '\0');
  const bool made =
      RSA_sign(NID_sha256, reinterpret_cast<const std::uint8_t*>(digest.data()),
               SHA256_DIGEST_LENGTH, reinterpret_cast<std::uint8_t*>(signature.data()), &length,
               EVP_PKEY_get0_RSA(key)) == 1;
  ERR_clear_error();
  if (!made) return std::unexpected(EINVAL);
  signature.resize(length);
  return signature;
}

}  // namespace

std::vector<gid_t> key_readers(gid_t holder) {
  std::vector<gid_t> readers{holder};
  if (const group* const keys = getgrnam("ssl-cert"); keys != nullptr)
    readers.push_back(keys->gr_gid);
  return readers;
}

std::expected<PrivateKey, std::string> PrivateKey::read(int file, const std::string& path,
                                                        std::span<const gid_t> readers) {
  if (const auto checked = check_status(file, path, readers); !checked)
    return std::unexpected(checked.error());
  KeyText secret;
  if (!read_all(file, secret)) return refused(path, std::strerror(errno));
  bssl::UniquePtr<EVP_PKEY> key = parse(secret.text());
  if (!key) return refused(path, problem_of(secret.text()));
  const auto kind = kind_of(key.get());
  if (!kind) return refused(path, kind.error());
  PrivateKey self(std::shared_ptr<EVP_PKEY>(key.release(), &EVP_PKEY_free));
  self.facts_.kind = *kind;
  if (*kind == KeyKind::Rsa)
    self.facts_.bits = static_cast<std::uint16_t>(EVP_PKEY_bits(self.key_.get()));
  if (!find_name(self.key_.get(), self.facts_.name))
    return refused(path, "the private key cannot be understood");
  return self;
}

std::expected<PrivateKey, std::string> PrivateKey::open(const std::string& path,
                                                        std::span<const gid_t> readers) {
  const int file = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (file < 0) return refused(path, std::strerror(errno));
  auto key = read(file, path, readers);
  close(file);
  return key;
}

std::expected<std::string, int> PrivateKey::sign(std::uint16_t code, Bytes input) const {
  const Scheme* const scheme = find_scheme(code, EVP_PKEY_id(key_.get()));
  if (scheme == nullptr) return std::unexpected(EINVAL);
  if (scheme->of_digest) return sign_digest(key_.get(), input);
  bssl::ScopedEVP_MD_CTX context;
  EVP_PKEY_CTX* of_key = nullptr;
  const EVP_MD* const digest = scheme->digest != nullptr ? scheme->digest() : nullptr;
  std::size_t length = static_cast<std::size_t>(EVP_PKEY_size(key_.get()));
  std::string signature(length, '\0');
  const bool made =
      EVP_DigestSignInit(context.get(), &of_key, digest, nullptr, key_.get()) == 1 &&
      (!scheme->pss || choose_padding(of_key)) &&
      EVP_DigestSign(context.get(), reinterpret_cast<std::uint8_t*>(signature.data()), &length,
                     reinterpret_cast<const std::uint8_t*>(input.data()), input.size()) == 1;
  ERR_clear_error();
  if (!made) return std::unexpected(EINVAL);
  signature.resize(length);
  return signature;
}

}  // namespace ringpost::process
