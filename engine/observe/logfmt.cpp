// Writes logfmt values: bare where every octet is harmless, quoted and escaped otherwise.
// What does not fit is left out as a whole pair; the line then ends with cut=true.
#include "engine/observe/logfmt.h"

#include <cstring>
#include <ctime>

#include <fmt/compile.h>
#include <fmt/format.h>

#include "proto/base/utf8.h"

namespace ringpost::observe {
namespace {

constexpr std::string_view ellipsis = "\xe2\x80\xa6";
constexpr std::string_view cut_pair = " cut=true";
constexpr std::size_t reserve_octets = cut_pair.size() + 1;  // and the LF

// One table look-up per octet decides whether a value may stand bare. '=' may not, nor anything
// beyond ASCII.
constexpr std::array<bool, 256> bare_octets = [] {
  std::array<bool, 256> table{};
  for (unsigned octet = 0x21; octet < 0x7f; ++octet) table[octet] = true;
  table['"'] = table['\\'] = table['='] = false;
  return table;
}();

bool is_bare(std::string_view value) {
  for (const char c : value) {
    if (!bare_octets[static_cast<unsigned char>(c)]) return false;
  }
  return !value.empty();
}

struct Escaped {
  std::array<char, 10> room;
  std::size_t octets;
};

Escaped escape(char32_t code) {
  Escaped result{};
  const auto print = [&]<class Format>(const Format& format, auto value) {
    result.octets = static_cast<std::size_t>(fmt::format_to(result.room.data(), format, value) -
                                             result.room.data());
  };
  switch (code) {
    case '\n':
      print(FMT_COMPILE("\\{}"), 'n');
      break;
    case '\r':
      print(FMT_COMPILE("\\{}"), 'r');
      break;
    case '\t':
      print(FMT_COMPILE("\\{}"), 't');
      break;
    case '"':
    case '\\':
      print(FMT_COMPILE("\\{}"), static_cast<char>(code));
      break;
    default:
      print(FMT_COMPILE("\\u{:04x}"), static_cast<unsigned>(code));
  }
  return result;
}

// Appends `value` escaped; stops in front of the character that would go past `end`. False then.
bool put_escaped(char*& position, const char* end, std::string_view value) {
  while (!value.empty()) {
    const Utf8Sequence sequence = utf8_front(value);
    std::size_t taken = sequence.octets;
    std::string_view text = value.substr(0, taken);
    Escaped escaped;
    if (taken == 0) {
      taken = 1;
      fmt::format_to(escaped.room.data(), FMT_COMPILE("\\x{:02x}"),
                     static_cast<unsigned char>(value[0]));
      text = {escaped.room.data(), 4};
    } else if (could_deceive(sequence.code) || sequence.code == '"' || sequence.code == '\\') {
      escaped = escape(sequence.code);
      text = {escaped.room.data(), escaped.octets};
    }
    if (text.size() > static_cast<std::size_t>(end - position)) return false;
    std::memcpy(position, text.data(), text.size());
    position += text.size();
    value.remove_prefix(taken);
  }
  return true;
}

// `text` was cut anywhere: without the beginning of a character whose rest is missing.
std::string_view whole_characters(std::string_view text) {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const auto octet = static_cast<unsigned char>(text[text.size() - back]);
    if ((octet & 0xc0u) == 0x80u) continue;
    const bool whole = octet < 0xc0 || utf8_front(text.substr(text.size() - back)).octets == back;
    return whole ? text : text.substr(0, text.size() - back);
  }
  return text;
}

// The date and time up to the second, computed once per second and thread.
std::string_view second_text(std::int64_t second) {
  struct Cache {
    std::int64_t second = -1;
    std::array<char, 20> text{};
  };
  thread_local Cache cache;
  if (cache.second != second) {
    const std::time_t time = second;
    std::tm parts{};
    gmtime_r(&time, &parts);  // fails only for years beyond an int
    fmt::format_to_n(cache.text.data(), 19, FMT_COMPILE("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}"),
                     parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
                     parts.tm_min, parts.tm_sec);
    cache.second = second;
  }
  return {cache.text.data(), 19};
}

}  // namespace

