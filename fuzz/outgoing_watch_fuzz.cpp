// An outgoing dialogue overheard. The first octet chooses SMTP or LMTP; lines that begin with ">"
// are commands, "=" is the end of content, all else comes from the server. However it is cut, the
// same is told, and every message that was begun ends.
#include <span>
#include <string>
#include <vector>

#include "proto/base/bytes.h"
#include "proto/base/check.h"
#include "proto/filter/outgoing_watch.h"
#include "proto/filter/request.h"

namespace {

using namespace ringpost;

class Overheard final : public filter::OutgoingListener {
 public:
  void overheard(filter::ReportEvent event,
                 std::initializer_list<std::string_view> fields) override {
    if (event == filter::ReportEvent::TxBegin) ++open;
    if (event == filter::ReportEvent::TxCommit || event == filter::ReportEvent::TxRollback) --open;
    CHECK(open == 0 || open == 1);
    filter::append_report(told, {.subsystem = filter::Subsystem::SmtpOut}, event, fields);
  }
  std::string told;
  int open = 0;
};

std::string play(std::string_view text, bool lmtp, std::size_t part_octets) {
  Overheard heard;
  filter::OutgoingWatch watch(heard, lmtp);
  unsigned messages = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end == text.npos ? end : end + 1);
    text.remove_prefix(line.size());
    if (line.starts_with('>')) {
      if (line.starts_with(">MAIL")) watch.begin("m" + std::to_string(messages++));
      watch.sent(line.substr(1));
    } else if (line.starts_with('=')) {
      watch.content_sent(line.size(), false);
    } else {
      for (; !line.empty(); line.remove_prefix(std::min(part_octets, line.size())))
        watch.received(line.substr(0, part_octets));
    }
  }
  watch.closed();
  CHECK(heard.open == 0);
  return heard.told;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text = text_of(std::as_bytes(std::span(data + 1, size - 1)));
  const bool lmtp = (data[0] & 1) != 0;
  const std::string whole = play(text, lmtp, text.size() + 1);
  CHECK(play(text, lmtp, 1) == whole);
  CHECK(play(text, lmtp, data[0] % 16 + 1u) == whole);
  return 0;
}
