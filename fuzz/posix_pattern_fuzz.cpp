// Any text is a pattern or an error with a reason; a pattern that compiles matches any text without
// harm. The first octet says how much of the input is the expression.
#include <string>
#include <string_view>

#include "proto/base/bytes.h"
#include "proto/base/check.h"
#include "scan/pattern/matcher.h"
#include "scan/pattern/posix.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  using namespace ringpost;
  if (size == 0) return 0;
  const std::string_view input = text_of(std::as_bytes(std::span(octets + 1, size - 1)));
  // Compiling grows with the expression, not with the interest of what it finds.
  const std::string_view expression = input.substr(0, std::min<std::size_t>(octets[0], 64));
  const auto translated = scan::translate_posix(expression);
  if (!translated) {
    CHECK(!translated.error().empty());
    return 0;
  }
  CHECK(translated->expression.size() <= 2 * expression.size() + 2);
  const auto database = scan::compile_posix(std::span(&expression, 1));
  if (!database) {
    CHECK(database.error().size() == 1 && !database.error().front().text.empty());
    return 0;
  }
  scan::Matcher(*database).matches_any(bytes_of(input.substr(expression.size())));
  return 0;
}
