// The header of a submitted message, whatever it is: any cutting gives the same octets, the body is
// not touched, no blind copy stays, and what was edited stays as it is when it is edited again.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "proto/base/ascii.h"
#include "proto/base/check.h"
#include "proto/submission/header_editor.h"

namespace {

using namespace ringpost;

std::string edit(std::string_view content, std::size_t piece, const std::string& author) {
  submission::HeaderEditor editor({.host = "mx.example", .author = author, .now = {}, .unique = 1});
  std::string target;
  std::size_t at = 0;
  while (at < content.size() && !editor.done()) {
    const std::string_view next = content.substr(at, piece);
    const std::size_t taken = editor.edit(bytes_of(next), target);
    CHECK(taken == next.size() || editor.done());
    at += taken;
  }
  if (!editor.done()) editor.finish(target);
  return target.append(content.substr(at));
}

// Of the lines before the first empty one.
bool has_blind_copy(std::string_view content) {
  for (std::size_t at = 0; at < content.size();) {
    const std::size_t end = content.find("\r\n", at);
    if (end == at || end == content.npos) return false;
    if (ascii::starts_ignoring_case(content.substr(at), "bcc:")) return true;
    at = end + 2;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  const std::string_view input = text_of(std::as_bytes(std::span(octets, size)));
  const std::string author = size % 2 == 0 ? "" : "alice@a.example";
  const std::string edited = edit(input, size + 1, author);
  CHECK(edit(input, 1, author) == edited);
  CHECK(edit(input, 5, author) == edited);
  const std::size_t body = input.find("\r\n\r\n");
  if (body != input.npos) CHECK(edited.ends_with(input.substr(body + 2)));
  // A line that is no field ends the header before the empty line does, and what follows is text.
  if (!has_blind_copy(input)) CHECK(!has_blind_copy(edited));
  CHECK(edit(edited, size + 1, author) == edited);
  return 0;
}
