// The whole server dialogue. Three octets choose limits, the owner's decisions and the cutting; the
// rest is what the client sends. However it is cut, the same events and replies must come, and
// every reply be well-formed.
#include <algorithm>

#include "proto/base/ascii.h"
#include "proto/smtp/replies.h"
#include "tests/support/smtp_dialogue.h"

namespace {

using namespace ringpost;

struct Choices {
  std::uint8_t limits = 0;
  std::uint8_t decisions = 0;
  std::uint8_t cutting = 0;
};

smtp::SessionLimits limits_of(std::uint8_t choice) {
  smtp::SessionLimits limits;
  if (choice & 1) limits.bare_line_ends = smtp::BareLineEnds::Keep;
  if (choice & 2) limits.message_octets_max = 50;
  if (choice & 4) limits.recipients_max = 1;
  if (choice & 8) limits.messages_max = 1;
  if (choice & 16) limits.errors_max = 3;
  if (choice & 32) limits.received_fields_max = 1;
  if (choice & 64) limits.command_line_octets_max = 40;
  return limits;
}

smtp::TlsOffer offer_of(std::uint8_t choice) {
  if ((choice & 128) == 0) return smtp::TlsOffer::None;
  return (choice & 1) != 0 ? smtp::TlsOffer::Required : smtp::TlsOffer::Offered;
}

// Refuses some events, which ones depending on the choice alone.
class Owner {
 public:
  explicit Owner(std::uint8_t choice) : choice_(choice) {}

  smtp::Reply operator()(const std::string&) {
    constexpr smtp::ReplyView refusals[] = {smtp::replies::no_such_user,
                                            smtp::replies::local_error,
                                            smtp::replies::shutting_down,
                                            {334, {}, "VXNlcm5hbWU6"},
                                            {550, {5, 7, 1}, "Two\nlines\r of \x01\xff"}};
    const unsigned mixed = ++asked_ * 37u + choice_ * 101u;
    if (choice_ == 0 || mixed % 5 != 0) return {};
    return smtp::Reply(refusals[mixed / 5 % std::size(refusals)]);
  }

 private:
  unsigned choice_;
  unsigned asked_ = 0;
};

void check_reply_line(std::string_view line) {
  CHECK(line.size() >= 4 && line.size() <= smtp::reply_line_octets_max);
  CHECK(line[0] >= '2' && line[0] <= '5' && ascii::is_digit(line[1]) && ascii::is_digit(line[2]));
  CHECK(line[3] == ' ' || line[3] == '-');
  CHECK(std::ranges::none_of(line, [](char c) { return c < ' ' || c > '~'; }));
}

struct Transcript {
  std::vector<std::string> replies;
  std::vector<std::string> events;
  bool operator==(const Transcript&) const = default;
};

Transcript play(const Choices& choices, std::string_view text, std::size_t first_octets,
                std::size_t part_octets) {
  const smtp::SessionLimits limits = limits_of(choices.limits);
  test::Dialogue dialogue(limits, Owner(choices.decisions));
  dialogue.session().offer_tls(offer_of(choices.limits));
  if (choices.limits & 2) dialogue.session().ask_small_commands();
  if (choices.decisions & 64) {
    dialogue.session().offer_auth("PLAIN LOGIN");
    if (choices.decisions & 128) dialogue.session().demand_auth();
    if (choices.decisions & 32) dialogue.session().secured(Instant{});
  }
  first_octets = std::min(first_octets, text.size());
  dialogue.feed(text.substr(0, first_octets));
  dialogue.feed_in_parts(text.substr(first_octets), part_octets);
  dialogue.session().disconnected();
  dialogue.settle();
  CHECK(dialogue.is_closed());
  Transcript transcript;
  for (std::string& line : dialogue.take_lines()) {
    // Which of several flaws is noticed first depends on the cutting.
    if (line.starts_with("= aborted")) line = "= aborted";
    (line.starts_with("S: ") ? transcript.replies : transcript.events).push_back(line);
  }
  for (const std::string& line : transcript.replies)
    check_reply_line(std::string_view(line).substr(3));
  return transcript;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const Choices choices{data[0], data[1], data[2]};
  const std::string_view text = text_of(std::as_bytes(std::span(data + 3, size - 3)));
  const Transcript whole = play(choices, text, text.size(), 1);
  CHECK(play(choices, text, choices.cutting, text.size() + 1) == whole);
  CHECK(play(choices, text, 0, choices.cutting % 16 + 1u) == whole);
  return 0;
}
