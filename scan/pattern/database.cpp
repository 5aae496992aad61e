// Compiling and the image. An image is only ever read by the version and on the kind of processor
// that wrote it, so its numbers are in the machine's own order.
#include "scan/pattern/database.h"

#include <cstring>
#include <string_view>
#include <utility>

#include <hs/hs.h>

#include "proto/base/check.h"
#include "proto/base/crc32c.h"

namespace ringpost::scan {
namespace {

// What stands before Hyperscan's own octets. The checksum covers everything behind it.
struct ImageHead {
  std::uint32_t magic;
  std::uint32_t crc;
  std::uint32_t format;
  std::uint32_t tune;
  std::uint64_t cpu_features;
  std::uint64_t pattern_count;
  std::uint64_t hyperscan_version;  // checksum of its version text
  std::uint64_t octets;             // behind this head
};
static_assert(sizeof(ImageHead) == 48);

constexpr std::uint32_t image_magic = 0x52504853;  // "RPHS"
constexpr std::uint32_t image_format = 1;
constexpr std::size_t crc_begin = offsetof(ImageHead, format);

struct FreeCompileError {
  void operator()(hs_compile_error_t* error) const noexcept { hs_free_compile_error(error); }
};
using CompileError = std::unique_ptr<hs_compile_error_t, FreeCompileError>;

unsigned flags_of(const PatternOptions& options) {
  unsigned flags = HS_FLAG_SINGLEMATCH;  // one report per expression and text is all we use
  if (options.any_case) flags |= HS_FLAG_CASELESS;
  if (options.multi_line) flags |= HS_FLAG_MULTILINE;
  if (options.dot_all) flags |= HS_FLAG_DOTALL;
  if (options.allow_empty) flags |= HS_FLAG_ALLOWEMPTY;
  return flags;
}

hs_platform_info_t this_platform() {
  hs_platform_info_t platform{};
  CHECK(hs_populate_platform(&platform) == HS_SUCCESS);
  return platform;
}

std::uint64_t version_checksum() { return crc32c(0, bytes_of(hs_version())); }

// Why one expression cannot be used, or nothing. Compiles it alone, which costs far less than the
// whole list.
std::optional<std::string> problem_of(const Pattern& pattern) {
  if (pattern.expression.empty()) return "the expression is empty";
  if (pattern.expression.size() > Database::expression_octets_max)
    return "the expression is longer than 16384 octets";
  if (pattern.expression.contains('\0')) return "the expression holds a NUL; write \\x00";
  hs_database_t* made = nullptr;
  hs_compile_error_t* failure = nullptr;
  const auto result = hs_compile(pattern.expression.c_str(), flags_of(pattern.options),
                                 HS_MODE_BLOCK, nullptr, &made, &failure);
  const CompileError error(failure);
  if (result == HS_SUCCESS) {
    CHECK(hs_free_database(made) == HS_SUCCESS);
    return std::nullopt;
  }
  return error ? std::string(error->message) : std::string("Hyperscan refuses it");
}

std::vector<PatternError> problems_of(std::span<const Pattern> list) {
  std::vector<PatternError> errors;
  for (std::size_t i = 0; i < list.size(); ++i)
    if (auto problem = problem_of(list[i])) errors.push_back({i, std::move(*problem)});
  return errors;
}

std::optional<std::string> problem_of_whole(std::span<const Pattern> list) {
  if (list.empty()) return "there is no pattern";
  if (list.size() > Database::patterns_max) return "there are more than 100000 patterns";
  if (hs_valid_platform() != HS_SUCCESS) return "this processor lacks SSSE3";
  return std::nullopt;
}

// Cheap checks that the compiler of the whole list could not make, since it takes C strings.
bool may_be_compiled(std::span<const Pattern> list) {
  for (const Pattern& pattern : list) {
    const std::string& text = pattern.expression;
    if (text.empty() || text.size() > Database::expression_octets_max || text.contains('\0'))
      return false;
  }
  return true;
}

std::expected<hs_database_t*, std::string> compile_all(std::span<const Pattern> list) {
  std::vector<const char*> expressions;
  std::vector<unsigned> flags;
  std::vector<unsigned> ids;
  for (const Pattern& pattern : list) {
    expressions.push_back(pattern.expression.c_str());
    flags.push_back(flags_of(pattern.options));
    ids.push_back(pattern.id);
  }
  hs_database_t* made = nullptr;
  hs_compile_error_t* failure = nullptr;
  const auto result =
      hs_compile_multi(expressions.data(), flags.data(), ids.data(),
                       static_cast<unsigned>(list.size()), HS_MODE_BLOCK, nullptr, &made, &failure);
  const CompileError error(failure);
  if (result == HS_SUCCESS) return made;
  return std::unexpected(error ? error->message : "Hyperscan refuses the list");
}

std::expected<ImageHead, ImageError> head_of(Bytes image) {
  ImageHead head{};
  if (image.size() < sizeof head) return std::unexpected(ImageError::Malformed);
  std::memcpy(&head, image.data(), sizeof head);
  if (head.magic != image_magic) return std::unexpected(ImageError::Malformed);
  if (head.crc != crc32c(0, image.subspan(crc_begin))) return std::unexpected(ImageError::Damaged);
  const auto platform = this_platform();
  if (head.format != image_format || head.hyperscan_version != version_checksum())
    return std::unexpected(ImageError::OtherVersion);
  if ((head.cpu_features & ~platform.cpu_features) != 0 || head.tune != platform.tune)
    return std::unexpected(ImageError::OtherPlatform);
  if (head.octets != image.size() - sizeof head || head.pattern_count > Database::patterns_max)
    return std::unexpected(ImageError::Malformed);
  return head;
}

}  // namespace

void Database::Free::operator()(hs_database* database) const noexcept {
  CHECK(hs_free_database(database) == HS_SUCCESS);
}

std::expected<Database, std::vector<PatternError>> Database::compile(
    std::span<const Pattern> list) {
  if (auto problem = problem_of_whole(list))
    return std::unexpected(std::vector{PatternError{std::nullopt, std::move(*problem)}});
  if (!may_be_compiled(list)) return std::unexpected(problems_of(list));
  const auto made = compile_all(list);
  if (made) return Database(Handle(*made), list.size());
  auto errors = problems_of(list);
  if (errors.empty()) errors.push_back({std::nullopt, made.error()});
  return std::unexpected(std::move(errors));
}

std::expected<Database, ImageError> Database::deserialise(Bytes image) {
  const auto head = head_of(image);
  if (!head) return std::unexpected(head.error());
  hs_database_t* made = nullptr;
  const std::string_view octets = text_of(image.subspan(sizeof(ImageHead)));
  const auto result = hs_deserialize_database(octets.data(), octets.size(), &made);
  if (result == HS_SUCCESS) return Database(Handle(made), head->pattern_count);
  if (result == HS_DB_VERSION_ERROR) return std::unexpected(ImageError::OtherVersion);
  if (result == HS_DB_PLATFORM_ERROR) return std::unexpected(ImageError::OtherPlatform);
  return std::unexpected(ImageError::Malformed);
}

std::vector<std::byte> Database::serialise() const {
  char* octets = nullptr;
  std::size_t count = 0;
  CHECK(hs_serialize_database(handle_.get(), &octets, &count) == HS_SUCCESS);
  const auto platform = this_platform();
  ImageHead head{
      image_magic,        0,    image_format, platform.tune, platform.cpu_features, pattern_count_,
      version_checksum(), count};
  std::vector<std::byte> image(sizeof head + count);
  std::memcpy(image.data(), &head, sizeof head);
  std::memcpy(image.data() + sizeof head, octets, count);
  std::free(octets);
  head.crc = crc32c(0, Bytes(image).subspan(crc_begin));
  std::memcpy(image.data(), &head, sizeof head);
  return image;
}

std::size_t Database::size_bytes() const {
  std::size_t bytes = 0;
  CHECK(hs_database_size(handle_.get(), &bytes) == HS_SUCCESS);
  return bytes;
}

}  // namespace ringpost::scan
