// The reply parser: any octets, cut anywhere, give the same replies; kept text is bounded and
// printable.
#include <cstdint>
#include <string>
#include <vector>

#include "proto/base/ascii.h"
#include "proto/base/check.h"
#include "proto/smtp/reply_parser.h"

namespace {

using ringpost::smtp::Reply;
using ringpost::smtp::ReplyParser;
using State = ReplyParser::State;

struct Heard {
  std::vector<Reply> replies;
  bool malformed = false;

  bool operator==(const Heard&) const = default;
};

// Feeds `text` in pieces of 1 to `piece` octets.
Heard hear(std::string_view text, std::size_t piece) {
  Heard heard;
  ReplyParser parser;
  while (!text.empty()) {
    const std::string_view given = text.substr(0, piece);
    const std::size_t taken = parser.receive(ringpost::bytes_of(given));
    CHECK(taken > 0 && taken <= given.size());
    text.remove_prefix(taken);
    if (parser.state() == State::Complete) heard.replies.emplace_back(parser.reply());
    if (parser.state() == State::Malformed) CHECK(taken == given.size());
  }
  heard.malformed = parser.state() == State::Malformed;
  return heard;
}

void check_reply(const Reply& reply) {
  CHECK(reply.code >= 200 && reply.code < 600);
  CHECK(reply.text.size() <= ringpost::smtp::reply_text_octets_max);
  for (const char c : reply.text) CHECK(c == '\n' || !ringpost::ascii::is_control(c));
  // Printing may change what does not fit a line; once printed, it must stay as it is.
  std::string printed;
  ringpost::smtp::append_reply(printed, reply.view());
  const Heard first = hear(printed, std::string_view::npos);
  if (first.malformed) return;  // more lines than a client takes
  CHECK(first.replies.size() == 1);
  std::string again;
  ringpost::smtp::append_reply(again, first.replies[0].view());
  CHECK(again == printed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = 1 + octets[0] % 16;
  const std::string_view text(reinterpret_cast<const char*>(octets) + 1, size - 1);
  const Heard whole = hear(text, std::string_view::npos);
  CHECK(hear(text, piece) == whole);
  for (const Reply& reply : whole.replies) check_reply(reply);
  return 0;
}
