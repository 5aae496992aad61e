// The request parser of the control socket: any octets give a request or a sentence, and a request
// that was taken comes back the same after printing. Its words name recipients of the queue, or are
// told what is wrong.
#include "proto/base/bytes.h"
#include "proto/base/check.h"
#include "proto/base/utf8.h"
#include "proto/control/request.h"
#include "proto/control/selection.h"

namespace {

void select_by(const std::vector<std::string>& words) {
  using namespace ringpost;
  const auto selection = control::parse_selection(words, true);
  if (!selection) {
    CHECK(!selection.error().empty() && is_utf8(selection.error()));
    return;
  }
  const control::QueueFilter& filter = selection->filter;
  CHECK(selection->named.size() <= words.size());
  // What a condition names, it takes.
  if (!filter.recipient.empty() && filter.domain.empty() && !filter.recipient.starts_with('@'))
    CHECK(filter.takes_recipient(filter.recipient, ""));
  if (!filter.sender.empty() && filter.sender != "<>" && !filter.sender.starts_with('@'))
    CHECK(filter.takes_sender(filter.sender));
  if (filter.older && (!filter.newer || *filter.older < *filter.newer))
    CHECK(filter.takes_age(*filter.older));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringpost;
  const std::string_view line = text_of(std::as_bytes(std::span(data, size)));
  const auto request = control::parse_request(line);
  if (!request) {
    CHECK(!request.error().empty() && is_utf8(request.error()));
    return 0;
  }
  CHECK(request->arguments.size() <= control::arguments_max);
  select_by(request->arguments);
  const std::string printed = control::print_request(*request);
  CHECK(printed.find('\n') == printed.size() - 1);
  if (printed.size() > control::request_octets_max) return 0;
  const auto again = control::parse_request(printed);
  CHECK(again && *again == *request);
  return 0;
}
