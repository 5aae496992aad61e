// Making hashes and keys of passwords: see encrypt.h.
#include "tools/ringpostctl/encrypt.h"

#include <array>
#include <cstdlib>
#include <memory>
#include <optional>

#include <crypt.h>
#include <fmt/format.h>
#include <sysexits.h>

#include "engine/mta/hash_functions.h"
#include "engine/mta/random.h"
#include "proto/base/secret.h"
#include "proto/sasl/mechanism.h"
#include "proto/sasl/scram_keys.h"

namespace ringpost::ctl {
namespace {

constexpr std::size_t salt_octets = 16;

std::optional<std::string> scram_of(const std::string& password) {
  std::array<std::byte, salt_octets> salt{};
  mta::fill_random(salt);
  return sasl::to_text(sasl::make_scram_keys(password, std::string(text_of(Bytes(salt))),
                                             sasl::scram_iterations_least, mta::hash_functions()));
}

std::optional<std::string> crypt_of(const std::string& password) {
  std::array<char, CRYPT_GENSALT_OUTPUT_SIZE> setting{};
  const auto room = std::make_unique<crypt_data>();
  const char* made = crypt_gensalt_rn(nullptr, 0, nullptr, 0, setting.data(), setting.size());
  const char* hash =
      made == nullptr ? nullptr : crypt_rn(password.c_str(), made, room.get(), sizeof(crypt_data));
  if (hash == nullptr || *hash == '*') return std::nullopt;
  return std::string(hash);
}

}  // namespace

int run_encrypt(std::span<const std::string> words, std::FILE* in, std::FILE* out,
                std::FILE* errors) {
  const bool scram = !words.empty() && words[0] == "--scram";
  if (scram) words = words.subspan(1);
  if (words.size() > 1 || (!words.empty() && words[0].starts_with("-"))) {
    fmt::print(errors, "usage: ringpostctl encrypt [--scram] [PASSWORD]\n");
    return EX_USAGE;
  }
  const auto put = [&](std::string password) {
    const bool usable = sasl::is_credential(password);
    const auto made = !usable ? std::nullopt : scram ? scram_of(password) : crypt_of(password);
    wipe(password.data(), password.size());
    fmt::print(made ? out : errors, "{}\n", made.value_or("ringpostctl: this can be no password"));
    return made.has_value();
  };
  bool all = true;
  if (!words.empty()) return put(words[0]) ? EX_OK : EX_DATAERR;
  char* line = nullptr;
  std::size_t room = 0;
  for (ssize_t octets = 0; (octets = getline(&line, &room, in)) > 0;) {
    const std::string_view text(line, static_cast<std::size_t>(octets));
    all = put(std::string(text.substr(0, text.find('\n')))) && all;
    wipe(line, static_cast<std::size_t>(octets));
  }
  std::free(line);
  return all ? EX_OK : EX_DATAERR;
}

}  // namespace ringpost::ctl
