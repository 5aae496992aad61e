// smtpd.conf(5) lexing, with the octet classes of OpenSMTPD: a word begins with a letter, digit,
// ':' or '_' and goes on over all but blanks and ( ) { } < > ! = # ','; everything else is a symbol
// or needs quotes.
#include "proto/conf/lexer.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "proto/base/ascii.h"

namespace ringpost::conf {
namespace {

constexpr std::size_t word_octets_max = 8000;
constexpr std::size_t expansions_max = 100'000;  // of macros in one parse

constexpr std::array reserved_words = std::to_array<std::string_view>({
    "action",
    "admd",
    "alias",
    "any",
    "auth",
    "auth-optional",
    "backup",
    "bounce",
    "bypass",
    "ca",
    "cert",
    "chain",
    "chroot",
    "ciphers",
    "commit",
    "compression",
    "connect",
    "data",
    "data-line",
    "dhe",
    "disconnect",
    "domain",
    "ehlo",
    "encryption",
    "expand-only",
    "fcrdns",
    "filter",
    "for",
    "forward-only",
    "from",
    "group",
    "helo",
    "helo-src",
    "host",
    "hostname",
    "hostnames",
    "include",
    "inet4",
    "inet6",
    "junk",
    "key",
    "limit",
    "listen",
    "lmtp",
    "local",
    "mail-from",
    "maildir",
    "mask-src",
    "masquerade",
    "match",
    "max-deferred",
    "max-message-size",
    "mbox",
    "mda",
    "mta",
    "mx",
    "no-dsn",
    "no-verify",
    "noop",
    "on",
    "phase",
    "pki",
    "port",
    "proc",
    "proc-exec",
    "protocols",
    "proxy-v2",
    "queue",
    "quit",
    "rcpt-to",
    "rdns",
    "received-auth",
    "recipient",
    "regex",
    "reject",
    "relay",
    "report",
    "rewrite",
    "rset",
    "scheduler",
    "senders",
    "smtp",
    "smtp-in",
    "smtp-out",
    "smtps",
    "socket",
    "src",
    "srs",
    "sub-addr-delim",
    "table",
    "tag",
    "tagged",
    "tls",
    "tls-require",
    "ttl",
    "user",
    "userbase",
    "verify",
    "virtual",
    "warn-interval",
    "wrapper",
});
static_assert(std::ranges::is_sorted(reserved_words));

constexpr bool begins_word(char c) { return ascii::is_alnum(c) || c == ':' || c == '_'; }

constexpr bool continues_word(char c) {
  return c > ' ' && c != 0x7f && !ascii::is_high(c) && !std::string_view("(){}<>!=#,").contains(c);
}

constexpr bool ends_number(char c) {
  return c == ' ' || c == '\n' || ascii::is_control(c) || std::string_view("),/}=").contains(c);
}

}  // namespace

bool is_reserved(std::string_view word) { return std::ranges::binary_search(reserved_words, word); }

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::Keyword:
    case TokenKind::Word:
    case TokenKind::Quoted:
      return fmt::format("\"{}\"", token.text.substr(0, 60));
    case TokenKind::Number:
      return fmt::format("the number {}", token.number);
    case TokenKind::Symbol:
      return fmt::format("'{}'", token.text);
    case TokenKind::Arrow:
      return "'=>'";
    case TokenKind::Newline:
      return "the end of the line";
    case TokenKind::End:
      return "the end of the file";
    case TokenKind::Error:
      break;
  }
  return "an error";
}

Lexer::Lexer(Sources& sources) : sources_(sources) { enter(0); }

void Lexer::define_fixed(std::string name, std::string value) {
  macros_[std::move(name)] = {std::move(value), true};
}

void Lexer::define(const std::string& name, std::string value) {
  Macro& macro = macros_[name];
  if (!macro.is_fixed) macro.value = std::move(value);
}

void Lexer::enter(std::uint32_t file) {
  frames_.push_back({.text = sources_.text(file), .position = {file, 1, 1}});
}

// Leaves macros and included files that are read to their end. False at the end of everything.
bool Lexer::skip_finished_frames() {
  while (frame().offset >= frame().text.size()) {
    if (!frame().is_macro && !frame().has_final_newline) return true;
    if (frames_.size() == 1) return false;
    frames_.pop_back();
  }
  return true;
}

int Lexer::peek(bool quoted) {
  while (skip_finished_frames()) {
    const Frame& top = frame();
    if (top.offset >= top.text.size()) return '\n';  // a file's last line ends, newline or not
    const char c = top.text[top.offset];
    if (quoted || is_escaped_ || c != '\\') return static_cast<unsigned char>(c);
    const bool is_last = top.offset + 1 >= top.text.size();
    const bool continues = !is_last && top.text[top.offset + 1] == '\n';
    const bool continues_dos = top.text.substr(top.offset + 1).starts_with("\r\n");
    take(true);
    if (continues_dos) take(true);
    if (continues || continues_dos) {
      take(true);
    } else {
      is_escaped_ = true;
    }
  }
  return end;
}

int Lexer::take(bool quoted) {
  const int c = peek(quoted);
  if (c == end) return end;
  is_escaped_ = false;
  Frame& top = frame();
  if (top.offset >= top.text.size()) {
    top.has_final_newline = true;
    return c;
  }
  ++top.offset;
  if (top.is_macro) return c;
  if (c == '\n') {
    ++top.position.line;
    top.position.column = 1;
    if (top.offset == top.text.size()) top.has_final_newline = true;
  } else {
    ++top.position.column;
  }
  return c;
}

