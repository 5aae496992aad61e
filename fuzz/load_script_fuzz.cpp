// Any text is a script or a list of mistakes; a rule reads back as itself, and playing it is safe.
#include <array>
#include <string>
#include <string_view>

#include "proto/base/bytes.h"
#include "proto/base/check.h"
#include "tools/load/script.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  using namespace ringpost;
  const std::string_view text = text_of(std::as_bytes(std::span(octets, size)));
  const auto rules = load::parse_script(text, "script");
  if (!rules) {
    CHECK(!rules.error().empty());
    for (const conf::Diagnostic& mistake : rules.error())
      CHECK(mistake.line > 0 && mistake.column > 0 && !mistake.text.empty());
    return 0;
  }
  const std::array<std::string, 2> recipients{"x@a.test", "postmaster"};
  load::Play play(*rules, 1);
  for (const load::Rule& rule : *rules) {
    const auto again = load::parse_script(rule.text, "script");
    CHECK(again && again->size() == 1 && again->front().reply == rule.reply);
    load::Occasion occasion{.step = rule.step, .sender = "a@a.test", .recipients = recipients};
    if (rule.address) occasion.address = rule.address->address;
    play.choose(occasion);
  }
  return 0;
}
