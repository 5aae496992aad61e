// One message, or a stream of them: see auth_command.h.
#include "tools/ringpostctl/auth_command.h"

#include <array>
#include <expected>
#include <limits>
#include <optional>

#include <fmt/format.h>
#include <sys/utsname.h>

#include "engine/mta/public_suffixes.h"
#include "engine/ring/clock.h"
#include "proto/base/base64.h"
#include "tools/ringpostctl/auth_judge.h"
#include "tools/ringpostctl/dns_client.h"
#include "tools/ringpostctl/line_reader.h"
#include "tools/ringpostctl/message_input.h"

namespace ringpost::ctl {
namespace {

using mta::Json;

constexpr std::string_view usage_text =
    "usage: ringpostctl auth [--dns ADDR:PORT] --ip IP --helo NAME --mail-from ADDR\n"
    "                        [--auth-results] [--auth-serv-id ID] [--tree-walk] < MESSAGE\n"
    "       ringpostctl auth --batch [--tree-walk] < LINES";
constexpr std::size_t depth_max = 32;
constexpr std::int64_t now_s_max = std::numeric_limits<std::int64_t>::max() / 1'000'000;

struct Options {
  std::string dns = {};
  std::string ip = {};
  std::string helo = {};
  std::string mail_from = {};
  std::string auth_serv_id = {};
  bool writes_field = false;
  bool is_batch = false;
  bool walks = false;
};

struct ValueOption {
  std::string_view name;
  std::string Options::* place;
};
constexpr std::array<ValueOption, 5> value_options{{{"--dns", &Options::dns},
                                                    {"--ip", &Options::ip},
                                                    {"--helo", &Options::helo},
                                                    {"--mail-from", &Options::mail_from},
                                                    {"--auth-serv-id", &Options::auth_serv_id}}};

// Takes an option with a value, and the value, off the front of `words`.
bool take_value(std::span<const std::string>& words, Options& options) {
  const std::string_view word = words[0];
  for (const ValueOption& one : value_options) {
    if (word.starts_with(one.name) && word.size() > one.name.size() &&
        word[one.name.size()] == '=') {
      options.*one.place = word.substr(one.name.size() + 1);
      words = words.subspan(1);
      return true;
    }
    if (word != one.name || words.size() < 2) continue;
    options.*one.place = words[1];
    words = words.subspan(2);
    return true;
  }
  return false;
}

std::optional<Options> parse_options(std::span<const std::string> words) {
  Options options;
  while (!words.empty()) {
    if (take_value(words, options)) continue;
    if (words[0] == "--auth-results")
      options.writes_field = true;
    else if (words[0] == "--batch")
      options.is_batch = true;
    else if (words[0] == "--tree-walk")
      options.walks = true;
    else
      return std::nullopt;
    words = words.subspan(1);
  }
  if (options.ip.empty() && !options.is_batch) return std::nullopt;
  return options;
}

// Of the texts of both forms of the command.
std::expected<AuthQuestion, std::string> question_of(const Options& options) {
  const auto client = conf::parse_net_address(options.ip);
  if (!client) return std::unexpected(fmt::format("\"{}\" is no IP address", options.ip));
  const auto resolver =
      options.dns.empty() ? std::optional(resolver_of_system()) : resolver_at(options.dns);
  if (!resolver)
    return std::unexpected(fmt::format("\"{}\" is no address of a name server", options.dns));
  return AuthQuestion{
      .resolver = *resolver,
      .session = {.client = *client,
                  .helo = options.helo,
                  .mail_from = bare_address(options.mail_from),
                  .receiver = options.auth_serv_id},
  };
}

std::string authserv_id_of(const Options& options) {
  if (!options.auth_serv_id.empty()) return options.auth_serv_id;
  utsname names{};
  return uname(&names) == 0 ? names.nodename : "localhost";
}

int run_single(const Options& options, const auth::SuffixList* suffixes, std::FILE* in,
               WallTime now, const Output& output) {
  auto question = question_of(options);
  if (!question) {
    output.fail(question.error());
    return exit_usage;
  }
  auto message = read_message(in);
  if (!message) return output.fail(to_text(message.error()));
  question->session.now = now;
  question->message = std::move(*message);
  const AuthReport report = judge(*question, suffixes);
  Json object = json_of(report);
  if (options.writes_field)
    object["auth_results"] = field_of(report, *question, authserv_id_of(options));
  output.put_line(object);
  return exit_ok;
}

// A text that may be missing or null.
std::expected<std::string, std::string> text_in(const Json& line, const char* key) {
  const auto found = line.find(key);
  if (found == line.end() || found->is_null()) return std::string();
  if (!found->is_string()) return std::unexpected(fmt::format("\"{}\" is no text", key));
  return found->get<std::string>();
}

std::expected<WallTime, std::string> time_in(const Json& line) {
  const auto found = line.find("now");
  if (found == line.end() || found->is_null()) return ring::wall_now();
  if (!found->is_number()) return std::unexpected("\"now\" is no Unix time");
  const double given_s = found->get<double>();
  if (!(given_s >= 0 && given_s < static_cast<double>(now_s_max)))
    return std::unexpected("\"now\" is no Unix time");
  return WallTime{static_cast<std::int64_t>(given_s) * 1'000'000};
}

std::expected<AuthQuestion, std::string> question_in(const Json& line) {
  if (!line.is_object()) return std::unexpected("the line is no JSON object");
  Options options;
  for (const auto& [key, place] : {std::pair{"dns", &options.dns},
                                   {"ip", &options.ip},
                                   {"helo", &options.helo},
                                   {"mail_from", &options.mail_from}}) {
    auto text = text_in(line, key);
    if (!text) return std::unexpected(text.error());
    *place = std::move(*text);
  }
  auto question = question_of(options);
  if (!question) return question;
  const auto time = time_in(line);
  if (!time) return std::unexpected(time.error());
  question->session.now = *time;
  const auto encoded = text_in(line, "message");
  if (!encoded) return std::unexpected(encoded.error());
  auto message = base64_decode(*encoded);
  if (!message) return std::unexpected("\"message\" is not base64");
  question->message = std::move(*message);
  return question;
}

// Values in values are copied and printed by functions that call themselves: what is too deep for
// the stack is not read at all.
bool is_too_deep(std::string_view text) {
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted) {
      if (c == '\\') ++at;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > depth_max) return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

Json answer_to_cut_line() {
  Json answer{{"id", nullptr}};
  answer.update(json_of(AuthReport{}));
  answer["error"] = fmt::format("the line has more than {} MiB", LineReader::line_octets_max >> 20);
  return answer;
}

Json answer_to(std::string_view text, const auth::SuffixList* suffixes) {
  const Json line = is_too_deep(text) ? Json() : Json::parse(text, nullptr, false);
  Json answer{{"id", nullptr}};
  if (line.is_object() && line.contains("id")) answer["id"] = line["id"];
  const auto question = question_in(line);
  // Whoever reads the answers finds all keys in each of them.
  answer.update(json_of(question ? judge(*question, suffixes) : AuthReport{}));
  if (!question) answer["error"] = question.error();
  return answer;
}

int run_batch(const auth::SuffixList* suffixes, std::FILE* in, const Output& output) {
  LineReader lines(in);
  while (const auto line = lines.next()) {
    if (line->empty()) continue;
    output.put_line(lines.is_cut() ? answer_to_cut_line() : answer_to(*line, suffixes));
    if (std::fflush(output.out) != 0) return exit_failed;
  }
  return exit_ok;
}

}  // namespace

int run_auth(std::span<const std::string> words, std::FILE* in, WallTime now,
             const Output& output) {
  const auto options = parse_options(words);
  if (!options) {
    output.fail(usage_text);
    return exit_usage;
  }
  const mta::PublicSuffixes list;
  const auth::SuffixList* suffixes = options->walks ? nullptr : &list;
  if (options->is_batch) return run_batch(suffixes, in, output);
  return run_single(*options, suffixes, in, now, output);
}

}  // namespace ringpost::ctl
