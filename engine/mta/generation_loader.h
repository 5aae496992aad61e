// From files to a Generation: reads and checks the configuration, resolves its listeners. Blocks
// (disk, name service): for the start, `-n` and the control thread, never for a core. Every mistake
// comes back as a diagnostic with its place; nothing is changed by a load that fails.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/mta/generation.h"
#include "proto/conf/parse.h"

namespace ringpost::mta {

// A whole file of the operator's.
std::expected<std::string, Fault> read_text_file(const std::string& path);

struct LoadWish {
  std::string path;                                              // of the main file
  std::vector<std::pair<std::string, std::string>> macros = {};  // -D
  std::string server_name = {};                                  // empty: the name of this machine
  std::string resolver = {};  // -R ADDR:PORT, before what the configuration says
  // How the files are read; copied with the wish.
  std::function<std::expected<std::string, Fault>(const std::string&)> read = read_text_file;
  std::string pattern_cache = {};  // a folder for compiled patterns; empty: none
  bool only_check = false;         // -n: what is not available yet is no reason to fail
  KeyLookup find_key = {};         // CHECKed to be there when the configuration names keys
  // For the contexts of every generation.
  std::shared_ptr<tls::TicketKeys> tickets = std::make_shared<tls::TicketKeys>();
  std::shared_ptr<KnownAuthorities> known_authorities = std::make_shared<KnownAuthorities>();
};

// For parse(), without the judgement of patterns.
conf::ParseInput parse_input(const LoadWish& wish, std::string text);

struct LoadedGeneration {
  std::shared_ptr<Generation> generation;  // null when there is an error
  std::vector<conf::Diagnostic> diagnostics;
};

LoadedGeneration load_generation(const LoadWish& wish);

// Puts the generation's compiled patterns into the folder that the wish names, for the next load.
void keep_patterns(const LoadWish& wish, const Generation& generation);

// The configuration as `present` has it, with one table of a file or database read anew: neither
// the other tables nor the configuration's own files are looked at. The table must exist.
LoadedGeneration reload_table(const LoadWish& wish, const Generation& present,
                              const conf::Table& table);
// The same with the files of `pki` and `ca` read anew.
LoadedGeneration reload_certificates(const LoadWish& wish, const Generation& present);

}  // namespace ringpost::mta
