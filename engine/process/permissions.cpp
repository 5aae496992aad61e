// Permissions as octets: see permissions.h. Decoding is strict and bounded.
#include "engine/process/permissions.h"

#include <cstdint>

#include "engine/process/agent_frame.h"
#include "engine/process/frame_fields.h"
#include "engine/process/parent_request.h"

namespace ringpost::process {
namespace {

constexpr std::uint32_t paths_max = 200'000;
constexpr std::uint32_t programs_max = 10'000;

void put_paths(StringSink& sink, const std::set<std::string>& paths) {
  std::set<std::string> fitting;
  for (const std::string& path : paths)
    if (fitting.size() < paths_max && is_within_limits(WatchFile{path})) fitting.insert(path);
  put_number(sink, static_cast<std::uint32_t>(fitting.size()));
  for (const std::string& path : fitting) put_text(sink, path);
}

bool is_fitting(const PermittedProgram& program) {
  return program.user.size() <= name_octets_max &&
         is_within_limits(StartProgram{program.name, program.words});
}

void put_filters(StringSink& sink, const std::set<FilterProgram>& filters) {
  std::set<FilterProgram> fitting;
  for (const FilterProgram& filter : filters)
    if (fitting.size() < programs_max && is_within_limits(StartFilter{1, filter}))
      fitting.insert(filter);
  put_number(sink, static_cast<std::uint32_t>(fitting.size()));
  for (const FilterProgram& filter : fitting) put_program(sink, filter);
}

std::set<std::string> take_paths(FieldReader& in) {
  std::set<std::string> paths;
  const std::uint32_t count = in.number(paths_max);
  for (std::uint32_t i = 0; in.ok() && i < count; ++i)
    in.require(paths.insert(take_absolute_path(in, path_octets_max)).second);
  return paths;
}

PermittedProgram take_program(FieldReader& in) {
  PermittedProgram program;
  program.name = take_text(in, name_octets_max);
  program.user = take_text(in, name_octets_max);
  const std::uint32_t words = in.number(program_words_max);
  in.require(words > 0);
  for (std::uint32_t i = 0; in.ok() && i < words; ++i)
    program.words.push_back(take_text(in, command_octets_max));
  in.require(in.ok() && program.words[0].starts_with('/'));
  return program;
}

}  // namespace

std::string encode(const Permissions& permissions) {
  StringSink sink;
  put_text(sink, std::string_view(permissions.keys_user).substr(0, name_octets_max));
  put_paths(sink, permissions.keys);
  put_paths(sink, permissions.files);
  std::set<PermittedProgram> fitting;
  for (const PermittedProgram& program : permissions.programs)
    if (fitting.size() < programs_max && is_fitting(program)) fitting.insert(program);
  put_number(sink, static_cast<std::uint32_t>(fitting.size()));
  for (const PermittedProgram& program : fitting) {
    put_text(sink, program.name);
    put_text(sink, program.user);
    put_texts(sink, program.words);
  }
  put_filters(sink, permissions.filters);
  return std::move(sink.octets);
}

std::optional<Permissions> decode_permissions(Bytes octets) {
  if (octets.size() > permissions_octets_max) return std::nullopt;
  FieldReader in(octets);
  Permissions permissions;
  permissions.keys_user = take_text(in, name_octets_max);
  permissions.keys = take_paths(in);
  permissions.files = take_paths(in);
  const std::uint32_t programs = in.number(programs_max);
  for (std::uint32_t i = 0; in.ok() && i < programs; ++i)
    in.require(permissions.programs.insert(take_program(in)).second);
  const std::uint32_t filters = in.number(programs_max);
  for (std::uint32_t i = 0; in.ok() && i < filters; ++i)
    in.require(permissions.filters.insert(take_filter_program(in)).second);
  return taken(in, std::move(permissions));
}

}  // namespace ringpost::process
