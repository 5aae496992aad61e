// A JSON reader for exactly one shape: an object of strings, small numbers and lists of strings
// (RFC 8259). No recursion, no number beyond 32 bits, no member twice: nothing a client sends makes
// it deep or slow.
#include "proto/control/request.h"

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/base/utf8.h"

namespace ringpost::control {
namespace {

// Reads tokens from the front of the text. The first error stays; what is read after it means
// nothing.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text), rest_(text) {}

  bool ok() const { return error_.empty(); }
  const std::string& error() const { return error_; }
  bool at_end() {
    skip_blanks();
    return rest_.empty();
  }

  void fail(std::string_view what) {
    if (ok()) error_ = fmt::format("{} at octet {}", what, text_.size() - rest_.size());
  }

  // RFC 8259 2: insignificant white space may stand around every token.
  bool take(char token) {
    skip_blanks();
    if (!ok() || !rest_.starts_with(token)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void expect(char token) {
    if (!take(token)) fail(fmt::format("expected '{}'", token));
  }

  std::string string();
  std::uint32_t number();
  std::vector<std::string> strings();

 private:
  void skip_blanks() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
  }
  void escape(std::string& value);
  char32_t hex4();
  void scalar(std::string& value);

  std::string_view text_;
  std::string_view rest_;
  std::string error_;
};

// RFC 8259 7
std::string Reader::string() {
  std::string value;
  expect('"');
  while (ok() && !rest_.starts_with('"')) {
    if (rest_.empty()) {
      fail("string without end");
    } else if (rest_.front() == '\\') {
      rest_.remove_prefix(1);
      escape(value);
    } else {
      const Utf8Sequence sequence = utf8_front(rest_);
      if (sequence.octets == 0 || sequence.code < 0x20) {
        fail("octet that may not stand in a string");
      } else {
        value += rest_.substr(0, sequence.octets);
        rest_.remove_prefix(sequence.octets);
      }
    }
  }
  expect('"');
  return value;
}

// RFC 8259 7: the two-character escapes, and \uXXXX with surrogate pairs.
void Reader::escape(std::string& value) {
  constexpr std::string_view names = "\"\\/bfnrt";
  constexpr std::string_view values = "\"\\/\b\f\n\r\t";
  const char name = rest_.empty() ? '\0' : rest_.front();
  const std::size_t at = names.find(name);
  if (at != names.npos) {
    value += values[at];
    rest_.remove_prefix(1);
  } else if (name == 'u') {
    rest_.remove_prefix(1);
    scalar(value);
  } else {
    fail("unknown escape");
  }
}

void Reader::scalar(std::string& value) {
  char32_t code = hex4();
  if (code >= 0xd800 && code <= 0xdbff) {
    if (!rest_.starts_with("\\u")) return fail("half a surrogate pair");
    rest_.remove_prefix(2);
    const char32_t low = hex4();
    if (low < 0xdc00 || low > 0xdfff) return fail("half a surrogate pair");
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  } else if (code >= 0xdc00 && code <= 0xdfff) {
    return fail("half a surrogate pair");
  }
  if (ok()) append_utf8(value, code);
}

char32_t Reader::hex4() {
  const auto code = ascii::parse_decimal<std::uint32_t>(rest_.substr(0, 4), 16);
  if (rest_.size() < 4 || !code) {
    fail("expected four hex digits");
    return 0;
  }
  rest_.remove_prefix(4);
  return *code;
}

std::uint32_t Reader::number() {
  skip_blanks();
  const std::size_t digits = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
  const std::string_view text = rest_.substr(0, digits);
  const auto value = ascii::parse_decimal<std::uint32_t>(text);
  // RFC 8259 6: no leading zeros.
  if (!value || (text.size() > 1 && text.front() == '0')) {
    fail("expected a number from 0 to 4294967295");
    return 0;
  }
  rest_.remove_prefix(digits);
  return *value;
}

std::vector<std::string> Reader::strings() {
  std::vector<std::string> values;
  expect('[');
  if (take(']')) return values;
  do {
    if (values.size() == arguments_max) fail("too many arguments");
    values.push_back(string());
  } while (take(','));
  expect(']');
  return values;
}

// Which members were seen; each may come once.
struct Members {
  bool protocol = false;
  bool command = false;
  bool arguments = false;
  bool after = false;
  bool limit = false;
};

void read_member(Reader& reader, Request& request, Members& seen) {
  const std::string name = reader.string();
  reader.expect(':');
  if (!reader.ok()) return;
  const auto once = [&](bool& flag) {
    if (flag) reader.fail(fmt::format("\"{}\" stands twice", name));
    flag = true;
  };
  if (name == "protocol") {
    once(seen.protocol), request.protocol = reader.number();
    seen.protocol = reader.ok();
  } else if (name == "command") {
    once(seen.command), request.command = reader.string();
  } else if (name == "arguments") {
    once(seen.arguments), request.arguments = reader.strings();
  } else if (name == "after") {
    once(seen.after), request.after = reader.string();
  } else if (name == "limit") {
    once(seen.limit), request.limit = reader.number();
  } else {
    reader.fail("unknown member");
  }
}

void check_complete(Reader& reader, const Request& request, const Members& seen) {
  if (!seen.protocol) reader.fail("\"protocol\" is missing");
  if (!seen.command || request.command.empty()) reader.fail("\"command\" is missing");
  if (request.limit == 0 || request.limit > rows_per_page) {
    reader.fail(fmt::format("\"limit\" is not from 1 to {}", rows_per_page));
  }
}

void append_string(std::string& target, std::string_view value) {
  target += '"';
  while (!value.empty()) {
    const Utf8Sequence sequence = utf8_front(value);
    if (sequence.octets == 0) {
      append_utf8(target, 0xfffd);
      value.remove_prefix(1);
      continue;
    }
    if (sequence.code < 0x20) {
      target += fmt::format("\\u{:04x}", static_cast<unsigned>(sequence.code));
    } else {
      if (sequence.code == '"' || sequence.code == '\\') target += '\\';
      target += value.substr(0, sequence.octets);
    }
    value.remove_prefix(sequence.octets);
  }
  target += '"';
}

}  // namespace

std::expected<Request, std::string> parse_request(std::string_view line) {
  if (line.size() > request_octets_max) return std::unexpected("the request is too long");
  Reader reader(line);
  Request request;
  Members seen;
  reader.expect('{');
  if (!reader.take('}')) {
    do {
      read_member(reader, request, seen);
    } while (reader.ok() && reader.take(','));
    reader.expect('}');
  }
  if (reader.ok() && !reader.at_end()) reader.fail("something follows the object");
  if (reader.ok()) check_complete(reader, request, seen);
  // A client of another version may send members that are unknown here: its version is the thing to
  // report.
  if (seen.protocol && request.protocol != protocol_number) {
    return std::unexpected(fmt::format("this daemon speaks control protocol {}, not {}",
                                       protocol_number, request.protocol));
  }
  if (!reader.ok()) return std::unexpected(fmt::format("malformed request: {}", reader.error()));
  return request;
}

std::string print_request(const Request& request) {
  std::string line = fmt::format("{{\"protocol\":{},\"command\":", request.protocol);
  append_string(line, request.command);
  line += ",\"arguments\":[";
  for (std::size_t i = 0; i < request.arguments.size(); ++i) {
    if (i != 0) line += ',';
    append_string(line, request.arguments[i]);
  }
  line += "],\"after\":";
  append_string(line, request.after);
  line += fmt::format(",\"limit\":{}}}\n", request.limit);
  return line;
}

}  // namespace ringpost::control
