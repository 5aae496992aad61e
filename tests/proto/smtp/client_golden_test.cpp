// Plays tests/golden/lmtp/*.dialogue with the client session in LMTP mode: "S: " lines go to the
// session, what it does must be the lines that follow ("C: " what it says, "= " an event). "> mail
// SENDER to RECIPIENT..." begins a message of 100 octets, "> sent", "> quit", "> expire S" and
// "> lost" happen. RINGPOST_UPDATE_GOLDEN=1 rewrites the files: then read the difference.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "proto/base/ascii.h"
#include "proto/smtp/client_session.h"

namespace ringpost::smtp {
namespace {

std::string status_text(const ReplyView& reply) {
  const EnhancedStatus& status = reply.enhanced;
  return fmt::format("{} {}.{}.{} {}", reply.code, status.status_class, status.subject,
                     status.detail, reply.text.substr(0, reply.text.find('\n')));
}

struct ClientEventText {
  std::string operator()(const HandshakeWanted&) const { return "handshake"; }
  std::string operator()(const Ready&) const { return "ready"; }
  std::string operator()(const ContentWanted& e) const { return e.chunked ? "chunk" : "content"; }
  std::string operator()(const RecipientDone& e) const {
    return fmt::format("recipient {}: {}{}{}", e.recipient, status_text(e.reply),
                       e.local ? ", ours" : "", e.uncertain ? ", uncertain" : "");
  }
  std::string operator()(const MessageDone&) const { return "message done"; }
  std::string operator()(const Ended& e) const {
    constexpr std::string_view reasons[] = {"quit", "refused",   "peer closing",
                                            "lost", "timed out", "violation"};
    return fmt::format("ended: {}", reasons[static_cast<std::size_t>(e.reason)]);
  }
};

class Player {
 public:
  explicit Player(std::size_t piece_octets) : piece_octets_(piece_octets) {}

  // The file as it should have been.
  std::string play(const std::vector<std::string>& script) {
    for (const std::string& line : script) {
      if (line.starts_with("C: ") || line.starts_with("= ")) continue;
      result_ += line + "\n";
      if (line.starts_with("S: ")) hear(line.substr(3) + "\r\n");
      if (line.starts_with("> ")) act(line.substr(2));
      write_down();
    }
    return result_;
  }

 private:
  void hear(std::string_view text) {
    while (!text.empty()) {
      const std::size_t taken = session_.receive(bytes_of(text.substr(0, piece_octets_)), now_);
      text.remove_prefix(taken);
      if (!write_down() && taken == 0) break;  // it waits for content_sent()
    }
    unread_ += text;
  }

  void act(const std::string& text) {
    std::istringstream words(text);
    std::string verb;
    words >> verb;
    if (verb == "mail") begin(words);
    if (verb == "sent") session_.content_sent(now_);
    if (verb == "quit") session_.quit(now_);
    if (verb == "lost") session_.disconnected();
    if (verb == "expire") {
      std::int64_t time = 0;
      words >> time;
      now_ = now_ + seconds(time);
      session_.expire(now_);
    }
    hear(std::exchange(unread_, {}));
  }

  void begin(std::istream& words) {
    std::string to;
    words >> sender_ >> to;
    names_.clear();
    recipients_.clear();
    for (std::string name; words >> name;) names_.push_back(name);
    for (const std::string& name : names_) recipients_.push_back({.path = name});
    OutgoingMessage message;
    message.sender = sender_ == "<>" ? "" : std::string_view(sender_);
    message.recipients = recipients_;
    message.octets = 100;
    message.body = BodyType::EightBitMime;
    session_.begin(message, now_);
  }

  bool write_down() {
    bool any = false;
    const auto said = [&] {
      std::istringstream lines{std::string(text_of(session_.transmit()))};
      session_.transmitted(session_.transmit().size());
      for (std::string line; std::getline(lines, line); any = true)
        result_ += "C: " + line.substr(0, line.size() - 1) + "\n";
    };
    said();
    while (const auto event = session_.next_event()) {
      any = true;
      result_ += "= " + std::visit(ClientEventText{}, *event) + "\n";
      said();
    }
    return any;
  }

  ClientSettings settings_{.name = "mx.example", .lmtp = true};
  Instant now_{1'000'000'000};
  ClientSession session_{settings_, now_};
  std::size_t piece_octets_;
  std::string unread_;
  std::string sender_;
  std::vector<std::string> names_;
  std::vector<OutgoingRecipient> recipients_;
  std::string result_;
};

TEST(GoldenLmtpDialogues, GoAsWrittenHoweverTheRepliesAreCut) {
  const std::filesystem::path folder = RINGPOST_SOURCE_DIR "/tests/golden/lmtp";
  const bool updates = std::getenv("RINGPOST_UPDATE_GOLDEN") != nullptr;
  int played = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path());
    std::vector<std::string> script;
    std::string expected;
    for (std::string line; std::getline(file, line); expected += line + "\n")
      script.push_back(line);
    const std::string whole = Player(std::string::npos).play(script);
    if (updates) {
      std::ofstream(entry.path()) << whole;
    } else {
      EXPECT_EQ(whole, expected) << entry.path();
    }
    for (const std::size_t octets : {1u, 2u, 7u})
      EXPECT_EQ(Player(octets).play(script), whole) << entry.path() << " in " << octets;
    ++played;
  }
  EXPECT_GE(played, 10);
}

}  // namespace
}  // namespace ringpost::smtp
