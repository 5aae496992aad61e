// The domains and files of `dkim` lines: see signing.h.
#include "proto/conf/signing.h"

#include <unordered_set>

#include "proto/base/ascii.h"
#include "proto/conf/table.h"

namespace ringpost::conf {

std::vector<std::string> domains_of(const DkimKey& line) {
  if (line.domains == nullptr) return {line.domain};
  std::vector<std::string> domains;
  std::unordered_set<std::string> seen;
  for (std::size_t i = 0; i < line.domains->size(); ++i) {
    std::string domain = ascii::lower(line.domains->row(i).key);
    if (seen.insert(domain).second) domains.push_back(std::move(domain));
  }
  return domains;
}

std::string key_path_of(const DkimKey& line, std::string_view domain) {
  if (line.domains == nullptr) return line.key_path;
  std::string path = line.key_path;
  std::size_t at = 0;
  while ((at = path.find(domain_specifier, at)) != std::string::npos) {
    path.replace(at, domain_specifier.size(), domain);
    at += domain.size();
  }
  return path;
}

}  // namespace ringpost::conf
