// The request parser of the control socket: any octets give a request or a sentence, and a request
// that was taken comes back the same after printing.
#include "proto/base/bytes.h"
#include "proto/base/check.h"
#include "proto/base/utf8.h"
#include "proto/control/request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringpost;
  const std::string_view line = text_of(std::as_bytes(std::span(data, size)));
  const auto request = control::parse_request(line);
  if (!request) {
    CHECK(!request.error().empty() && is_utf8(request.error()));
    return 0;
  }
  CHECK(request->arguments.size() <= control::arguments_max);
  const std::string printed = control::print_request(*request);
  CHECK(printed.find('\n') == printed.size() - 1);
  if (printed.size() > control::request_octets_max) return 0;
  const auto again = control::parse_request(printed);
  CHECK(again && *again == *request);
  return 0;
}
