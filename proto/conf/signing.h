// What `dkim` and `arc` lines say: which keys sign which mail. Values of Config.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proto/base/clock.h"
#include "proto/conf/diagnostic.h"

namespace ringpost::conf {

class Table;

// What stands for the domain in the path of a key.
inline constexpr std::string_view domain_specifier = "%{domain}";

// One `dkim domain` line: a key, for one domain or for each of a table. Several lines for a domain
// are several signatures.
struct DkimKey {
  Position position = {};
  // Lower case, A-labels; empty: `domains`, a list, has them, perhaps in upper case. Signed is mail
  // whose author has an address in the domain or below it; the longest that is configured counts.
  std::string domain = {};
  const Table* domains = nullptr;  // in memory
  std::string selector = {};       // lower case, too
  std::string key_path = {};       // absolute; with `domains` it has %{domain}
  // Whose mail: all that is submitted here, or only that of clients who are authenticated (as one
  // of `users`, which is in memory), and only that of listeners with the tag.
  bool only_authenticated = false;
  const Table* users = nullptr;
  std::string tag = {};
  bool any_author = false;  // whoever the author is: d= need not be aligned with From
  bool simple_header = false, simple_body = false;  // `canonical`; relaxed by default
  Duration expires{};                               // x= so long after t=; 0: never
};

// The domains of the line: lower case, each once.
std::vector<std::string> domains_of(const DkimKey& line);
// Where the key for one of them lies.
std::string key_path_of(const DkimKey& line, std::string_view domain);

// `arc domain`: by which key mail from strangers that leaves again is sealed.
struct ArcKey {
  Position position = {};
  std::string domain = {}, selector = {}, key_path = {};
};

}  // namespace ringpost::conf
