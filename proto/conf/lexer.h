// The tokens of smtpd.conf(5): words, quoted strings, numbers and symbols, each with its position.
// Comments, continuation lines, macros and included files are dealt with here, so that the parser
// sees one stream. A mistake is reported to the Sources and yields an Error token; reading goes on
// behind its line.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/conf/diagnostic.h"

namespace ringpost::conf {

// The files that were read, and everything that is wrong with them.
class Sources {
 public:
  // The index of a new file. A file without text serves only for its name.
  std::uint32_t add(std::string path, std::string text);
  const std::string& path(std::uint32_t file) const { return paths_[file]; }
  std::string_view text(std::uint32_t file) const { return texts_[file]; }
  std::vector<std::string> take_paths();

  void report(Severity severity, Position position, std::string text);
  void report(Severity severity, Position position, std::string text, std::string source_line);
  std::vector<Diagnostic> take_diagnostics();  // in the order of the text

 private:
  struct Reported {
    Position position;
    std::size_t order;
    Diagnostic diagnostic;
  };
  std::string_view line(Position position) const;

  std::vector<std::string> paths_;
  std::deque<std::string> texts_;  // a deque, so that views of them stay
  std::vector<Reported> reported_;
  bool has_more_ = false;  // than diagnostics_max
};

enum class TokenKind : std::uint8_t {
  Keyword,  // a reserved word, unquoted
  Word,     // any other unquoted word
  Quoted,
  Number,
  Symbol,  // one octet, in `text`
  Arrow,   // =>
  Newline,
  End,
  Error,  // already reported
};

struct Token {
  TokenKind kind = TokenKind::End;
  std::string text = {};
  std::int64_t number = 0;
  Position position = {};

  bool is_string() const { return kind == TokenKind::Word || kind == TokenKind::Quoted; }
  bool is_symbol(char c) const { return kind == TokenKind::Symbol && text[0] == c; }
  bool is_keyword(std::string_view word) const {
    return kind == TokenKind::Keyword && text == word;
  }
};

// What a token is called in messages: "end of line", "\"foo\"", …
std::string describe(const Token& token);

// True for the words that name something in the grammar and must be quoted to be anything else.
bool is_reserved(std::string_view word);

class Lexer {
 public:
  // `sources` outlives the lexer; reading begins with its first file.
  explicit Lexer(Sources& sources);

  // Macros defined here cannot be changed by the file (-D); define() is for those of the file.
  void define_fixed(std::string name, std::string value);
  void define(const std::string& name, std::string value);

  Token next();
  // Reads `file` of the sources next; returns to the current place at its end.
  void enter(std::uint32_t file);
  std::size_t depth() const { return frames_.size(); }

 private:
  struct Frame {
    std::string_view text;
    std::size_t offset = 0;
    Position position;  // of the next octet; of the '$' in a macro's value
    bool is_macro = false;
    bool has_final_newline = false;
  };
  struct Macro {
    std::string value;
    bool is_fixed = false;
  };
  static constexpr int end = -1;

  // The next octet, or `end`; continuation lines are skipped unless `quoted`.
  int peek(bool quoted = false);
  int take(bool quoted = false);
  bool skip_finished_frames();
  Frame& frame() { return frames_.back(); }
  void skip_line();
  Token read_token(Token token);
  Token word(Token token);
  Token quoted(Token token, char quote);
  std::optional<char> take_quoted();
  bool is_left() { return frame().offset < frame().text.size(); }
  Token number_or_word(Token token);
  Token error(const Token& token, std::string text);
  bool expand_macro();

  Sources& sources_;
  std::vector<Frame> frames_;
  std::map<std::string, Macro, std::less<>> macros_;
  std::deque<std::string> expanded_;  // values that frames look at
  bool is_escaped_ = false;           // the octet of peek() stands behind a backslash
};

}  // namespace ringpost::conf
