// Options one by one, as getopt(3) splits them: letters may stand together, a value may follow its
// letter at once or in the next word. "--" ends them; a word without '-' is a recipient wherever it
// stands.
#include "tools/ringpostctl/sendmail_options.h"

#include <string_view>

#include <fmt/format.h>

namespace ringpost::ctl {
namespace {

// With a value, in this word or the next.
constexpr std::string_view valued = "ABCDFLNORTVXbfhopr";
// With a value in the same word, or none.
constexpr std::string_view maybe_valued = "deq";
constexpr std::string_view flags = "GIUimnstvx";

class Parser {
 public:
  explicit Parser(std::span<const std::string> words) : words_(words) {}

  std::expected<SendmailOptions, std::string> parse() {
    for (; at_ < words_.size() && error_.empty(); ++at_) {
      const std::string& word = words_[at_];
      if (ended_ || word.size() < 2 || word[0] != '-') {
        options_.recipients.push_back(word);
      } else if (word == "--") {
        ended_ = true;
      } else {
        letters(std::string_view(word).substr(1));
      }
    }
    if (!error_.empty()) return std::unexpected(error_);
    return std::move(options_);
  }

 private:
  void letters(std::string_view rest) {
    while (!rest.empty() && error_.empty()) {
      const char letter = rest.front();
      rest.remove_prefix(1);
      if (flags.contains(letter)) {
        flag(letter);
      } else if (maybe_valued.contains(letter)) {
        if (letter == 'q') options_.mode = SendmailMode::Flush;
        return;
      } else if (valued.contains(letter)) {
        valued_option(letter, rest);
        return;
      } else {
        error_ = fmt::format("unknown option -{}", letter);
      }
    }
  }

  void flag(char letter) {
    if (letter == 't') options_.recipients_from_header = true;
    if (letter == 'i') options_.dot_ends_input = false;
    if (letter == 'v') options_.verbose = true;
  }

  void valued_option(char letter, std::string_view rest) {
    if (rest.empty()) {
      if (at_ + 1 == words_.size()) {
        error_ = fmt::format("option -{} needs a value", letter);
        return;
      }
      rest = words_[++at_];
    }
    take(letter, std::string(rest));
  }

  void take(char letter, const std::string& value) {
    switch (letter) {
      case 'b':
        mode(value);
        return;
      case 'f':
      case 'r':
        options_.sender = value;
        return;
      case 'F':
        options_.full_name = value;
        return;
      case 'o':
        if (value == "i") options_.dot_ends_input = false;
        return;
      case 'N':
        notify(value);
        return;
      case 'R':
        returned(value);
        return;
      case 'V':
        options_.envelope_id = value;
        return;
      default:
        return;  // of no meaning here
    }
  }

  void mode(std::string_view word) {
    if (word == "m") {
      options_.mode = SendmailMode::Deliver;
    } else if (word == "s") {
      options_.mode = SendmailMode::Dialogue;
    } else if (word == "p") {
      options_.mode = SendmailMode::ListQueue;
    } else if (word == "i") {
      options_.mode = SendmailMode::NewAliases;
    } else if (word == "d" || word == "D") {
      error_ = "the daemon is ringpostd, see ringpostd(8)";
    } else {
      error_ = fmt::format("-b{} is not supported: only -bm, -bs, -bp and -bi are", word);
    }
  }

  void notify(std::string_view value) {
    const auto set = smtp::parse_notify(value);
    if (set) {
      options_.notify = *set;
    } else {
      error_ = fmt::format("-N {}: expected never, or success, failure, delay with commas", value);
    }
  }

  void returned(std::string_view value) {
    const auto ret = smtp::parse_ret(value);
    if (ret) {
      options_.ret = *ret;
    } else {
      error_ = fmt::format("-R {}: expected full or hdrs", value);
    }
  }

  std::span<const std::string> words_;
  std::size_t at_ = 0;
  bool ended_ = false;
  SendmailOptions options_;
  std::string error_;
};

}  // namespace

std::expected<SendmailOptions, std::string> parse_sendmail(std::span<const std::string> words) {
  return Parser(words).parse();
}

}  // namespace ringpost::ctl
