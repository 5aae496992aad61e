// Permissions: what a configuration lets the engine ask its parent for. Made by the process that
// reads the configuration, never by the engine, which may have been taken over; the parent refuses
// everything else.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/process/filter_program.h"
#include "proto/base/bytes.h"

namespace ringpost::process {

// A program that the configuration names, and how it is run.
struct PermittedProgram {
  std::string name;                // what it is told as its own
  std::vector<std::string> words;  // its path first
  std::string user;                // whom it becomes when the parent is root
  auto operator<=>(const PermittedProgram&) const = default;
};

struct Permissions {
  std::string keys_user;        // whom the key process becomes when the parent is root
  std::set<std::string> keys;   // paths of private keys
  std::set<std::string> files;  // paths that may be watched besides
  std::set<PermittedProgram> programs;
  std::set<FilterProgram> filters = {};
  bool operator==(const Permissions&) const = default;
};

inline constexpr std::size_t permissions_octets_max = std::size_t{64} << 20;

// What could not be asked for, because it is too long or no absolute path, is left out.
std::string encode(const Permissions& permissions);
std::optional<Permissions> decode_permissions(Bytes octets);

}  // namespace ringpost::process
