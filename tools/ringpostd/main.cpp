// ringpostd: reads the command line and the configuration, then runs the Server. Exits 0 after an
// orderly end, 1 when the configuration or the start failed (every reason on stderr), 2 on a wrong
// command line.
#include <cstdio>
#include <cstdlib>

#include "tools/ringpostd/command_line.h"
#include "tools/ringpostd/run.h"

int main(int count, char** arguments) {
  const char* home = std::getenv("RINGPOST_HOME");
  const auto options = ringpost::tools::parse_daemon_options(
      std::span<const char* const>(arguments + 1,
                                   static_cast<std::size_t>(count > 0 ? count - 1 : 0)),
      home != nullptr ? home : "");
  if (!options) {
    std::fprintf(stderr, "ringpostd: %s\n%s\n", options.error().c_str(),
                 ringpost::tools::daemon_usage.data());
    return 2;
  }
  if (options->help) {
    std::printf("%s\n", ringpost::tools::daemon_usage.data());
    return 0;
  }
  return ringpost::tools::run_daemon(*options);
}
