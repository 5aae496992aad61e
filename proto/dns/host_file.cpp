// hosts(5): see host_file.h.
#include "proto/dns/host_file.h"

#include <algorithm>

namespace ringpost::dns {
namespace {

constexpr std::string_view blanks = " \t\r";

// The next word of a line, which is taken off; empty at its end.
std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
  const std::size_t end = std::min(line.find_first_of(blanks), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end);
  return word;
}

// RFC 6761 6.3
const std::vector<conf::NetAddress>& loopback() {
  static const std::vector<conf::NetAddress> addresses{*conf::parse_net_address("::1"),
                                                       *conf::parse_net_address("127.0.0.1")};
  return addresses;
}

}  // namespace

HostFile HostFile::parse(std::string_view text) {
  HostFile file;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    file.take_line(text.substr(0, std::min(end, text.find('#'))));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return file;
}

void HostFile::take_line(std::string_view line) {
  const auto address = conf::parse_net_address(take_word(line));
  if (!address) return;
  for (std::string_view word = take_word(line); !word.empty(); word = take_word(line)) {
    const auto name = Name::parse(word);
    if (!name) continue;
    std::vector<conf::NetAddress>& known = addresses_[name->text()];
    if (std::ranges::find(known, *address) == known.end()) known.push_back(*address);
  }
}

const std::vector<conf::NetAddress>* HostFile::find(const Name& host) const {
  const std::string name = host.text();
  const auto known = addresses_.find(name);
  if (known != addresses_.end()) return &known->second;
  return name == "localhost" || name.ends_with(".localhost") ? &loopback() : nullptr;
}

}  // namespace ringpost::dns
