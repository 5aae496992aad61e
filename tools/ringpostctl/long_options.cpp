// Options with values: see long_options.h. What is wrong is a sentence.
#include "tools/ringpostctl/long_options.h"

#include <algorithm>

#include <fmt/format.h>

namespace ringpost::ctl {

std::expected<LongOptions, std::string> LongOptions::parse(
    std::span<const std::string> words, std::span<const std::string_view> known) {
  LongOptions options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (!word.starts_with("--")) return std::unexpected(fmt::format("unknown word \"{}\"", word));
    const std::size_t equals = word.find('=');
    const std::string_view name = word.substr(2, equals == word.npos ? equals : equals - 2);
    if (std::ranges::find(known, name) == known.end())
      return std::unexpected(fmt::format("unknown option --{}", name));
    if (equals == word.npos && i + 1 == words.size())
      return std::unexpected(fmt::format("--{} needs a value", name));
    options.values_[std::string(name)].emplace_back(
        equals == word.npos ? std::string_view(words[++i]) : word.substr(equals + 1));
  }
  return options;
}

std::optional<std::string> LongOptions::find(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  return found->second.back();
}

std::vector<std::string> LongOptions::all(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>{} : found->second;
}

std::optional<std::string> LongOptions::missing(std::span<const std::string_view> names) const {
  for (const std::string_view name : names)
    if (!values_.contains(name)) return fmt::format("--{} is missing", name);
  return std::nullopt;
}

}  // namespace ringpost::ctl