void Lexer::skip_line() {
  for (int c = peek(); c != '\n' && c != end; c = peek()) take();
}

Token Lexer::error(const Token& token, std::string text) {
  sources_.report(Severity::Error, token.position, std::move(text));
  skip_line();
  return {.kind = TokenKind::Error, .position = token.position};
}

// Replaces "$NAME" by the macro's value, which is lexed again. False after an error.
bool Lexer::expand_macro() {
  const Token place{.position = frame().position};
  take();
  std::string name;
  for (int c = peek(); c != end && (ascii::is_alnum(static_cast<char>(c)) || c == '_');
       c = peek()) {
    name += static_cast<char>(take());
  }
  const auto macro = macros_.find(name);
  if (macro == macros_.end()) {
    error(place, fmt::format("macro \"{}\" is not defined", name));
    return false;
  }
  if (expanded_.size() >= expansions_max) {
    error(place, "too many macros are used");
    return false;
  }
  const std::string& value = expanded_.emplace_back(macro->second.value);
  frames_.push_back({.text = value, .position = place.position, .is_macro = true});
  return true;
}

Token Lexer::next() {
  Token token;
  for (;;) {
    const int c = peek();
    if (c == end) return {.kind = TokenKind::End, .position = frame().position};
    token.position = frame().position;
    if (c == ' ' || c == '\t' || c == '\r') {
      take();
    } else if (c == '#') {
      // Behind a backslash as well, and a comment inside a macro's value hides the rest of the
      // line, as in OpenSMTPD.
      skip_line();
    } else if (c == '$' && !frame().is_macro) {
      if (!expand_macro()) return {.kind = TokenKind::Error, .position = token.position};
    } else {
      break;
    }
  }
  return read_token(std::move(token));
}

Token Lexer::read_token(Token token) {
  const char c = static_cast<char>(peek());
  if (c == '\n') {
    take();
    token.kind = TokenKind::Newline;
    return token;
  }
  if (c == '"' || c == '\'') return quoted(std::move(token), c);
  if (c == '-' || ascii::is_digit(c)) return number_or_word(std::move(token));
  if (begins_word(c)) return word(std::move(token));
  take();
  if (ascii::is_control(c) || ascii::is_high(c)) {
    return error(token, fmt::format("unexpected octet 0x{:02x}, quote the text that holds it",
                                    static_cast<unsigned char>(c)));
  }
  if (c == '=' && peek() == '>') {
    take();
    token.kind = TokenKind::Arrow;
    return token;
  }
  token.kind = TokenKind::Symbol;
  token.text = std::string(1, c);
  return token;
}

Token Lexer::word(Token token) {
  for (int c = peek(); c != end && continues_word(static_cast<char>(c)); c = peek()) {
    if (token.text.size() >= word_octets_max) return error(token, "the word is too long");
    token.text += static_cast<char>(take());
  }
  token.kind = is_reserved(token.text) ? TokenKind::Keyword : TokenKind::Word;
  return token;
}

// Digits, perhaps negative, up to something that may end a number; otherwise a word that begins so.
Token Lexer::number_or_word(Token token) {
  token.text += static_cast<char>(take());
  while (ascii::is_digit(static_cast<char>(peek())) && token.text.size() < word_octets_max) {
    token.text += static_cast<char>(take());
  }
  const int c = peek();
  const bool is_negative = token.text[0] == '-';
  const bool has_digits = token.text.size() > (is_negative ? 1 : 0);
  if (has_digits && (c == end || ends_number(static_cast<char>(c)))) {
    const auto value = ascii::parse_decimal<std::int64_t>(
        std::string_view(token.text).substr(is_negative ? 1 : 0));
    if (!value) return error(token, fmt::format("the number {} is too large", token.text));
    token.kind = TokenKind::Number;
    token.number = is_negative ? -*value : *value;
    return token;
  }
  if (is_negative) return error(token, "a word cannot begin with '-', quote it");
  return word(std::move(token));
}

// Up to the same quote in the same file, beyond the end of a macro's value. A backslash hides the
// quote, a blank or a newline; other backslashes stay. A newline inside is left out, so that long
// texts can go over several lines.
Token Lexer::quoted(Token token, char quote) {
  take();
  const Frame begin = frame();
  const std::size_t depth = frames_.size();
  while (const auto c = take_quoted()) {
    if (*c == quote) {
      token.kind = TokenKind::Quoted;
      return token;
    }
    if (*c == '\n') continue;
    if (*c == '\0') return error(token, "a NUL octet in a quoted string");
    if (token.text.size() >= word_octets_max) return error(token, "the quoted string is too long");
    const char hidden = *c == '\\' && is_left() ? frame().text[frame().offset] : '\0';
    if (hidden == '\n') {
      take(true);
    } else if (hidden == quote || hidden == ' ' || hidden == '\t') {
      token.text += static_cast<char>(take(true));
    } else {
      token.text += *c;
    }
  }
  // Read on behind its first line: the quote was forgotten there, most likely.
  if (frames_.size() == depth) frame() = begin;
  return error(token, "the quoted string has no end");
}

// The next octet of a quoted string; nothing at the end of the file.
std::optional<char> Lexer::take_quoted() {
  while (!is_left() && frame().is_macro) frames_.pop_back();
  if (!is_left()) return std::nullopt;
  return static_cast<char>(take(true));
}

}  // namespace ringpost::conf
