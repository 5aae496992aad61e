// Registrable domains, line by line: see psl.h.
#include "tools/ringpostctl/psl.h"

#include "engine/mta/public_suffixes.h"
#include "proto/base/ascii.h"
#include "tools/ringpostctl/line_reader.h"

namespace ringpost::ctl {

int run_psl(std::span<const std::string> words, std::FILE* in, const Output& output) {
  if (!words.empty()) {
    output.fail("usage: ringpostctl psl < DOMAINS");
    return exit_usage;
  }
  const mta::PublicSuffixes suffixes;
  LineReader lines(in);
  while (const auto line = lines.next()) {
    const std::string domain = suffixes.registrable(ascii::trim(*line));
    output.put((domain.empty() ? "null" : domain) + "\n");
    std::fflush(output.out);
  }
  return std::ferror(output.out) == 0 ? exit_ok : exit_failed;
}

}  // namespace ringpost::ctl
