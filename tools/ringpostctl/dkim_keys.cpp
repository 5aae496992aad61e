// Keys in files: see dkim_keys.h. BoringSSL makes them; its failures here are ours: CHECKs.
#include "tools/ringpostctl/dkim_keys.h"

#include <algorithm>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/curve25519.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <unistd.h>

#include "engine/process/blocking_file.h"
#include "proto/base/base64.h"
#include "proto/base/check.h"
#include "proto/base/secret.h"

namespace ringpost::ctl {
namespace {

constexpr std::size_t key_file_octets_max = 65'536;
constexpr std::size_t string_octets_max = 255;

bssl::UniquePtr<EVP_PKEY> make_rsa(unsigned bits) {
  const bssl::UniquePtr<RSA> rsa(RSA_new());
  const bssl::UniquePtr<BIGNUM> exponent(BN_new());
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  CHECK(BN_set_word(exponent.get(), RSA_F4) == 1 &&
        RSA_generate_key_ex(rsa.get(), static_cast<int>(bits), exponent.get(), nullptr) == 1 &&
        EVP_PKEY_set1_RSA(key.get(), rsa.get()) == 1);
  return key;
}

bssl::UniquePtr<EVP_PKEY> make_ed25519() {
  std::uint8_t public_half[32], both[64];
  ED25519_keypair(public_half, both);
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, both, 32));
  wipe(both, sizeof both);
  CHECK(key != nullptr);
  return key;
}

}  // namespace

std::expected<scan::PrivateKey, std::string> load_key(const std::string& path) {
  auto file = process::File::open(path, O_RDONLY);
  if (!file) return std::unexpected(to_text(file.error()));
  auto text = file->read(key_file_octets_max);
  if (!text) return std::unexpected(to_text(text.error()));
  auto key = scan::PrivateKey::parse(*text);
  wipe(text->data(), text->size());
  if (!key) return std::unexpected(fmt::format("{}: {}", path, key.error()));
  return std::move(*key);
}

std::string make_key(auth::Algorithm algorithm, unsigned bits) {
  const auto key = algorithm == auth::Algorithm::RsaSha256 ? make_rsa(bits) : make_ed25519();
  const bssl::UniquePtr<BIO> output(BIO_new(BIO_s_mem()));
  CHECK(PEM_write_bio_PKCS8PrivateKey(output.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                      nullptr) == 1);
  const std::uint8_t* octets = nullptr;
  std::size_t size = 0;
  CHECK(BIO_mem_contents(output.get(), &octets, &size) == 1);
  return std::string(octets, octets + size);
}

std::optional<std::string> store_key(const std::string& path, std::string_view pem) {
  auto file = process::File::open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!file) return to_text(file.error());
  auto written = file->write(pem);
  if (written) written = file->sync();
  if (written) written = file->close();
  if (written) return std::nullopt;
  unlink(path.c_str());
  return to_text(written.error());
}

std::string key_record(const scan::PrivateKey& key) {
  const bool is_rsa = key.algorithm() == auth::Algorithm::RsaSha256;
  return fmt::format("v=DKIM1; k={}; p={}", is_rsa ? "rsa" : "ed25519",
                     base64_encode(key.public_octets()));
}

std::string zone_line(std::string_view domain, std::string_view selector, std::string_view record) {
  std::string line = fmt::format("{}._domainkey.{}. IN TXT", selector, domain);
  for (std::size_t at = 0; at < record.size(); at += string_octets_max)
    line += fmt::format(" \"{}\"", record.substr(at, string_octets_max));
  return line;
}

}  // namespace ringpost::ctl
