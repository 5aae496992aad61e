// Runs a command that reads a message, inside the test, and keeps what it printed.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "proto/base/clock.h"
#include "tools/ringpostctl/output.h"

namespace ringpost::ctl {

struct Ran {
  int status = -1;
  std::string out = {}, err = {};
};

// `command` is called with the input and the output.
template <class Command>
Ran run_with(std::string input, Command command) {
  Ran ran;
  input += '\n';  // fmemopen(3) takes no empty buffer
  char *out = nullptr, *err = nullptr;
  std::size_t out_octets = 0, err_octets = 0;
  std::FILE* in = fmemopen(input.data(), input.size() - 1, "r");
  const Output output{open_memstream(&out, &out_octets), open_memstream(&err, &err_octets)};
  ran.status = command(in, output);
  std::fclose(in);
  std::fclose(output.out);
  std::fclose(output.err);
  ran.out.assign(out, out_octets);
  ran.err.assign(err, err_octets);
  std::free(out);
  std::free(err);
  return ran;
}

using MessageCommand = int (*)(std::span<const std::string>, std::FILE*, WallTime, const Output&);

inline Ran run_command(MessageCommand command, const std::vector<std::string>& words,
                       std::string input) {
  return run_with(std::move(input), [&](std::FILE* in, const Output& output) {
    return command(words, in, WallTime{1'700'000'000'000'000}, output);
  });
}

}  // namespace ringpost::ctl
