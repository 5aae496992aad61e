// ringpostctl: asks and orders a running ringpostd, and reads the spool without it; by other names
// it is sendmail, mailq and newaliases. See ringpostctl(8) and ringpost-sendmail(8).
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/ring/clock.h"
#include "proto/base/ascii.h"
#include "tools/ringpostctl/arc_seal.h"
#include "tools/ringpostctl/auth_command.h"
#include "tools/ringpostctl/dkim_commands.h"
#include "tools/ringpostctl/dns_command.h"
#include "tools/ringpostctl/encrypt.h"
#include "tools/ringpostctl/psl.h"
#include "tools/ringpostctl/run.h"
#include "tools/ringpostctl/sendmail.h"

namespace {

std::string_view name_in(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// `--home DIR` in front of a command, taken off `words`; else RINGPOST_HOME.
std::string take_home(std::vector<std::string>& words) {
  constexpr std::string_view option = "--home";
  const char* const variable = std::getenv("RINGPOST_HOME");
  std::string home = variable == nullptr ? "" : variable;
  if (words.size() > 1 && words[0] == option) {
    home = words[1];
    words.erase(words.begin(), words.begin() + 2);
  } else if (!words.empty() && words[0].starts_with("--home=")) {
    home = words[0].substr(option.size() + 1);
    words.erase(words.begin());
  }
  return home;
}

// RINGPOST_NOW, a Unix time, is the time of commands that judge a message.
ringpost::WallTime judging_time() {
  const char* const given = std::getenv("RINGPOST_NOW");
  const auto unix_s = ringpost::ascii::parse_decimal<std::uint32_t>(given == nullptr ? "" : given);
  return unix_s ? ringpost::WallTime{std::int64_t{*unix_s} * 1'000'000}
                : ringpost::ring::wall_now();
}

// Those that read the standard input and need neither a daemon nor its folders.
std::optional<int> run_offline(std::span<const std::string> words) {
  using namespace ringpost;
  if (words.empty()) return std::nullopt;
  const auto rest = words.subspan(1);
  if (words[0] == "encrypt") return ctl::run_encrypt(rest, stdin, stdout, stderr);
  if (words[0] == "auth") return ctl::run_auth(rest, stdin, judging_time(), {});
  if (words[0] == "arc-seal") return ctl::run_arc_seal(rest, stdin, judging_time(), {});
  if (words[0] == "dkim") return ctl::run_dkim(rest, stdin, judging_time(), {});
  if (words[0] == "dns") return ctl::run_dns(rest, stdin, {});
  if (words[0] == "psl") return ctl::run_psl(rest, stdin, {});
  return std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace ringpost;
  std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  const std::string home = take_home(words);
  auto alias = ctl::alias_of(argc > 0 ? name_in(argv[0]) : "");
  if (!alias && !words.empty()) {
    alias = ctl::alias_of(words[0]);
    if (alias) words.erase(words.begin());
  }
  if (const auto status = alias ? std::nullopt : run_offline(words)) return *status;
  if (!alias) return ctl::run(words, home, ring::wall_now(), {});
  return ctl::run_sendmail(*alias, words,
                           home.empty() ? mta::Home::standard() : mta::Home::below(home), {}, {});
}
