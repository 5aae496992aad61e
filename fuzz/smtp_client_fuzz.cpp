// The client dialogue against a server that says anything, cut anywhere: every recipient gets
// exactly one outcome, before MessageDone; nothing follows Ended; commands are whole lines; cuts do
// not matter.
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "proto/base/check.h"
#include "proto/smtp/client_session.h"

namespace {

using namespace ringpost;
using namespace ringpost::smtp;

// Owns one dialogue; notes what it was told and what it sent, each in its order.
class Owner {
 public:
  Owner(const ClientSettings& settings, std::size_t recipients, std::uint64_t octets)
      : session_(settings, {}), octets_(octets), names_(recipients), outcomes_(recipients) {
    for (std::size_t i = 0; i < recipients; ++i) names_[i] = fmt::format("r{}@b.test", i);
    for (const std::string& name : names_) recipients_.push_back({.path = name});
  }

  void hear(std::string_view text, std::size_t piece) {
    while (!text.empty()) {
      const std::string_view given = text.substr(0, piece);
      const std::size_t taken = session_.receive(bytes_of(given), {});
      CHECK(taken <= given.size());
      text.remove_prefix(taken);
      const bool moved = drain();
      CHECK(taken > 0 || moved);  // somebody can always go on
    }
    session_.disconnected();
    drain();
    CHECK(session_.ended() && ended_ && !in_message_);
  }

  std::string told;
  std::string sent;

 private:
  bool drain() {
    bool any = false;
    while (const auto event = session_.next_event()) {
      CHECK(!ended_);
      any = true;
      std::visit([this](const auto& news) { take(news); }, *event);
    }
    say();
    return any;
  }

  void say() {
    const std::string_view text = text_of(session_.transmit());
    CHECK(text.empty() || text.ends_with("\r\n"));
    sent += text;
    session_.transmitted(text.size());
  }

  void take(const HandshakeWanted&) {
    CHECK(!in_message_ && messages_ == 0);
    say();
    sent += "<handshake>";
    session_.encrypted({});
    say();
  }
  void take(const Ready&) {
    CHECK(!in_message_);
    say();
    if (messages_ == 3) return session_.quit({});
    ++messages_;
    in_message_ = true;
    outcomes_.assign(outcomes_.size(), 0);
    session_.begin({.sender = "a@a.test", .recipients = recipients_, .octets = octets_}, {});
  }
  void take(const ContentWanted& wanted) {
    say();
    sent += wanted.chunked ? "<chunk>" : "<content>";
    session_.content_sent({});
  }
  void take(const RecipientDone& outcome) {
    CHECK(in_message_);
    CHECK(++outcomes_.at(outcome.recipient) == 1);
    CHECK(!outcome.uncertain || outcome.local);
    told += fmt::format("<{} {} {}>", outcome.recipient, outcome.reply.code, outcome.uncertain);
  }
  void take(const MessageDone&) {
    for (const int count : outcomes_) CHECK(count == 1);
    in_message_ = false;
  }
  void take(const Ended& end) {
    ended_ = true;
    told += fmt::format("<end {}>", static_cast<int>(end.reason));
  }

  ClientSession session_;
  std::uint64_t octets_;
  std::vector<std::string> names_;
  std::vector<OutgoingRecipient> recipients_;
  std::vector<int> outcomes_;
  int messages_ = 0;
  bool in_message_ = false;
  bool ended_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  if (size < 3) return 0;
  ClientSettings settings{.lmtp = (octets[0] & 1) != 0,
                          .pipelining = (octets[0] & 2) != 0,
                          .chunking = (octets[0] & 4) != 0,
                          .commands_in_flight_max = 1u + (octets[0] >> 4)};
  settings.start_tls = static_cast<StartTls>((octets[1] >> 5) % 3);
  if ((octets[1] & 128) != 0) settings.login = ClientLogin{"user", Secret("secret")};
  const std::size_t recipients = 1 + (octets[1] & 31) % 5;
  const std::uint64_t content_octets = (octets[0] & 8) != 0 ? 1'000'000 : 100;
  const std::string_view text(reinterpret_cast<const char*>(octets) + 3, size - 3);
  Owner whole(settings, recipients, content_octets);
  whole.hear(text, std::string_view::npos);
  Owner cut(settings, recipients, content_octets);
  cut.hear(text, 1 + octets[2] % 16);
  CHECK(whole.told == cut.told);
  CHECK(whole.sent == cut.sent);
  return 0;
}
