// SPF over a hostile DNS: lines of the input are what names publish, in the order in which they are
// asked for; a line that does not begin with "v=" is an address, a name or a failure. Every
// evaluation ends within its questions, and its explanation can be printed.
#include <algorithm>
#include <memory>
#include <string_view>

#include "proto/auth/spf.h"
#include "proto/auth/spf_macro.h"
#include "proto/base/ascii.h"
#include "proto/base/bytes.h"
#include "proto/base/check.h"

namespace {

using namespace ringpost;

std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

std::optional<dns::RecordData> record_of(dns::Type type, std::string_view line) {
  const auto name = auth::plain_name(line);
  const auto address = conf::parse_net_address(line);
  if (type == dns::Type::Txt) return dns::Text{{std::string(line)}};
  if (type == dns::Type::Mx && name) return dns::MailExchanger{10, *name};
  if (type == dns::Type::Ptr && name) return *name;
  if (type == dns::Type::A && address && address->family == conf::Family::Inet4) return *address;
  return std::nullopt;
}

dns::AnswerPointer answer_to(const dns::Question& question, std::string_view& text) {
  dns::Answer answer{.outcome = dns::Outcome::NoName, .owner = question.name};
  const std::string_view line = take_line(text);
  if (line == "fail") answer.outcome = dns::Outcome::Failed;
  const std::size_t copies = line.starts_with("12") ? 12 : 1;
  for (std::size_t i = 0; i < copies; ++i)
    if (auto record = record_of(question.type, line)) answer.records.push_back(std::move(*record));
  if (!answer.records.empty()) answer.outcome = dns::Outcome::Found;
  return std::make_shared<const dns::Answer>(std::move(answer));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  std::string_view text = text_of(std::as_bytes(std::span(octets, size)));
  auth::SpfInput input{.client = conf::parse_net_address("192.0.2.1").value()};
  input.mail_from = take_line(text);
  input.helo = take_line(text);
  auth::DnsMemo memo;
  for (std::size_t rounds = 0; rounds <= auth::DnsMemo::questions_default; ++rounds) {
    if (const auto result = auth::evaluate_spf(input, memo)) {
      CHECK(std::ranges::none_of(result->explanation, ascii::is_control));
      return 0;
    }
    CHECK(!memo.wants_nothing());
    for (const dns::Question& question : memo.take_wanted())
      memo.put(question, answer_to(question, text));
  }
  CHECK(false);
}
