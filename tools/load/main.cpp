// ringpost-load: a source of generated mail and a sink for mail, for measuring on one machine.
// Exit status 0: all messages were taken; 1: some were not, or it could not run; 2: wrong usage, or
// a script with mistakes, or a certificate or key that cannot be used.
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/load/content.h"
#include "tools/load/options.h"
#include "tools/load/run.h"
#include "tools/load/sink_encryption.h"

namespace {

// Nothing: it has been said what is wrong.
std::optional<std::string> read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  char room[16 * 1024];
  // Not by an iterator, which throws what goes wrong, and so ends the program: of a folder, say.
  while (file.read(room, sizeof room), file.gcount() > 0)
    text.append(room, static_cast<std::size_t>(file.gcount()));
  if (file.is_open() && !file.bad()) return text;
  std::fprintf(stderr, "ringpost-load: '%s' cannot be read\n", path.c_str());
  return std::nullopt;
}

// Reads the message that the options name, if any. False: it has been said what is wrong.
bool read_message(ringpost::load::Options& options) {
  if (options.message_file.empty()) return true;
  const auto text = read(options.message_file);
  if (text) options.message = ringpost::load::with_smtp_line_ends(*text);
  return text.has_value();
}

// The same of a sink's script.
bool read_script(ringpost::load::Options& options) {
  if (options.script.empty()) return true;
  const auto text = read(options.script);
  if (!text) return false;
  auto rules = ringpost::load::parse_script(*text, options.script);
  if (rules) options.rules = std::move(*rules);
  if (!rules)
    for (const auto& mistake : rules.error())
      std::fprintf(stderr, "%s\n", to_text_with_caret(mistake).c_str());
  return rules.has_value();
}

// The same of a sink's certificate and key.
bool read_keys(ringpost::load::Options& options) {
  using namespace ringpost::load;
  if (options.mode != Mode::Sink || options.encryption == Encryption::None) return true;
  auto keys = SinkEncryption::load(options.certificate, options.key);
  if (keys) options.keys = std::move(*keys);
  if (!keys) std::fprintf(stderr, "ringpost-load: %s\n", keys.error().c_str());
  return keys.has_value();
}

}  // namespace

int main(int count, char** words) {
  using namespace ringpost;
  const std::vector<std::string_view> arguments(words + 1, words + count);
  auto options = load::parse_options(arguments);
  if (!options) {
    const load::UsageText& usage = options.error();
    std::fputs(usage.text.c_str(), usage.is_error ? stderr : stdout);
    return usage.is_error ? 2 : 0;
  }
  if (!read_message(*options) || !read_script(*options) || !read_keys(*options)) return 2;
  const auto report = load::run(*options);
  if (!report) {
    std::fprintf(stderr, "ringpost-load: %s\n", to_text(report.error()).c_str());
    return 1;
  }
  std::puts((options->json ? to_json(*report, *options) : to_line(*report, *options)).c_str());
  return options->mode == load::Mode::Sink || report->is_clean() ? 0 : 1;
}
