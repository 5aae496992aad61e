// LongOptions: "--name VALUE" and "--name=VALUE" of commands that take nothing else. A wrong word
// is a sentence that says what was expected.
#pragma once

#include <expected>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringpost::ctl {

class LongOptions {
 public:
  // `known`: the names, without "--". Each may be given more than once.
  static std::expected<LongOptions, std::string> parse(std::span<const std::string> words,
                                                       std::span<const std::string_view> known);

  // The last value; nothing when the option was not given.
  std::optional<std::string> find(std::string_view name) const;
  // In the order given.
  std::vector<std::string> all(std::string_view name) const;
  // A sentence about the first of `names` that was not given.
  std::optional<std::string> missing(std::span<const std::string_view> names) const;

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

}  // namespace ringpost::ctl
