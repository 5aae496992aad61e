// Plays tests/golden/*.dialogue: "C: " lines go to the session, what it does must be the lines that
// follow. "C~ " has no CRLF added; "@ name value" sets a limit; "@ tls offered" or "@ tls
// required" offers STARTTLS; "@ auth MECHANISMS" offers AUTH and "@ auth_demanded" demands it; "!
// expire S", "! shut_down", "! disconnect", "! secured" happen.
// "= event -> CODE [X.Y.Z] TEXT" is the owner's answer; without it the owner accepts.
// RINGPOST_UPDATE_GOLDEN=1 rewrites the files from what happened: then read the difference.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>

#include <gtest/gtest.h>

#include "proto/base/ascii.h"
#include "tests/support/smtp_dialogue.h"

namespace ringpost::test {
namespace {

std::string unescaped(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      result += text[i];
      continue;
    }
    const char c = text[++i];
    if (c == 'x') {
      result += static_cast<char>(*ascii::parse_decimal<std::uint8_t>(text.substr(i + 1, 2), 16));
      i += 2;
    } else {
      result += c == 'r' ? '\r' : c == 'n' ? '\n' : c == 't' ? '\t' : c;
    }
  }
  return result;
}

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

void set_limit(smtp::SessionLimits& limits, std::string_view text) {
  const std::string_view name = text.substr(0, text.find(' '));
  const std::string_view value = text.substr(name.size() + 1);
  if (name == "bare_line_ends") {
    limits.bare_line_ends = value == "keep" ? smtp::BareLineEnds::Keep : smtp::BareLineEnds::Refuse;
    return;
  }
  const std::uint32_t number = ascii::parse_decimal<std::uint32_t>(value).value();
  if (name == "command_line_octets_max") limits.command_line_octets_max = number;
  if (name == "recipients_max") limits.recipients_max = number;
  if (name == "messages_max") limits.messages_max = number;
  if (name == "message_octets_max") limits.message_octets_max = number;
  if (name == "errors_max") limits.errors_max = number;
  if (name == "received_fields_max") limits.received_fields_max = number;
}

// "550 5.7.1 No" as a reply.
smtp::Reply reply_of(std::string_view text) {
  smtp::Reply reply;
  reply.code = *ascii::parse_decimal<std::uint16_t>(text.substr(0, 3));
  text.remove_prefix(4);
  if (text.size() > 5 && text[1] == '.' && text[3] == '.') {
    reply.enhanced = {static_cast<std::uint8_t>(text[0] - '0'),
                      static_cast<std::uint16_t>(text[2] - '0'),
                      static_cast<std::uint16_t>(text[4] - '0')};
    text.remove_prefix(6);
  }
  reply.text = unescaped(text);
  return reply;
}

// How the client sends: line by line, or all at once, in parts of some octets.
struct Sending {
  bool at_once = false;
  std::size_t part_octets = 1 << 20;
};

// Plays one file, and gives the file as it should have been.
class Player {
 public:
  Player(const std::vector<std::string>& script, Sending sending)
      : script_(script), sending_(sending) {}

  std::string play() {
    for (line_ = 0; line_ < script_.size(); ++line_) {
      const std::string_view line = script_[line_];
      if (line.starts_with("S:") || line.starts_with("= ")) continue;
      if (!line.starts_with("C")) send_input();
      result_ += fmt::format("{}\n", line);
      if (line.starts_with("@ tls ")) {
        offer_ = line.ends_with("required") ? smtp::TlsOffer::Required : smtp::TlsOffer::Offered;
      } else if (line.starts_with("@ auth ")) {
        mechanisms_ = line.substr(7);
      } else if (line == "@ auth_demanded") {
        demands_auth_ = true;
      } else if (line.starts_with("@ ")) {
        set_limit(limits_, line.substr(2));
      }
      if (line == "C") start();
      if (line.starts_with("C: ")) input_ += unescaped(line.substr(3)) + "\r\n";
      if (line.starts_with("C~ ")) input_ += unescaped(line.substr(3));
      if (line.starts_with("! ")) happen(line.substr(2));
      if (!sending_.at_once) send_input();
    }
    send_input();
    return result_;
  }

 private:
  void start() {
    const auto owner = [this](const std::string& event) { return answer(event); };
    dialogue_ = std::make_unique<Dialogue>(limits_, owner);
    dialogue_->session().offer_tls(offer_);
    dialogue_->session().offer_auth(mechanisms_);
    if (demands_auth_) dialogue_->session().demand_auth();
    write_down();
  }

  // The next answer in the script to this event.
  smtp::Reply answer(const std::string& event) {
    const std::string wanted = fmt::format("= {} -> ", event);
    for (std::size_t i = answered_; i < script_.size(); ++i) {
      if (!script_[i].starts_with(wanted)) continue;
      answered_ = i + 1;
      return reply_of(script_[i].substr(wanted.size()));
    }
    return {};
  }

  void happen(std::string_view what) {
    if (what == "shut_down") dialogue_->session().shut_down();
    if (what == "disconnect") dialogue_->session().disconnected();
    if (what == "secured") dialogue_->secure();
    if (what.starts_with("expire ")) {
      const auto time = ascii::parse_decimal<std::int64_t>(what.substr(7)).value();
      dialogue_->expire_after(seconds(time));
    }
    dialogue_->settle();
    write_down();
  }

  void send_input() {
    if (input_.empty()) return;
    dialogue_->feed_in_parts(input_, sending_.part_octets);
    input_.clear();
    write_down();
  }

  void write_down() {
    for (const std::string& line : dialogue_->take_lines()) result_ += line + "\n";
  }

  const std::vector<std::string>& script_;
  Sending sending_;
  std::size_t line_ = 0;
  std::size_t answered_ = 0;
  smtp::SessionLimits limits_;
  smtp::TlsOffer offer_ = smtp::TlsOffer::None;
  std::string mechanisms_;
  bool demands_auth_ = false;
  std::unique_ptr<Dialogue> dialogue_;
  std::string input_;
  std::string result_;
};

// The lines of one kind: a reply and an event of the same command may change places with the
// cutting.
std::string only(std::string_view kind, const std::string& text) {
  std::string result;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(kind)) result += line + "\n";
  return result;
}

TEST(GoldenDialogues, GoAsWrittenHoweverTheInputIsCut) {
  const std::filesystem::path folder = RINGPOST_SOURCE_DIR "/tests/golden";
  const bool updates = std::getenv("RINGPOST_UPDATE_GOLDEN") != nullptr;
  int played = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".dialogue") continue;
    const std::vector<std::string> script = lines_of(entry.path());
    std::string expected;
    for (const std::string& line : script) expected += line + "\n";
    const std::string whole = Player(script, {}).play();
    if (updates) {
      std::ofstream(entry.path()) << whole;
    } else {
      EXPECT_EQ(whole, expected) << entry.path();
    }
    for (const std::size_t part_octets : {1u, 2u, 3u, 7u, 64u, 1u << 20}) {
      const std::string cut = Player(script, {true, part_octets}).play();
      for (const std::string_view kind : {"S:", "="})
        EXPECT_EQ(only(kind, cut), only(kind, whole)) << entry.path() << " in " << part_octets;
    }
    ++played;
  }
  EXPECT_GE(played, 20);
}

}  // namespace
}  // namespace ringpost::test
