// ringpost-load: a source of generated mail and a sink for mail, for measuring on one machine.
// Exit status 0: all messages were taken; 1: some were not, or it could not run; 2: wrong usage.
#include <cstdio>
#include <string_view>
#include <vector>

#include "tools/load/options.h"
#include "tools/load/run.h"

int main(int count, char** words) {
  using namespace ringpost;
  const std::vector<std::string_view> arguments(words + 1, words + count);
  const auto options = load::parse_options(arguments);
  if (!options) {
    const load::UsageText& usage = options.error();
    std::fputs(usage.text.c_str(), usage.is_error ? stderr : stdout);
    return usage.is_error ? 2 : 0;
  }
  const auto report = load::run(*options);
  if (!report) {
    std::fprintf(stderr, "ringpost-load: %s\n", to_text(report.error()).c_str());
    return 1;
  }
  std::puts((options->json ? to_json(*report) : to_line(*report)).c_str());
  return options->mode == load::Mode::Sink || report->is_clean() ? 0 : 1;
}
