// Delivery reports: whatever senders, clients and servers said, the report keeps its shape. The
// input: an octet of choices, then texts divided by NUL.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proto/base/ascii.h"
#include "proto/base/check.h"
#include "proto/base/utf8.h"
#include "proto/dsn/report.h"
#include "proto/mail/split_message.h"

namespace {

using namespace ringpost;

constexpr std::string_view boundary = "rp-0123456789abcdef";

class Texts {
 public:
  explicit Texts(std::string_view left) : left_(left) {}
  std::string_view next() {
    const std::string_view text = left_.substr(0, left_.find('\0'));
    left_.remove_prefix(std::min(text.size() + 1, left_.size()));
    return text;
  }
  bool any_left() const { return !left_.empty(); }

 private:
  std::string_view left_;
};

// Every line ends with CRLF and is short enough; three parts begin, and no more.
void check_lines(std::string_view text, bool utf8) {
  std::size_t parts = 0;
  while (!text.empty()) {
    const std::size_t end = text.find("\r\n");
    CHECK(end != text.npos && end <= 998);
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 2);
    CHECK(line.find_first_of(std::string_view("\r\n\0", 3)) == line.npos);
    CHECK(utf8 ? is_utf8(line) : std::ranges::none_of(line, ascii::is_high));
    if (line.starts_with("--") && line.substr(2).starts_with(boundary)) {
      CHECK(line.size() == boundary.size() + 2);
      ++parts;
    }
  }
  CHECK(parts == 3);
}

void check_header(std::string_view text) {
  constexpr std::array names{"From",         "To",           "Subject",
                             "Date",         "Message-ID",   "Auto-Submitted",
                             "MIME-Version", "Content-Type", "Content-Transfer-Encoding"};
  const mail::SplitMessage split = mail::split_message(text);
  CHECK(split.fields.size() == names.size());
  for (std::size_t i = 0; i < names.size(); ++i) CHECK(split.fields[i].name == names[i]);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  if (size < 2) return 0;
  const unsigned choices = octets[0];
  Texts texts(std::string_view(reinterpret_cast<const char*>(octets), size).substr(1));
  dsn::ReportedMessage message{.id = QueueId{7}};
  message.sender = texts.next();
  message.envelope_id = texts.next();
  message.received_from = texts.next();
  message.smtputf8 = (choices & 1) != 0;
  if (message.sender.empty()) return 0;
  std::vector<dsn::ReportedRecipient> recipients;
  do {
    dsn::ReportedRecipient recipient;
    recipient.action = static_cast<dsn::Action>((choices / 2 + recipients.size()) % 5);
    recipient.status = {static_cast<std::uint8_t>(choices % 6), static_cast<std::uint16_t>(choices),
                        static_cast<std::uint16_t>(choices / 3)};
    recipient.address = texts.next();
    recipient.final_address = texts.next();
    recipient.original = texts.next();
    recipient.server = texts.next();
    recipient.diagnostic = texts.next();
    recipients.push_back(recipient);
  } while (texts.any_left() && recipients.size() < 200);
  const dsn::Frame frame{
      .server_name = "mail.example.org", .message_id = "1@example.org", .boundary = boundary};
  const dsn::Report report = dsn::compose(message, recipients, dsn::Returned::Headers, frame);
  check_lines(report.before, report.smtputf8);
  check_header(report.before);
  CHECK(report.after == "\r\n--rp-0123456789abcdef--\r\n");
  CHECK(report.before.size() < 4'096 + size * 8 + recipients.size() * 2'048);
  return 0;
}
