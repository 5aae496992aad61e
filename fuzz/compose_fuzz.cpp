// sendmail(8)'s input: any text and arguments give a complete message or a complaint. No line ends
// but CRLF, no blind copies, addresses that SMTP can carry; made again from itself it stays.
#include <cstdint>
#include <string>
#include <string_view>

#include "proto/base/ascii.h"
#include "proto/base/check.h"
#include "proto/mail/split_message.h"
#include "proto/smtp/path.h"
#include "proto/submission/compose.h"
#include "proto/submission/offline_file.h"

namespace {

using namespace ringpost;

void check(const submission::Submission& made) {
  CHECK(made.content.ends_with("\r\n"));
  for (std::size_t at = made.content.find('\n'); at != made.content.npos;
       at = made.content.find('\n', at + 1))
    CHECK(at > 0 && made.content[at - 1] == '\r');
  bool has_from = false;
  for (const mail::Field& field : mail::split_message(made.content).fields) {
    CHECK(!ascii::equal_ignoring_case(field.name, "bcc"));
    has_from |= ascii::equal_ignoring_case(field.name, "from");
  }
  CHECK(has_from);
  CHECK(smtp::parse_reverse_path(made.sender));
  CHECK(!made.recipients.empty());
  for (const std::string& recipient : made.recipients) CHECK(smtp::parse_forward_path(recipient));
}

}  // namespace

// The first line is the arguments: a list of recipients; the rest is the text.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(octets), size);
  const std::size_t end = all.find('\n');
  if (end == all.npos) return 0;
  submission::ComposeInput input;
  input.recipients.emplace_back(all.substr(0, end));
  input.recipients_from_header = size % 2 == 0;
  input.text = all.substr(end + 1);
  input.text = input.text.substr(0, submission::DotWatch().look(input.text, true).value_or(size));
  input.user = "alice";
  input.host = "host.example";
  input.full_name = all.substr(0, end);
  const auto made = submission::compose(input);
  if (!made) {
    CHECK(!made.error().text.empty());
    return 0;
  }
  check(*made);
  const submission::OfflineMessage kept{.uid = 1000, .submission = *made};
  CHECK(submission::decode_offline(submission::encode_offline(kept)) == kept);
  input.text = made->content;
  const auto again = submission::compose(input);
  if (again) CHECK(again->content == made->content);
  return 0;
}
