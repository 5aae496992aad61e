// The public suffix list: see public_suffixes.h.
#include "engine/mta/public_suffixes.h"

#include <libpsl.h>

#include "proto/base/utf8.h"

namespace ringpost::mta {
namespace {

// Of UTF-8; more is no domain.
constexpr std::size_t domain_octets_max = 1024;

struct FreeText {
  void operator()(char* text) const { psl_free_string(text); }
};

}  // namespace

void PublicSuffixes::Free::operator()(psl_ctx_st* list) const { psl_free(list); }

PublicSuffixes::PublicSuffixes()
    : loaded_(psl_latest(nullptr)), list_(loaded_ ? loaded_.get() : psl_builtin()) {}

std::string PublicSuffixes::registrable(std::string_view domain) const {
  if (domain.ends_with('.')) domain.remove_suffix(1);
  if (domain.empty() || domain.size() > domain_octets_max || domain.contains('\0') ||
      domain.starts_with('.') || domain.contains("..") || !is_utf8(domain))
    return {};
  if (list_ == nullptr) return std::string(domain);
  char* lower = nullptr;
  const psl_error_t error =
      psl_str_to_utf8lower(std::string(domain).c_str(), "utf-8", nullptr, &lower);
  const std::unique_ptr<char, FreeText> kept(lower);
  if (error != PSL_SUCCESS || lower == nullptr) return {};
  const char* found = psl_registrable_domain(list_, lower);
  return found == nullptr ? std::string() : std::string(found);
}

}  // namespace ringpost::mta
