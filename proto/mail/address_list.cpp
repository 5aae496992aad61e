// Address lists: see address_list.h. One pass over tokens; an address is what stands in angle
// brackets, or the whole item when there are none.
#include "proto/mail/address_list.h"

#include <optional>
#include <utility>

#include "proto/base/ascii.h"

namespace ringpost::mail {
namespace {

enum class Kind : unsigned char { End, Word, Literal, Special, Broken };

struct Token {
  Kind kind = Kind::End;
  std::string_view text;
  std::size_t end = 0;
};

bool is_space(char c) { return ascii::is_blank(c) || c == '\r' || c == '\n'; }

bool is_special(char c) { return std::string_view("<>@,;:.").contains(c); }

class Tokens {
 public:
  explicit Tokens(std::string_view text) : text_(text) {}

  Token next() {
    if (!skip_spaces()) return {Kind::Broken, {}, at_};
    if (at_ == text_.size()) return {Kind::End, {}, at_};
    const std::size_t begin = at_;
    const char c = text_[at_];
    if (c == '"') return enclosed('"', Kind::Word);
    if (c == '[') return enclosed(']', Kind::Literal);
    ++at_;
    if (is_special(c)) return {Kind::Special, text_.substr(begin, 1), at_};
    if (!is_word_octet(c)) return {Kind::Broken, {}, at_};
    while (at_ < text_.size() && is_word_octet(text_[at_])) ++at_;
    return {Kind::Word, text_.substr(begin, at_ - begin), at_};
  }

 private:
  static bool is_word_octet(char c) {
    return !ascii::is_control(c) && c != ' ' && !is_special(c) &&
           !std::string_view("()[]\\\"").contains(c);
  }

  // Blanks, line ends and comments (RFC 5322 3.2.2); false when a comment has no end.
  bool skip_spaces() {
    std::size_t depth = 0;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '(') {
        ++depth;
      } else if (depth == 0) {
        if (!is_space(c)) return true;
      } else if (c == ')') {
        --depth;
      } else if (c == '\\') {
        ++at_;
      }
    }
    at_ = text_.size();
    return depth == 0;
  }

  // RFC 5322 3.2.4, 3.4.1
  Token enclosed(char close, Kind kind) {
    const std::size_t begin = at_++;
    for (; at_ < text_.size(); ++at_) {
      const bool escaped = text_[at_] == '\\' && at_ + 1 < text_.size();
      if (escaped) ++at_;
      if (text_[at_] == '\r' || text_[at_] == '\n') break;
      if (escaped || text_[at_] != close) continue;
      ++at_;
      return {kind, text_.substr(begin, at_ - begin), at_};
    }
    return {Kind::Broken, {}, at_};
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// One address while its tokens come.
class Item {
 public:
  // False when the token cannot stand there.
  bool add(const Token& token) {
    const bool joins = token.kind == Kind::Special;
    if (!joins && after_word_) words_apart_ = true;
    if (token.text == "@") {
      if (std::exchange(has_at_, true) || spec_.empty()) return false;
    }
    if (spec_.empty() && !bracketed_) begin_ = token.end - token.text.size();
    spec_ += token.text;
    end_ = token.end;
    after_word_ = !joins;
    return true;
  }
  // What stands behind a '<' that ends at `begin`.
  static Item in_brackets(std::size_t begin) {
    Item item;
    item.bracketed_ = true;
    item.begin_ = item.end_ = begin;
    return item;
  }
  bool empty() const { return spec_.empty(); }
  std::optional<ListedAddress> take() {
    if (words_apart_) return std::nullopt;  // "Alice Example" is a name, not an address
    ListedAddress result{std::move(spec_), !has_at_, begin_, end_};
    *this = Item();
    return result;
  }

 private:
  std::string spec_;
  std::size_t begin_ = 0, end_ = 0;
  bool bracketed_ = false;
  bool has_at_ = false;
  bool after_word_ = false;
  bool words_apart_ = false;
};

class ListParser {
 public:
  explicit ListParser(std::string_view text) : tokens_(text) {}

  AddressList parse() {
    while (!list_.malformed) {
      const Token token = tokens_.next();
      if (token.kind == Kind::Broken) {
        list_.malformed = true;
      } else if (token.kind == Kind::End) {
        finish();
        break;
      } else if (token.kind != Kind::Special || !special(token)) {
        list_.malformed |= bracketed_ || !item_.add(token);
      }
    }
    return std::move(list_);
  }

 private:
  // What separates addresses; false for what is part of one.
  bool special(const Token& token) {
    switch (token.text.front()) {
      case ',':
      case ';':  // the end of a group
        finish();
        return true;
      case ':':  // a group's name stood before it
        item_ = Item();
        return true;
      case '<':
        list_.malformed |= bracketed_;
        item_ = Item::in_brackets(token.end);  // a display name stood before it
        bracketed_ = true;
        in_brackets();
        return true;
      case '>':
        list_.malformed = true;
        return true;
      default:
        return false;
    }
  }

  void in_brackets() {
    Token token = tokens_.next();
    if (token.text == "@") token = behind_route();
    for (; token.text != ">"; token = tokens_.next()) {
      const bool ends = token.kind == Kind::End || token.kind == Kind::Broken;
      const bool joins = token.text == "@" || token.text == ".";
      if (ends || (token.kind == Kind::Special && !joins) || !item_.add(token)) {
        list_.malformed = true;
        return;
      }
    }
  }

  // RFC 5322 4.4: <@a.example,@b.example:alice@c.example>
  Token behind_route() {
    while (true) {
      const Token token = tokens_.next();
      if (token.text == ":") return tokens_.next();
      if (token.kind == Kind::End || token.kind == Kind::Broken || token.text == ">")
        return {Kind::Broken, {}, token.end};
    }
  }

  void finish() {
    if (!bracketed_ && item_.empty()) return;
    auto address = item_.take();
    if (address) {
      list_.addresses.push_back(std::move(*address));
    } else {
      list_.malformed = true;
    }
    bracketed_ = false;
  }

  Tokens tokens_;
  AddressList list_;
  Item item_;
  bool bracketed_ = false;
};

}  // namespace

AddressList parse_address_list(std::string_view text) { return ListParser(text).parse(); }

}  // namespace ringpost::mail
