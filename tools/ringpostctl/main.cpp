// ringpostctl: asks and orders a running ringpostd, and reads the spool without it. See
// ringpostctl(8).
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "tools/ringpostctl/run.h"

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  const char* home = std::getenv("RINGPOST_HOME");
  std::timespec time{};
  std::timespec_get(&time, TIME_UTC);
  const ringpost::WallTime now{time.tv_sec * 1'000'000 + time.tv_nsec / 1'000};
  return ringpost::ctl::run(words, home == nullptr ? "" : home, now, {});
}