LogLine::LogLine(WallTime now, unsigned core, std::string_view event) {
  const auto format = FMT_COMPILE("time={}.{:06}Z core={} event={}");
  char* start = room_.data();
  if (core == no_core) {
    used_ = static_cast<std::size_t>(
        fmt::format_to(start, format, second_text(now.seconds()), now.us % 1'000'000, '-', event) -
        start);
  } else {
    used_ = static_cast<std::size_t>(
        fmt::format_to(start, format, second_text(now.seconds()), now.us % 1'000'000, core, event) -
        start);
  }
}

void LogLine::operator()(std::string_view name, std::string_view value) {
  const bool cut = value.size() > field_octets_max;
  if (cut) value = whole_characters(value.substr(0, field_octets_max));
  if (!cut && is_bare(value)) {
    if (put_name(name, value.size())) put(value);
    return;
  }
  if (put_name(name, 2 + ellipsis.size())) put_quoted(value, cut);
}

void LogLine::operator()(std::string_view name, bool value) {
  (*this)(name, value ? std::string_view("true") : std::string_view("false"));
}

void LogLine::operator()(std::string_view name, QueueId value) { put_hex(name, value.value); }

void LogLine::operator()(std::string_view name, SessionId value) { put_hex(name, value.value); }

void LogLine::operator()(std::string_view name, Duration value) {
  std::array<char, 32> room;
  const std::int64_t ms = value.milliseconds();
  const char* sign = ms < 0 ? "-" : "";
  const std::uint64_t size =
      ms < 0 ? 0 - static_cast<std::uint64_t>(ms) : static_cast<std::uint64_t>(ms);
  const char* end =
      fmt::format_to(room.data(), FMT_COMPILE("{}{}.{:03}"), sign, size / 1000, size % 1000);
  (*this)(name, std::string_view(room.data(), end));
}

void LogLine::operator()(std::string_view name, const Fault& value) {
  (*this)(name, std::string_view(to_text(value)));
}

std::string_view LogLine::finish() {
  if (full_) {
    std::memcpy(room_.data() + used_, cut_pair.data(), cut_pair.size());
    used_ += cut_pair.size();
  }
  room_[used_++] = '\n';
  return {room_.data(), used_};
}

bool LogLine::put_name(std::string_view name, std::size_t value_octets) {
  const std::size_t needed = 1 + name.size() + 1 + value_octets;
  full_ = full_ || used_ + needed > line_octets_max - reserve_octets;
  if (full_) return false;
  put(" "), put(name), put("=");
  return true;
}

void LogLine::put_number(std::string_view name, std::int64_t value) {
  const fmt::format_int text(value);
  if (put_name(name, text.size())) put({text.data(), text.size()});
}

void LogLine::put_number(std::string_view name, std::uint64_t value) {
  const fmt::format_int text(value);
  if (put_name(name, text.size())) put({text.data(), text.size()});
}

void LogLine::put_hex(std::string_view name, std::uint64_t value) {
  if (!put_name(name, 16)) return;
  fmt::format_to(room_.data() + used_, FMT_COMPILE("{:016x}"), value);
  used_ += 16;
}

void LogLine::put_quoted(std::string_view value, bool cut) {
  char* position = room_.data() + used_;
  const char* end = room_.data() + line_octets_max - reserve_octets - ellipsis.size() - 1;
  *position++ = '"';
  cut = !put_escaped(position, end, value) || cut;
  if (cut) position = std::copy(ellipsis.begin(), ellipsis.end(), position);
  *position++ = '"';
  used_ = static_cast<std::size_t>(position - room_.data());
}

void LogLine::put(std::string_view text) {
  std::memcpy(room_.data() + used_, text.data(), text.size());
  used_ += text.size();
}

std::string rfc3339_text(WallTime time) {
  return fmt::format(FMT_COMPILE("{}.{:06}Z"), second_text(time.seconds()), time.us % 1'000'000);
}

}  // namespace ringpost::observe
