// filter-result| and filter-dataline| lines: see answer.h.
#include "proto/filter/answer.h"

#include <array>
#include <optional>

#include "proto/base/ascii.h"
#include "proto/filter/line.h"

namespace ringpost::filter {
namespace {

constexpr std::size_t number_digits_max = 16;

struct VerdictWord {
  std::string_view text;
  Verdict verdict;
};
constexpr auto verdict_words = std::to_array<VerdictWord>({{"proceed", Verdict::Proceed},
                                                           {"junk", Verdict::Junk},
                                                           {"reject", Verdict::Reject},
                                                           {"disconnect", Verdict::Disconnect},
                                                           {"rewrite", Verdict::Rewrite},
                                                           {"report", Verdict::Report}});

std::optional<std::uint64_t> take_number(std::string_view& rest) {
  const std::string_view field = take_field(rest);
  if (field.size() > number_digits_max) return std::nullopt;
  return ascii::parse_decimal<std::uint64_t>(field, 16);
}

// proceed and junk stand alone; the others have a text, though it may be empty.
bool take_verdict(std::string_view rest, Result& result) {
  const bool has_text = rest.contains('|');
  const std::string_view word = take_field(rest);
  for (const VerdictWord& known : verdict_words) {
    if (known.text != word) continue;
    result.verdict = known.verdict;
    result.text = rest;
    return has_text == (known.verdict != Verdict::Proceed && known.verdict != Verdict::Junk);
  }
  return false;
}

}  // namespace

std::expected<Answer, std::string> read_answer(std::string_view line) {
  std::string_view rest = line;
  const std::string_view kind = take_field(rest);
  if (kind == "report") return OwnReport{};
  const bool is_line = kind == "filter-dataline";
  if (!is_line && kind != "filter-result")
    return std::unexpected("said what is no answer: " + quoted_line(line));
  const auto session = take_number(rest);
  const bool has_token = rest.contains('|');
  const auto token = take_number(rest);
  if (!session || !token || !has_token)
    return std::unexpected("answers for no session: " + quoted_line(line));
  if (is_line) {
    if (rest == ".") return DataLine{*session, *token, true, {}};
    if (rest.starts_with('.')) rest.remove_prefix(1);
    return DataLine{*session, *token, false, rest};
  }
  Result result{.session = *session, .token = *token, .verdict = Verdict::Proceed, .text = {}};
  if (!take_verdict(rest, result))
    return std::unexpected("decides what cannot be decided: " + quoted_line(line));
  return result;
}

}  // namespace ringpost::filter
