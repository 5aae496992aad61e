// Files of databases that this user wrote: see pattern_cache.h. The name is the hash of the
// patterns; the image says by itself for which library and processor it was made.
#include "engine/mta/pattern_cache.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/mta/home.h"
#include "engine/process/blocking_file.h"
#include "proto/base/bytes.h"

namespace ringpost::mta {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t image_octets_max = 1024ul * 1024 * 1024;

// Lengths go in, too: two patterns are not one with both texts.
std::string name_of(std::span<const std::string_view> patterns) {
  SHA256_CTX context;
  SHA256_Init(&context);
  for (const std::string_view pattern : patterns) {
    const std::uint64_t octets = pattern.size();
    SHA256_Update(&context, &octets, sizeof octets);
    SHA256_Update(&context, pattern.data(), pattern.size());
  }
  std::uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256_Final(digest, &context);
  std::string name;
  for (const std::uint8_t octet : digest) name += fmt::format("{:02x}", octet);
  return name;
}

// Hyperscan takes an image on trust: only what nobody but the engine can have written is read, also
// by root, who becomes the engine before anything is matched.
bool is_ours(const process::File& file) {
  const auto status = file.status();
  return status && S_ISREG(status->st_mode) && (status->st_uid == geteuid() || geteuid() == 0) &&
         (status->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

}  // namespace

std::optional<scan::Database> PatternCache::find(std::span<const std::string_view> patterns) const {
  if (!is_of_use(patterns)) return std::nullopt;
  const std::string path = folder_ + "/" + name_of(patterns);
  auto file = process::File::open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file || !is_ours(*file)) return std::nullopt;
  futimens(file->descriptor(), nullptr);  // it is in use: others go first
  const auto image = file->read(image_octets_max);
  if (!image) return std::nullopt;
  auto database = scan::Database::deserialise(bytes_of(*image));
  if (!database) return std::nullopt;
  return std::move(*database);
}

void PatternCache::keep(std::span<const std::string_view> patterns,
                        const scan::Database& database) const {
  if (!is_of_use(patterns) || !make_folders(folder_)) return;
  const std::string path = folder_ + "/" + name_of(patterns);
  const std::string unfinished = fmt::format("{}.{}", path, getpid());
  auto file = process::File::open(unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
  if (!file) return;
  const bool is_whole =
      file->write(text_of(Bytes(database.serialise()))).has_value() && file->close().has_value();
  if (!is_whole || rename(unfinished.c_str(), path.c_str()) != 0) unlink(unfinished.c_str());
  drop_oldest();
}

void PatternCache::drop_oldest() const {
  struct Kept {
    fs::file_time_type time;
    fs::path path;
  };
  std::vector<Kept> all;
  std::error_code error;
  for (fs::directory_iterator entry(folder_, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code gone;
    const auto time = entry->last_write_time(gone);
    if (!gone) all.push_back({time, entry->path()});
  }
  if (all.size() <= files_max) return;
  std::ranges::sort(all, {}, &Kept::time);
  for (std::size_t i = 0; i < all.size() - files_max; ++i) fs::remove(all[i].path, error);
}

}  // namespace ringpost::mta
