// Directives, tokens and recovery of the smtpd.conf(5) parser.
#include "proto/conf/parser.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "proto/base/ascii.h"

namespace ringpost::conf {

Parser::Parser(ParseInput& input, FileReader& read_file)
    : read_file_(read_file),
      check_patterns_(std::move(input.check_patterns)),
      find_table_program_(std::move(input.find_table_program)),
      find_service_(std::move(input.find_service)),
      keep_table_(std::move(input.keep_table)),
      sources_([&input] {
        Sources sources;
        sources.add(std::move(input.path), std::move(input.text));
        return sources;
      }()),
      lexer_(sources_) {
  config_.server_name = ascii::lower(input.server_name);
  for (auto& [name, value] : input.macros) lexer_.define_fixed(std::move(name), std::move(value));
}

ParseResult Parser::run() {
  advance();
  while (token_.kind != TokenKind::End) parse_line();
  finish();
  ParseResult result;
  result.diagnostics = sources_.take_diagnostics();
  // Only said when nothing else is wrong: a rule may be among the lines that could not be read.
  if (config_.rules.empty() && !has_error(result.diagnostics)) {
    result.diagnostics.push_back({.severity = Severity::Error,
                                  .file = sources_.path(0),
                                  .text = "there are no rules: nothing would be accepted",
                                  .source_line = {}});
  }
  config_.files = sources_.take_paths();
  for (const auto& pki : config_.pkis) result.certificate_paths.push_back(pki->certificate_path);
  for (const auto& ca : config_.cas) result.certificate_paths.push_back(ca->certificate_path);
  std::erase(result.certificate_paths, std::string());
  if (!has_error(result.diagnostics)) result.config = std::move(config_);
  return result;
}

void Parser::parse_line() {
  if (token_.kind == TokenKind::Newline) {
    advance();
    return;
  }
  brace_depth_ = 0;
  if (parse_directive()) {
    if (token_.kind == TokenKind::Newline || token_.kind == TokenKind::End) return;
    expected("the end of the line");
  }
  recover();
}

bool Parser::parse_directive() {
  static constexpr std::array directives = std::to_array<Directive>({
      {"action", &Parser::parse_action},
      {"admd", &Parser::parse_admd},
      {"bounce", &Parser::parse_bounce},
      {"ca", &Parser::parse_ca},
      {"filter", &Parser::parse_filter},
      {"include", &Parser::parse_include},
      {"listen", &Parser::parse_listen},
      {"match", &Parser::parse_match},
      {"mda", &Parser::parse_mda},
      {"mta", &Parser::parse_mta},
      {"pki", &Parser::parse_pki},
      {"proc", &Parser::parse_proc},
      {"queue", &Parser::parse_queue},
      {"scheduler", &Parser::parse_scheduler},
      {"smtp", &Parser::parse_smtp},
      {"srs", &Parser::parse_srs},
      {"table", &Parser::parse_table},
  });
  if (token_.kind == TokenKind::Keyword) {
    const auto found = std::ranges::find(directives, token_.text, &Directive::word);
    if (found == directives.end()) return expected("a directive");
    advance();
    return (this->*found->parse)();
  }
  return parse_word_directive();
}

// Macros, and the directives that OpenSMTPD does not have: their words are not reserved.
bool Parser::parse_word_directive() {
  static constexpr std::array directives = std::to_array<Directive>({
      {"arc", &Parser::parse_arc},
      {"dkim", &Parser::parse_dkim},
      {"dmarc", &Parser::parse_dmarc},
      {"engine", &Parser::parse_engine},
      {"log", &Parser::parse_log},
      {"resolver", &Parser::parse_resolver},
      {"spool", &Parser::parse_spool},
  });
  if (!token_.is_string()) return expected("a directive");
  const Token name = token_;
  advance();
  if (token_.is_symbol('=')) return parse_macro(name);
  const auto found = std::ranges::find(directives, name.text, &Directive::word);
  if (name.kind == TokenKind::Word && found != directives.end()) return (this->*found->parse)();
  error(name.position, fmt::format("unknown directive {}", describe(name)));
  return false;
}

bool Parser::parse_macro(const Token& name) {
  advance();
  const auto value = expect_string("a macro's value (numbers and reserved words need quotes)");
  if (!value) return false;
  if (name.text.find_first_of(" \t\n\v\f\r", 1) != std::string::npos) {
    error(name.position, "a macro's name cannot hold blanks");
    return true;
  }
  const bool is_usable = !name.text.empty() && std::ranges::all_of(name.text, [](char c) {
    return ascii::is_alnum(c) || c == '_';
  });
  if (!is_usable) {
    warning(name.position, "only a name of letters, digits and '_' can be used with '$'");
  }
  lexer_.define(name.text, value->text);
  return true;
}

bool Parser::parse_include() {
  const auto path = expect_string("the path of the file to include");
  if (!path) return false;
  if (token_.kind != TokenKind::Newline) return expected("the end of the line");
  if (!path->text.starts_with('/')) {
    warning(path->position,
            "the path is not absolute: it is taken from the folder the daemon starts in");
  }
  const Position position = token_.position;
  if (lexer_.depth() > include_depth_max) {
    error(position, fmt::format("files are included more than {} deep", include_depth_max));
    return true;
  }
  auto text = read_file_(path->text);
  if (!text) {
    error(position, fmt::format("cannot include the file: {}", to_text(text.error())));
    return true;
  }
  // The end of this line is still to come: token_ holds it, and the included file is read behind
  // it.
  lexer_.enter(sources_.add(path->text, std::move(*text)));
  return true;
}

// Skips what is left of a directive. Inside braces that is up to the closing one, unless a line
// begins with a directive's word before: then a brace was forgotten.
void Parser::recover() {
  bool at_line_begin = false;
  while (token_.kind != TokenKind::End) {
    if (token_.is_symbol('{')) ++brace_depth_;
    if (token_.is_symbol('}') && brace_depth_ > 0) --brace_depth_;
    if (token_.kind == TokenKind::Newline && brace_depth_ == 0) return;
    static constexpr std::array openers = std::to_array<std::string_view>(
        {"action", "filter", "include", "listen", "match", "pki", "smtp", "table"});
    if (at_line_begin && token_.kind == TokenKind::Keyword &&
        std::ranges::find(openers, token_.text) != openers.end()) {
      return;
    }
    at_line_begin = token_.kind == TokenKind::Newline;
    advance();
  }
}

void Parser::error(Position position, std::string text) {
  sources_.report(Severity::Error, position, std::move(text));
}

void Parser::warning(Position position, std::string text) {
  sources_.report(Severity::Warning, position, std::move(text));
}

void Parser::unsupported(Position position, std::string_view what) {
  sources_.report(Severity::Unsupported, position, fmt::format("{} is not available yet", what));
}

bool Parser::once(bool& seen, const Token& token) {
  if (seen) error(token.position, fmt::format("{} is given twice", describe(token)));
  return !std::exchange(seen, true);
}

bool Parser::expected(std::string_view what) {
  if (token_.kind != TokenKind::Error) {  // the lexer has reported that one
    error(token_.position, fmt::format("expected {}, found {}", what, describe(token_)));
  }
  return false;
}

bool Parser::take_keyword(std::string_view keyword) {
  if (!at(keyword)) return false;
  advance();
  return true;
}

bool Parser::take_symbol(char c) {
  if (!token_.is_symbol(c)) return false;
  if (c == '{') ++brace_depth_;
  if (c == '}') --brace_depth_;
  advance();
  return true;
}

bool Parser::take_word(std::string_view word) {
  if (token_.kind != TokenKind::Word || token_.text != word) return false;
  advance();
  return true;
}

bool Parser::expect_symbol(char c) { return take_symbol(c) || expected(fmt::format("'{}'", c)); }

bool Parser::expect_keyword(std::string_view keyword) {
  return take_keyword(keyword) || expected(fmt::format("\"{}\"", keyword));
}

std::optional<Token> Parser::expect_string(std::string_view what) {
  if (token_.kind == TokenKind::Keyword) {
    error(token_.position, fmt::format("expected {}, found the reserved word {} (quote it to use "
                                       "it as text)",
                                       what, describe(token_)));
    return std::nullopt;
  }
  if (!token_.is_string()) {
    expected(what);
    return std::nullopt;
  }
  Token taken = std::move(token_);
  advance();
  return taken;
}

std::optional<std::int64_t> Parser::expect_number(std::string_view what) {
  if (token_.kind != TokenKind::Number) {
    expected(what);
    return std::nullopt;
  }
  const std::int64_t number = token_.number;
  advance();
  return number;
}

std::optional<Duration> Parser::expect_delay(std::string_view what, Duration least, Duration most) {
  const auto text = expect_string(fmt::format("{} such as 30s, 5m, 4h or 2d", what));
  if (!text) return std::nullopt;
  const auto delay = parse_delay(text->text);
  const bool is_too_fine = text->text.ends_with("ms") && least >= seconds(1);
  if (!delay || is_too_fine) {
    error(text->position, fmt::format("invalid {} {}: expected digits and one of s, m, h, d", what,
                                      describe(*text)));
    return least;
  }
  if (*delay < least || *delay > most) {
    error(text->position, fmt::format("{} {} is out of range: {} ms to {} s", what, describe(*text),
                                      least.milliseconds(), most.seconds()));
    return least;
  }
  return delay;
}

// A number or a word with a unit; `least` after an error that does not end the directive.
std::optional<std::uint64_t> Parser::expect_size(std::string_view what, std::uint64_t least,
                                                 std::uint64_t most) {
  if (token_.kind != TokenKind::Number && !token_.is_string()) {
    expected(fmt::format("{} such as 35M", what));
    return std::nullopt;
  }
  const Token given = token_;
  advance();
  const auto size = parse_size(given.text);
  if (!size) {
    error(given.position,
          fmt::format("invalid {} \"{}\": expected a number and perhaps one of K, M, G, T", what,
                      given.text));
    return least;
  }
  if (*size < least || *size > most) {
    error(given.position,
          fmt::format("{} {} is out of range: {} to {} octets", what, given.text, least, most));
    return least;
  }
  return size;
}

// An absolute path; the empty string after an error that does not end the directive.
std::optional<std::string> Parser::expect_path(std::string_view what) {
  const auto path = expect_string(what);
  if (!path) return std::nullopt;
  if (path->text.starts_with('/') && !path->text.contains('\0')) return path->text;
  error(path->position, fmt::format("the path {} is not absolute", describe(*path)));
  return std::string();
}

void Parser::skip_newlines() {
  while (token_.kind == TokenKind::Newline) advance();
}

// What can be judged only when everything was read.
void Parser::finish() {
  check_pkis();
  check_signing();
  check_result_filters();
  const bool has_socket = std::ranges::any_of(config_.listeners, &Listener::is_socket);
  if (!has_socket) {
    config_.listeners.push_back({.position = {}, .source = "socket", .is_socket = true});
  }
  for (auto& table : tables_) config_.tables.push_back(std::move(table));
  for (auto& [name, pki] : pkis_) config_.pkis.push_back(std::move(pki));
  for (auto& [name, ca] : cas_) config_.cas.push_back(std::move(ca));
}

std::optional<Duration> parse_delay(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  if (text.starts_with('+')) text.remove_prefix(1);
  constexpr std::int64_t ms = 1'000'000;
  static constexpr std::array units =
      std::to_array<std::pair<std::string_view, std::int64_t>>({{"ms", ms},
                                                                {"s", 1000 * ms},
                                                                {"m", 60'000 * ms},
                                                                {"h", 3'600'000 * ms},
                                                                {"d", 86'400'000 * ms}});
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = ascii::parse_decimal<std::int64_t>(text.substr(0, digits));
  const auto unit = std::ranges::find(units, text.substr(digits),
                                      &std::pair<std::string_view, std::int64_t>::first);
  if (!number || unit == units.end() || *number < 1) return std::nullopt;
  if (*number > std::numeric_limits<std::int64_t>::max() / unit->second) return std::nullopt;
  return Duration{*number * unit->second};
}

// As scan_scaled(3) reads it: blanks around, a sign, no digits at all (which is zero).
std::optional<std::uint64_t> parse_size(std::string_view text) {
  static constexpr std::string_view units = "BKMGTPE";
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  text = ascii::trim(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  unsigned shift = 0;
  if (!text.empty() && ascii::is_alpha(text.back())) {
    const char letter = text.back();
    const std::size_t unit =
        units.find(ascii::is_lower(letter) ? static_cast<char>(letter - 32) : letter);
    if (unit == std::string_view::npos) return std::nullopt;
    shift = static_cast<unsigned>(10 * unit);
    text.remove_suffix(1);
  }
  const std::size_t dot = text.find('.');
  const std::string_view whole = text.substr(0, dot);
  const std::string_view fraction = dot == std::string_view::npos ? "" : text.substr(dot + 1);
  const auto is_digits = [](std::string_view part) {
    return std::ranges::all_of(part, ascii::is_digit);
  };
  if (!is_digits(whole) || !is_digits(fraction)) return std::nullopt;
  const auto number = whole.empty() ? std::optional<std::uint64_t>(0) : ascii::parse_decimal(whole);
  if (!number || *number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return std::nullopt;
  if (*number > most >> (shift + 1)) return most;
  double part = 0;
  for (std::size_t i = fraction.size(); i > 0; --i) part = (part + (fraction[i - 1] - '0')) / 10;
  return (*number << shift) + static_cast<std::uint64_t>(part * static_cast<double>(1ULL << shift));
}

ParseResult parse(ParseInput input, FileReader& read_file) {
  return Parser(input, read_file).run();
}

Diagnostic Config::diagnostic_at(Position position, Severity severity, std::string text) const {
  return {.severity = severity,
          .file = files.at(position.file),
          .line = position.line,
          .column = position.column,
          .text = std::move(text),
          .source_line = {}};
}

const Action* Config::find_action(std::string_view name) const {
  const auto found =
      std::ranges::find_if(actions, [name](const auto& a) { return a->name == name; });
  return found == actions.end() ? nullptr : found->get();
}

const Table* Config::find_table(std::string_view name) const {
  const auto found =
      std::ranges::find_if(tables, [name](const auto& t) { return t->name() == name; });
  return found == tables.end() ? nullptr : found->get();
}

Duration Config::time_to_live(std::string_view action_name) const {
  const Action* action = find_action(action_name);
  return action != nullptr && action->ttl ? *action->ttl : queue.ttl;
}

}  // namespace ringpost::conf
